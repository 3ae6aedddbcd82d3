"""Likely classes in, the same without specks and without hair that hangs from nowhere out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, OTHER, SKIN

# Square millimetres; a smaller part of a class is taken for its neighbours'. Loose locks and the
# tips of ears are small, rims of glasses and earrings smaller.
MIN_PART_PX = {BACKGROUND: 80, SKIN: 80, HAIR: 100, CLOTHES: 250, OTHER: 12}


def clean_labels(
    probabilities: NDArray[np.float32], on_head: NDArray[np.bool_], chin_row: int
) -> NDArray[np.float32]:
    """Of the picture (H, W, C): a part too small for its class loses it.

    So does hair that lies wholly below the chin, for hair hangs from a head and collars do not; and
    what hangs together with nothing `on_head` (H, W) is somebody else, and background.
    """
    out = probabilities.copy()
    label = out.argmax(axis=2)
    for value, smallest in MIN_PART_PX.items():
        _, part, stats, _ = cv2.connectedComponentsWithStats((label == value).astype(np.uint8))
        lost = stats[:, cv2.CC_STAT_AREA] < smallest
        if value == HAIR:
            lost |= stats[:, cv2.CC_STAT_TOP] > chin_row
        lost[0] = False
        out[lost[np.asarray(part, int)], value] = 0.0
    _, part = cv2.connectedComponents((out.argmax(axis=2) != BACKGROUND).astype(np.uint8))
    own = np.unique(part[on_head])
    out[~np.isin(part, own) & (part > 0)] = np.eye(out.shape[2], dtype=np.float32)[BACKGROUND]
    return out / np.maximum(out.sum(axis=2, keepdims=True), 1e-6)
