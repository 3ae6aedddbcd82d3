"""The detector's points in; the pixels that show eyes or the inside of the mouth out.

A lid or lip that the fit has slightly out of place would be painted with what lies behind it.
"""

from __future__ import annotations

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...detector.landmark_indices import EYE_CONTOURS, INNER_LIPS


def face_openings(landmarks_px: FloatArray, size_px: tuple[int, int]) -> BoolArray:
    """(H, W) True inside the lids and between the lips; `landmarks_px` (478, 2)."""
    width, height = size_px
    out = np.zeros((height, width), np.uint8)
    if np.isfinite(landmarks_px).all():
        for outline in (*EYE_CONTOURS, INNER_LIPS):
            cv2.fillPoly(out, [np.rint(landmarks_px[list(outline)] - 0.5).astype(np.int32)], 1)
    return out > 0
