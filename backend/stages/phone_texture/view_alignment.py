"""One view's texture and the mosaic of the views before it in; how it must be warped out.

The fit leaves a pixel or two of error, which blending would turn into ghosts. Both textures are
compared in the atlas after taking light and contrast out: marks of the skin are followed from one
to the other and back (Lucas and Kanade), and the fit is believed where there are none.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.track_features import track_features
from ..frame_sampling.frame_sampler import WARP_STEP

# Texels of the alignment atlas.
CONTRAST_SIGMA = 7.0
WARP_SIGMA = 8.0
MAX_WARP = 8.0
MARKS, MIN_CONTRAST, WINDOW, PYRAMID = 3000, 0.01, 25, 2
# Where no mark is near, the fit is believed.
FIT_TRUST = 0.02


class Mosaic:
    """The growing texture that later views are aligned to, in an atlas of M x M texels."""

    def __init__(self, size: int) -> None:
        self._pattern = np.zeros((size, size), np.float32)
        self._weight = np.zeros((size, size), np.float32)

    def warp(self, pattern: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
        """Offsets (M/4, M/4, 2) in texels x, y at which the view shows what the mosaic shows.

        `pattern` (M, M): `local_pattern` of the view; `weight` (M, M) its trust.
        """
        common = np.minimum(np.minimum(weight, self._weight) * 4.0, 1.0)
        here, there = _grey(self._pattern * common), _grey(pattern * common)
        size = len(pattern) // WARP_STEP
        total, share = np.zeros((size, size, 2), np.float32), np.zeros((size, size), np.float32)
        marks = track_features(here, there, common > 0.0, MARKS, MIN_CONTRAST, WINDOW, PYRAMID)
        # Slides beyond what a usable fit leaves are mismatches.
        valid = np.linalg.norm(marks.offsets, axis=1) < MAX_WARP
        column, row = (marks.positions[valid] / WARP_STEP).astype(int).T
        np.add.at(total, (row, column), marks.offsets[valid])
        np.add.at(share, (row, column), 1.0)
        return _smooth(total, share)

    def add(self, pattern: FloatArray, weight: FloatArray) -> None:
        """Add an aligned view: `pattern` and its trust `weight` (M, M).

        It counts where it sees better than the views before it.
        """
        share_of_view = weight**4 / np.maximum(weight**4 + self._weight**4, 1e-9)
        self._pattern += share_of_view * (pattern - self._pattern)
        self._weight = np.maximum(self._weight, weight)


def local_pattern(log_luminance: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
    """Log luminance (M, M) less its surroundings, over its contrast; 0 where nothing is seen."""
    observed = (weight > 0.0).astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(observed, (0, 0), CONTRAST_SIGMA), 1e-3)
    mean = cv2.GaussianBlur(log_luminance * observed, (0, 0), CONTRAST_SIGMA) / share
    detail = (log_luminance - mean) * observed
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2 * CONTRAST_SIGMA) / share)
    return np.clip(detail / (spread + 0.02), -3.0, 3.0).astype(np.float32)


def _grey(pattern: FloatArray) -> NDArray[np.uint8]:
    return np.clip(128.0 + 42.0 * pattern, 0, 255).astype(np.uint8)


def _smooth(total: FloatArray, share: FloatArray) -> NDArray[np.float32]:
    """Offsets summed (m, m, 2) by grid cell, their number (m, m), to a smooth field (m, m, 2)."""
    sigma = WARP_SIGMA / WARP_STEP
    total, share = (cv2.GaussianBlur(image, (0, 0), sigma) for image in (total, share))
    return (total / (share + FIT_TRUST)[..., None]).astype(np.float32)
