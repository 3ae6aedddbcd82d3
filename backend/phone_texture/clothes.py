"""A view's low band in; which of the neck's texels show skin, and not a collar, out.

The person mask holds the clothes too, so a high collar would be painted on to the neck.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ..atlas import atlas_table, region
from .bands import LOW_SIZE, LUMINANCE, smooth_step

# Log distance from the colour of the face, brightness aside: skin below, cloth above.
CHROMA = (0.22, 0.42)
DARKER = (1.6, 2.2)  # log luminance below the face's: deeper than shadow on a neck gets
HEM = 9  # texels of the low band
FACE, COVERED = ("forehead", "cheeks", "nose"), "neck"
LEAST_WEIGHT = 0.2


class Neckline:
    """Tells skin from cloth in the low bands (L, L, 3) of one head."""

    def __init__(self, template: HeadTemplate) -> None:
        table = atlas_table(template, LOW_SIZE)
        skin = table.is_material("skin")
        face = region(template, *FACE)
        self._face = table.image(skin * table.interpolate(face), gutters=False) > 0.5
        # The region fades out towards the neck's open end, where collars are.
        neck = skin * np.minimum(3.0 * table.interpolate(region(template, COVERED)), 1.0)
        self._neck = table.image(neck.astype(np.float32), gutters=False)

    def bare(self, low: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
        """(L, L) 1: skin, 0: cloth; `weight` (L, L): how well the view saw each texel."""
        known = self._face & (weight > LEAST_WEIGHT)
        if not known.any():
            return np.ones_like(weight)
        chroma = low - (low @ LUMINANCE)[..., None]
        distance = np.linalg.norm(chroma - np.median(chroma[known], 0), axis=2)
        darker = np.median((low @ LUMINANCE)[known]) - low @ LUMINANCE
        cloth = (
            np.maximum(smooth_step(*CHROMA, distance), smooth_step(*DARKER, darker)) * self._neck
        )
        # The blur of the low band hides the hem: keep clear of it.
        return 1.0 - cv2.dilate(cloth, np.ones((HEM, HEM), np.uint8))
