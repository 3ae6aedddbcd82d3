"""One view's texture and the mosaic of the views before it in; how far it must slide out.

The fit leaves a pixel or two of error, which blending would turn into ghosts. Both textures are
compared in the atlas by dense flow (DIS, Kroeger et al. 2016) after taking light and contrast out.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

# Texels of the alignment atlas.
CONTRAST_SIGMA = 7.0
FLOW_SIGMA = 6.0
LARGEST_SLIDE = 6.0
# The flow is smooth, so a coarser grid keeps it.
FLOW_STEP = 4


class Mosaic:
    """The growing texture that later views are aligned to, in an atlas of M x M texels."""

    def __init__(self, size: int) -> None:
        self._pattern = np.zeros((size, size), np.float32)
        self._weight = np.zeros((size, size), np.float32)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def slide(self, pattern: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
        """Offsets (M/4, M/4, 2) in texels x, y at which the view shows what the mosaic shows.

        `pattern` (M, M): `local_pattern` of the view; `weight` (M, M) its trust.
        """
        common = np.minimum(np.minimum(weight, self._weight) * 4.0, 1.0)
        flow = self._flow.calc(_grey(self._pattern * common), _grey(pattern * common), None)
        # Slides beyond what a usable fit leaves are mismatches.
        length = np.linalg.norm(flow, axis=2)
        share = common * (length < LARGEST_SLIDE) * (0.05 + np.abs(self._pattern))
        flow = cv2.resize(flow * share[..., None], None, fx=1 / FLOW_STEP, fy=1 / FLOW_STEP,
                          interpolation=cv2.INTER_AREA)  # fmt: skip
        share = cv2.resize(share, flow.shape[1::-1], interpolation=cv2.INTER_AREA)
        return _smooth(flow, share)

    def add(self, pattern: FloatArray, weight: FloatArray) -> None:
        """Let the aligned view speak where it sees better than the views before it."""
        fresh = weight**4 / np.maximum(weight**4 + self._weight**4, 1e-9)
        self._pattern += fresh * (pattern - self._pattern)
        self._weight = np.maximum(self._weight, weight)


def local_pattern(log_luminance: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
    """Log luminance (M, M) less its surroundings, over its contrast; 0 where nothing is seen."""
    known = (weight > 0.0).astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(known, (0, 0), CONTRAST_SIGMA), 1e-3)
    mean = cv2.GaussianBlur(log_luminance * known, (0, 0), CONTRAST_SIGMA) / share
    detail = (log_luminance - mean) * known
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2 * CONTRAST_SIGMA) / share)
    return np.clip(detail / (spread + 0.02), -3.0, 3.0).astype(np.float32)


def _grey(pattern: FloatArray) -> NDArray[np.uint8]:
    return np.clip(128.0 + 42.0 * pattern, 0, 255).astype(np.uint8)


def _smooth(flow: FloatArray, share: FloatArray) -> NDArray[np.float32]:
    """Weighted smoothing that continues the flow to texels without an own match."""
    total, weight = np.zeros_like(flow), np.full_like(share, 1e-6)
    for octave, strength in ((1.0, 1.0), (4.0, 0.03), (12.0, 0.001)):
        sigma = FLOW_SIGMA / FLOW_STEP * octave
        total += strength * cv2.GaussianBlur(flow, (0, 0), sigma)
        weight += strength * cv2.GaussianBlur(share, (0, 0), sigma)
    return (total / weight[..., None]).astype(np.float32)
