"""A picture of skin in; how far it is seen double out.

A second copy of a picture puts a ripple on its power spectrum, and so a peak at the copy's distance
into the spectrum of that spectrum's logarithm, the cepstrum (Bogert, Healy and Tukey, 1963). The
autocorrelation would show it, too, but it rises as much with plain blur.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

# Three times the farthest copy; half overlapping, as a Hann window forgets the tile's rim.
TILE_PX, STEP_PX = 48, 24
NEAREST_PX, FARTHEST_PX = 4, 16  # of the copy; nearer lies what blur does to the spectrum
# Standard deviation beyond which structure is shading: coarser, its slope leaks into the peaks.
DETAIL_SIGMA_PX = 6.0
FLOOR = 1e-3  # of the tile's mean power


def ghosting(luminance: FloatArray, inside: BoolArray) -> float:
    """Highest peak of the cepstrum, mean over the tiles of (H, W) inside; NaN: no tile fits in."""
    valid = inside.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(valid, (0, 0), DETAIL_SIGMA_PX), 1e-3)
    detail = luminance - cv2.GaussianBlur(luminance * valid, (0, 0), DETAIL_SIGMA_PX) / share
    window = np.outer(np.hanning(TILE_PX), np.hanning(TILE_PX))
    row, column = np.mgrid[:TILE_PX, :TILE_PX] - TILE_PX // 2
    away = np.hypot(row, column)
    ring = (away >= NEAREST_PX) & (away <= FARTHEST_PX)
    peaks = []
    for top in range(0, inside.shape[0] - TILE_PX + 1, STEP_PX):
        for left in range(0, inside.shape[1] - TILE_PX + 1, STEP_PX):
            part = slice(top, top + TILE_PX), slice(left, left + TILE_PX)
            if not inside[part].all():
                continue
            power = np.abs(np.fft.fft2(detail[part] * window)) ** 2
            if power.any():
                cepstrum = np.fft.ifft2(np.log(power + FLOOR * power.mean())).real
                peaks.append(float(np.fft.fftshift(cepstrum)[ring].max()))
    return float(np.mean(peaks)) if peaks else math.nan
