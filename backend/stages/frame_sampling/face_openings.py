"""The detector's points in; the pixels that show eyes or the inside of the mouth out.

A lid or lip that the fit has slightly out of place would be painted with what lies behind it.
"""

from __future__ import annotations

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

# The detector's points: lid contours in order; right, left.
LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
# The detector's points round the inner border of the lips, in order.
INNER_LIPS = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip


def openings(landmarks_px: FloatArray, size_px: tuple[int, int]) -> BoolArray:
    """(H, W) True inside the lids and between the lips; `landmarks_px` (478, 2)."""
    width, height = size_px
    out = np.zeros((height, width), np.uint8)
    if np.isfinite(landmarks_px).all():
        for outline in (*LIDS, INNER_LIPS):
            cv2.fillPoly(out, [np.rint(landmarks_px[list(outline)] - 0.5).astype(np.int32)], 1)
    return out > 0
