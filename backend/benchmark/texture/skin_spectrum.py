"""A texture's log luminance in, how strong its detail is at each size out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

TILE = 32  # texels
# Bare skin with hardly any hair, whose colour and detail are a person's own.
PLAIN_REGIONS = ("cheeks", "forehead")
WAVELENGTHS = (2.0, 4.0, 8.0, 16.0)  # texels; octaves between them


def detail_by_octave(log_luminance: FloatArray, inside: BoolArray) -> NDArray[np.float64]:
    """Standard deviation (3,) of (N, N) in each octave, finest first; the median over the tiles
    that lie in `inside` (N, N). NaN where none does."""
    window = np.outer(np.hanning(TILE), np.hanning(TILE))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE)))
    octave = np.digitize(frequency, 1.0 / np.array(WAVELENGTHS[::-1]))
    tiles = []
    for top in range(0, len(inside) - TILE + 1, TILE // 2):
        for left in range(0, len(inside) - TILE + 1, TILE // 2):
            part = slice(top, top + TILE), slice(left, left + TILE)
            if not inside[part].all():
                continue
            tile = log_luminance[part] - log_luminance[part].mean()
            power = np.abs(np.fft.fft2(tile * window)) ** 2 / (window**2).sum() / TILE**2
            tiles.append([power[octave == o].sum() for o in range(len(WAVELENGTHS) - 1, 0, -1)])
    if not tiles:
        return np.full(len(WAVELENGTHS) - 1, np.nan)
    return np.sqrt(np.median(np.array(tiles), axis=0))
