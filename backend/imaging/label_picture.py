"""A frame and its labels in, a picture for people to look at out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, OTHER, SKIN, UNSURE

from .image_files import Image8

# sRGB, told apart by colour-blind people, too (after Okabe & Ito 2008).
COLOURS = {
    BACKGROUND: (60, 60, 60), SKIN: (230, 159, 0), HAIR: (213, 94, 200), CLOTHES: (0, 114, 178),
    OTHER: (240, 228, 66), UNSURE: (255, 255, 255),
}  # fmt: skip
STRENGTH = 0.55  # of the colours over the frame


def label_picture(frame_srgb: Image8, labels: NDArray[np.uint8]) -> Image8:
    """(H, W, 3) of a frame (H, W, 3) with each label (H, W) in its colour."""
    table = np.zeros((256, 3), np.float32)
    for label, colour in COLOURS.items():
        table[label] = colour
    mixed = frame_srgb + STRENGTH * (table[labels] - frame_srgb)
    return np.rint(mixed).astype(np.uint8)
