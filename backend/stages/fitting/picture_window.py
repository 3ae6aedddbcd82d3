"""A frame and the place of its face in; the part that holds the head, and values at points, out."""

from __future__ import annotations

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.image_files import Pixels

WINDOW_MARGIN = 1.0  # of the face's size, on every side


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


def label_at(labels: Pixels, points_px: FloatArray) -> Pixels:
    """(N,) the labels (H, W) at image points (N, 2); beyond the border, the nearest."""
    column, row = np.clip(points_px, 0, np.array(labels.shape[1::-1]) - 1).astype(int).T
    return labels[row, column]
