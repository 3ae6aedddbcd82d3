"""Small linear pictures of the chosen frames in, gains that equalize exposure and colour.

A face gets lighter and darker as it turns under a lamp: that is shading, not exposure. So only the
background is compared, where it is the same in all frames. Where the camera went round the head,
`room_light` compares the fitted skin itself, point by point.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.image_files import linear_from_srgb, unit_from_pixels
from .background import WIDE_MARGINS, background_mask

SMALL_SIDE_PX = 240  # longer side: averages noise away, and keeps every frame in memory
DARKEST, LIGHTEST = 0.01, 0.9  # linear; noise below, clipping above
MIN_BACKGROUND = 0.01  # share of the picture: some hundred pixels
MAX_SCENE_SPREAD = 0.12  # spread of the log ratio over the background of an unmoved camera
GAIN_RANGE = (0.5, 2.0)  # a stop either way; more is a change of light, not of exposure


def small_linear(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 sRGB to a small picture (h, w, 3) in linear light, [0, 1]."""
    shrink = min(1.0, SMALL_SIDE_PX / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return linear_from_srgb(unit_from_pixels(np.asarray(small, np.uint8)))


def exposure_gains(small: NDArray[np.float32], landmarks: FloatArray) -> NDArray[np.float32] | None:
    """Pictures (K, h, w, 3) and landmarks (K, 478, 2) in their pixels to linear gains (K, 3).

    None where the background is not the same throughout.
    """
    background = background_mask(small[0].shape[:2], landmarks, WIDE_MARGINS)
    if background.mean() > MIN_BACKGROUND:
        logs = _log_ratio(small[:, background])
        if logs.size:
            offset = np.median(logs, axis=1)
            if np.median(np.abs(logs - offset[:, None])) < MAX_SCENE_SPREAD:
                return _gains(offset)
    return None


def _log_ratio(samples: FloatArray) -> FloatArray:
    """(K, N, 3) to the logarithm of each sample's ratio to its median over the frames, of those
    (K, M, 3) that are neither black nor clipped in any frame."""
    usable = ((samples > DARKEST) & (samples < LIGHTEST)).all(axis=(0, 2))
    logs = np.log(samples[:, usable])
    return logs - np.median(logs, axis=0)


def _gains(offset: FloatArray) -> NDArray[np.float32]:
    return np.clip(np.exp(-offset), *GAIN_RANGE).astype(np.float32)
