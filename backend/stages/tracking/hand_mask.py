"""A frame's hands in; the pixels that they hide out."""

from __future__ import annotations

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

# Joints of a hand as the detector numbers them, 0 at the wrist.
FINGERS = ((0, 1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
PALM = (0, 1, 5, 9, 13, 17)
# Half the thickness of a finger and what the joints are off, in lengths of the palm.
THICKNESS = 0.22


def hand_mask(hands_px: FloatArray, size_px: tuple[int, int]) -> BoolArray:
    """(H, W) True where a hand is; `hands_px` (2, 21, 2), NaN: none."""
    width, height = size_px
    out = np.zeros((height, width), np.uint8)
    for hand in hands_px:
        if not np.isfinite(hand).all():
            continue
        joints = np.rint(hand).astype(np.int32)
        thickness = max(round(2 * THICKNESS * float(np.linalg.norm(hand[9] - hand[0]))), 3)
        cv2.fillConvexPoly(out, cv2.convexHull(joints[list(PALM)]), 1)
        for line in (*FINGERS, (*PALM, 0)):
            cv2.polylines(out, [joints[list(line)]], isClosed=False, color=1, thickness=thickness)
    return out > 0
