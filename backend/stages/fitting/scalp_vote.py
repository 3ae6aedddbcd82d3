"""Frames' labels and a roughly fitted head in; where hair grows on it, out.

One view's labels can be wrong: a shaved head in shadow is labelled hair. So every point of the
scalp is judged by all frames that see it squarely, and an outline asks the scalp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.labels import HAIR, SKIN, UNSURE
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...geometry.normals import vertex_normals
from ...imaging.image_files import Pixels
from .head_model import LinearHead, SolverState, skin_triangles
from .picture_window import label_at

# Of normal and line of sight: beyond some 70 degrees a rim's labels are those of what is behind.
MIN_COSINE = 0.35
# A point is bare if this share of the frames that see it say so: shadow is taken for hair, hair
# hardly ever for skin.
MIN_SKIN_SHARE = 0.35
# The share is averaged over so many vertices, so that single ones do not decide, no farther than
# this: beyond a forehead there may be hair.
NEIGHBOURS, REACH_M = 24, 0.04


class ScalpVote:
    """Collects the frames' votes on where V vertices' scalp is bare."""

    def __init__(self, template: HeadTemplate, head: LinearHead) -> None:
        self._template, self._head = template, head
        self._triangles = skin_triangles(template)
        self._scalp = np.zeros(len(template.vertices_m), bool)
        self._scalp[self._triangles.ravel()] = True
        self._scalp &= template.region("scalp") > 0.5
        self._views = np.zeros(len(template.vertices_m))
        self._skin = np.zeros(len(template.vertices_m))

    def add(self, frame: int, estimate: SolverState, center_px: FloatArray, labels: Pixels) -> None:
        """Count a frame by its labels (H, W); `center_px` (2,): principal point."""
        posed = self._head.vertices.at(estimate.shape, estimate.expression[frame])
        in_camera = posed @ estimate.rotation[frame].T + estimate.translation_m[frame]
        normal = vertex_normals(in_camera, self._triangles)
        sight = in_camera / np.linalg.norm(in_camera, axis=1, keepdims=True)
        shown = label_at(labels, estimate.project(frame, posed, center_px))
        judged = self._scalp & (-(normal * sight).sum(axis=1) > MIN_COSINE)
        judged &= (shown == SKIN) | (shown == HAIR)
        self._views += judged
        self._skin += judged & (shown == SKIN)

    def result(self) -> NDArray[np.uint8]:
        """(V,) on the scalp SKIN where it is bare, else HAIR; UNSURE on the rest of the head.

        What no frame saw squarely is decided by its neighbours, and has hair where there are none.
        What is bare on one side is so on the other: a shadow is one-sided, hardly a hairline.
        """
        rest = self._template.vertices_m
        judged = self._views > 0
        bare = np.zeros(len(rest), bool)
        if judged.any():
            tree = cKDTree(rest[judged])
            _, near = tree.query(rest, k=NEIGHBOURS, distance_upper_bound=REACH_M)
            # Missing neighbours have the number behind the last.
            views, skin = np.append(self._views[judged], 0), np.append(self._skin[judged], 0)
            bare = skin[near].sum(axis=1) > MIN_SKIN_SHARE * views[near].sum(axis=1)
            bare |= bare[self._template.mirror]
        return np.where(self._scalp, np.where(bare, SKIN, HAIR), UNSURE).astype(np.uint8)
