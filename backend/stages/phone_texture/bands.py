"""Views of one head in; their common low band, and their blended high band, out.

Colours are logarithms of linear light, in which a light's change is an offset. The low band
carries each view's shading and is averaged robustly; the high band carries skin and comes from
the views that see a texel best.
"""

from __future__ import annotations

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.log_light import LUMINANCE

LOW_SIZE = 256  # texels a side: as fine as the low band's blur needs
LOW_SIGMA = 2.5  # texels of LOW_SIZE: 10 at 1024
# A view brighter than its fellows by this much (log) shows shine; darker ones are excused longer.
SHINE_SPREAD = 0.12
SHADE_SPREAD = 0.40
OCTAVES = ((1.0, 1.0), (4.0, 1e-3), (16.0, 1e-6))
# Keeps the mean defined where no view saw anything.
MIN_WEIGHT = 1e-5
ROUNDS = 6  # of reweighting, after which the mean stands still


def low_band(log: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Blurred colours (L, L, 3) of a view (M, M, 3) and the weight (L, L) behind them."""
    low_size = (LOW_SIZE, LOW_SIZE)
    total = cv2.resize(log * weight[..., None], low_size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(weight, low_size, interpolation=cv2.INTER_AREA)
    blurred, spread = np.zeros_like(total), np.full_like(share, 1e-9)
    # Wider, fainter octaves continue the colours to where the view saw nothing.
    for octave, strength in OCTAVES:
        sigma = LOW_SIGMA * octave
        blurred += strength * cv2.GaussianBlur(total, (0, 0), sigma)
        spread += strength * cv2.GaussianBlur(share, (0, 0), sigma)
    return blurred / spread[..., None], np.minimum(share, spread)


def common_low_band(lows: FloatArray, weights: FloatArray) -> NDArray[np.float32]:
    """Robust mean (L, L, 3) of views (K, L, L, 3): what is seen brighter in few views is shine."""
    luminance = lows @ LUMINANCE
    weights = weights + MIN_WEIGHT
    trust = weights
    for _ in range(ROUNDS):
        share = trust / trust.sum(0)
        residual = luminance - (share * luminance).sum(0)
        spread = np.where(residual > 0.0, SHINE_SPREAD, SHADE_SPREAD)
        trust = weights / (1.0 + (residual / spread) ** 2)
    share = trust / trust.sum(0)
    return np.einsum("klm,klmc->lmc", share, lows).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def add_weighted(total, weight_sum, best, views, value, weight, rank):
    """Add a view's (n, 3) values by `rank` (n,); keep the best weight and count the views."""
    for i in range(len(weight)):
        if weight[i] <= 0.0:
            continue
        for c in range(3):
            total[i, c] += rank[i] * value[i, c]
        weight_sum[i] += rank[i]
        best[i] = max(best[i], weight[i])
        views[i] += 1
