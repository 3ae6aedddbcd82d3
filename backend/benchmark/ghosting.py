"""A picture of skin in; how far it is seen double out.

A ghost is a second copy a few pixels away: it raises a second peak in the local autocorrelation,
beside the central one that every picture has.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

TILE_PX, STEP_PX = 48, 24
NEAREST_PX, FARTHEST_PX = 4, 16  # of the second peak from the centre
COARSEST_PX = 6.0


def ghosting(luminance: FloatArray, inside: BoolArray) -> float:
    """Energy of the second peak over the central one's: mean over tiles of (H, W); NaN: no tile."""
    known = inside.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(known, (0, 0), COARSEST_PX), 1e-3)
    detail = luminance - cv2.GaussianBlur(luminance * known, (0, 0), COARSEST_PX) / share
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
            correlation = np.fft.fftshift(np.fft.ifft2(power).real)
            centre = float(correlation[TILE_PX // 2, TILE_PX // 2])
            if centre > 0.0:
                peaks.append(max(float(correlation[ring].max()) / centre, 0.0) ** 2)
    return float(np.mean(peaks)) if peaks else math.nan
