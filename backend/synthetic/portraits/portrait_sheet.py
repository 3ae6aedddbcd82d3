"""Portraits in; a sheet of them beside their labels, to be looked at, out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..corpus.person_sheets import tiled
from .render_portraits import Portrait

# sRGB of background, skin, hair, clothes and other.
_COLOURS = np.array([(90, 90, 90), (255, 190, 150), (120, 40, 30), (40, 110, 220), (240, 220, 0)])


def portraits_sheet(portraits: Sequence[Portrait], columns: int) -> NDArray[np.uint8]:
    """(rows * H, columns * 2 W, 3): each picture, and its coverage as a mix of colours beside it.

    Raises ValueError for no portraits.
    """
    if not portraits:
        raise ValueError("there are no portraits to show")
    return tiled([_pair(portrait) for portrait in portraits], columns)


def _pair(portrait: Portrait) -> NDArray[np.uint8]:
    picture, coverage = portrait.read()
    shares = coverage.astype(np.float32) / 255.0
    background = np.maximum(1.0 - shares.sum(-1, keepdims=True), 0.0)
    mixed = np.concatenate([background, shares], -1) @ _COLOURS
    return np.hstack([picture, np.clip(np.rint(mixed), 0, 255).astype(np.uint8)])
