"""Faces in, the part of the picture that shows nobody out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray


@dataclass(frozen=True)
class Margins:
    """What goes with a face: hair, shoulders and chest, in its landmarks' width and height."""

    aside: float
    above: float
    shoulders: float  # to each side, from the chin down


# Little, as a portrait leaves hardly more than a rim of background: for what outvotes the rest of
# the person.
NARROW_MARGINS = Margins(aside=0.4, above=0.45, shoulders=1.0)
# Nothing of the person is left: for colours of which a few pixels are enough.
WIDE_MARGINS = Margins(aside=0.8, above=0.8, shoulders=2.0)


def background_mask(size: tuple[int, ...], faces: FloatArray, margins: Margins) -> BoolArray:
    """(h, w) of `size`, True where no face (F, 478, 2) in pixels nor what goes with it lies."""
    background = np.ones(size, bool)
    for low, high in zip(faces.min(axis=1), faces.max(axis=1), strict=True):
        width, height = high - low
        left, top = np.maximum(low - (margins.aside * width, margins.above * height), 0).astype(int)
        background[top:, left : max(0, int(high[0] + margins.aside * width))] = False
        aside = margins.shoulders * width
        shoulders = slice(max(0, int(low[0] - aside)), max(0, int(high[0] + aside)))
        background[max(0, int(high[1])) :, shoulders] = False
    return background
