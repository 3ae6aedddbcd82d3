"""Frames' labels and a roughly fitted head in; whether it is bald, out.

One view's labels can be wrong: a shaved head in shadow is labelled hair. So the scalp is judged by
all frames that see it squarely.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.labels import BACKGROUND, SKIN, UNSURE
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...geometry.normals import vertex_normals
from ...imaging.image_files import Pixels
from .head_model import LinearHead, SolverState, skin_triangles
from .picture_window import label_at

# Of normal and line of sight: beyond some 70 degrees a rim's labels are those of what is behind.
MIN_COSINE = 0.35
# Foreheads are higher than the template's by so much, or a first fit has them so.
BEHIND_FACE_M = 0.03
# Of what is seen of a bald scalp, shadow makes less than a quarter look like hair; among hair or
# under a hat, hardly anything looks like skin.
MIN_SKIN_SHARE = 0.75


class BaldVote:
    """Collects the frames' votes on what the scalp shows."""

    def __init__(self, template: HeadTemplate, head: LinearHead) -> None:
        self._head = head
        self._triangles = skin_triangles(template)
        self._scalp = np.zeros(len(template.vertices_m), bool)
        self._scalp[self._triangles.ravel()] = True
        face = template.vertices_m[template.region("face") > 0.5]
        behind, _ = cKDTree(face).query(template.vertices_m)
        self._scalp &= (template.region("scalp") > 0.5) & (behind > BEHIND_FACE_M)
        self._skin = self._other = 0

    def add(self, frame: int, estimate: SolverState, center_px: FloatArray, labels: Pixels) -> None:
        """Count a frame by its labels (H, W); `center_px` (2,): principal point."""
        posed = self._head.vertices.at(estimate.shape, estimate.expression[frame])
        in_camera = posed @ estimate.rotation[frame].T + estimate.translation_m[frame]
        normal = vertex_normals(in_camera, self._triangles)
        sight = in_camera / np.linalg.norm(in_camera, axis=1, keepdims=True)
        seen = self._scalp & (-(normal * sight).sum(axis=1) > MIN_COSINE)
        points = estimate.project(frame, posed[seen], center_px)
        # Where the picture cuts the head off, its border shows the forehead.
        within = ((points >= 0.0) & (points < labels.shape[1::-1])).all(axis=1)
        shown = label_at(labels, points[within])
        bare = shown == SKIN
        self._skin += int(bare.sum())
        self._other += int((~bare & ~np.isin(shown, (BACKGROUND, UNSURE))).sum())

    def result(self) -> bool:
        """Whether the scalp is bare; False where no frame shows it."""
        return self._skin > MIN_SKIN_SHARE * (self._skin + self._other)
