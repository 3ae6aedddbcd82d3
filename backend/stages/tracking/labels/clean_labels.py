"""Likely classes in, one class a pixel out, without specks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, OTHER, SKIN

# Square millimetres; a smaller part of a class is taken for its neighbours'. Loose locks and the
# tips of ears are small, rims of glasses and earrings smaller.
MIN_PART_PX = {BACKGROUND: 80, SKIN: 80, HAIR: 100, CLOTHES: 250, OTHER: 12}


def drop_specks(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, C) at a millimetre a pixel; a part too small for its class loses it."""
    out = probabilities.copy()
    label = out.argmax(axis=2)
    for value, smallest in MIN_PART_PX.items():
        _, part, stats, _ = cv2.connectedComponentsWithStats((label == value).astype(np.uint8))
        small = stats[:, cv2.CC_STAT_AREA] < smallest
        small[0] = False
        out[small[np.asarray(part, int)], value] = 0.0
    return out / np.maximum(out.sum(axis=2, keepdims=True), 1e-6)
