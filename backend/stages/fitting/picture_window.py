"""Frames and a roughly fitted head in; where that head is bare skin, out.

A colour test on the outline itself fails: rims are lit from behind, and a cheek in shadow is as
dark as hair in light. So every point of the surface is judged by the frames that see it squarely,
the best lit of them counting, and the outline asks the surface.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.colour import LUMINANCE_WEIGHTS
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...geometry.normals import vertex_normals
from ...imaging.image_files import Pixels, linear_from_srgb
from .head_model import LinearHead, SolverState, skin_triangles

# Of normal and line of sight: beyond some 70 degrees a rim shows light and background, not skin.
MIN_COSINE = 0.35
# How far a colour's shares of red and blue may lie from the face's median, in the face's own robust
# standard deviations: fewer lose shadowed skin, more take in light hair.
SKIN_SPREADS = 4.0
CHROMA_LIMITS = (0.05, 0.13)  # least and most that red's and blue's shares may differ
# Of the face's median luminance, linear: dark hair has skin's hue and lies below.
MIN_LUMINANCE_SHARE = 0.15
# A point is skin if this share of the frames that see it say so: shadow hides skin, hair never
# looks like it.
MIN_SKIN_SHARE = 0.2
NEIGHBOURS = 24  # vertices over which the share is averaged, so that single pores do not decide
SMOOTHING_M = 0.002  # of the picture on the head: finer than that is pores and strands
PERSON_THRESHOLD = 200  # of 255: a mask's soft border is background in part
WINDOW_MARGIN = 1.0  # of the face's size, on every side


class HairlineVote:
    """Collects the frames' votes on which of V vertices are skin."""

    def __init__(self, template: HeadTemplate, head: LinearHead) -> None:
        self._template, self._head = template, head
        skin = skin_triangles(template)
        self._triangles = skin
        self._outside = np.zeros(len(template.vertices_m), bool)
        self._outside[skin.ravel()] = True
        self._views = np.zeros(len(template.vertices_m))
        self._skin = np.zeros(len(template.vertices_m))

    def add(
        self,
        frame: int,
        estimate: SolverState,
        center_px: FloatArray,
        image_srgb: Pixels,
        mask: Pixels,
        face_px: FloatArray,
    ) -> None:
        """Count a frame: image (H, W, 3) uint8, mask (H, W) uint8, face points (L, 2) px.

        `center_px` (2,): principal point.
        """
        posed = self._head.vertices.at(estimate.shape, estimate.expression[frame])
        in_camera = posed @ estimate.rotation[frame].T + estimate.translation_m[frame]
        normal = vertex_normals(in_camera, self._triangles)
        sight = in_camera / np.linalg.norm(in_camera, axis=1, keepdims=True)
        pixels = estimate.project(frame, posed, center_px)
        frontal = self._outside & (-(normal * sight).sum(axis=1) > MIN_COSINE)
        frontal &= sample(mask, pixels) > PERSON_THRESHOLD
        px_per_m = estimate.focal_px / estimate.translation_m[frame, 2]
        corner, window = head_window(mask, face_px)
        smooth = cv2.GaussianBlur(image_srgb[window], (0, 0), max(SMOOTHING_M * px_per_m, 0.8))
        matches_face = _matches_face_color(
            sample(smooth, pixels - corner), sample(smooth, face_px - corner)
        )
        self._views += frontal
        self._skin += frontal & matches_face

    def result(self) -> BoolArray:
        """(V,) True: skin. What no frame saw squarely is decided by its neighbours.

        What is skin on one side is so on the other: a shadow is one-sided, hardly a hairline.
        """
        rest = self._template.vertices_m
        judged = self._views > 0
        if not judged.any():
            return np.ones(len(rest), bool)
        share = self._skin[judged] / self._views[judged]
        count = min(NEIGHBOURS, int(judged.sum()))
        _, near = cKDTree(rest[judged]).query(rest, k=count)
        skin = share[near].reshape(len(rest), -1).mean(axis=1) > MIN_SKIN_SHARE
        return skin | skin[self._template.mirror]


def head_window(image: Pixels, face_px: FloatArray) -> tuple[FloatArray, tuple[slice, slice]]:
    """The part of an image (H, W) that holds the whole head of a face at `face_px` (L, 2).

    Its top left corner (2,) in pixels, and the slices of rows and columns.
    """
    low, high = face_px.min(axis=0), face_px.max(axis=0)
    margin = WINDOW_MARGIN * (high - low).max()
    left, top = np.maximum(low - margin, 0).astype(int)
    right, bottom = np.minimum(high + margin, image.shape[1::-1]).astype(int)
    return np.array([left, top], np.float64), (slice(top, bottom), slice(left, right))


def sample(image: FloatArray | Pixels, points_px: FloatArray) -> FloatArray:
    """Bilinear values (N,) or (N, C) at image points; pixel centres at integer + 0.5."""
    x, y = (points_px - 0.5).astype(np.float32).T
    sampled = cv2.remap(
        image, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return sampled[:, 0]


def _matches_face_color(srgb: FloatArray, face_srgb: FloatArray) -> BoolArray:
    """(N,) True for colours (N, 3) in 0..255 like those of the face (L, 3)."""
    face_chroma, face_light = _chroma(face_srgb)
    middle = np.median(face_chroma, axis=0)
    spread = 1.4826 * np.median(np.abs(face_chroma - middle), axis=0)
    limit = np.clip(SKIN_SPREADS * spread, *CHROMA_LIMITS)
    chroma, light = _chroma(srgb)
    alike = (np.abs(chroma - middle) < limit).all(axis=1)
    return alike & (light > MIN_LUMINANCE_SHARE * np.median(face_light))


def _chroma(srgb: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of red and blue (N, 2) and luminance (N,) of colours (N, 3) in 0..255."""
    linear = linear_from_srgb(np.asarray(srgb, np.float64) / 255.0) + 1e-4
    return linear[:, [0, 2]] / linear.sum(axis=1, keepdims=True), linear @ LUMINANCE_WEIGHTS
