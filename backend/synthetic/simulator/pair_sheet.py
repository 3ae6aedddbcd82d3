"""Pairs in; a picture of phone textures beside their studio textures out, for people to look at."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ...imaging.image_files import pixels_8bit
from .simulate import Pair

ACROSS = 8  # pairs a row
TILE_PX = 128  # small enough for a screen, large enough to see a seam
UNSEEN_BRIGHTNESS = 0.45  # brightness left to what no view saw, in the third column


def draw_sheet(pair: Pair, across: int = ACROSS, tile_px: int = TILE_PX) -> NDArray[np.uint8]:
    """(H, W, 3): of each pair phone and studio texture and, in the phone's, what was seen."""
    seen = UNSEEN_BRIGHTNESS + (1.0 - UNSEEN_BRIGHTNESS) * pair.coverage[:, None]
    tiles = torch.cat([pair.phone_srgb, pair.studio_srgb, pair.phone_srgb * seen], 3)
    pictures = tiles.permute(0, 2, 3, 1).cpu().numpy()
    small = [
        cv2.resize(picture, (3 * tile_px, tile_px), interpolation=cv2.INTER_AREA)
        for picture in pictures
    ]
    blank = np.ones_like(small[0])
    small += [blank] * (-len(small) % across)
    rows = [np.hstack(small[start : start + across]) for start in range(0, len(small), across)]
    return pixels_8bit(np.vstack(rows))
