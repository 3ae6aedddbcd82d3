"""A frame and the detector's lips in; the colour of the front teeth as filmed out.

Measured here only: as a cue of the light, teeth are not worth it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...detector.landmark_indices import INNER_LIPS

MIN_OPENING = 0.12  # of the lips, over the mouth's width
# Fewer are one tooth's edge, mixed with lips by the camera's filter.
MIN_TEETH_PX = 40
BRIGHTNESS_QUANTILES = (
    0.5,
    0.9,
)  # of what the lips leave open: neither the mouth's dark nor what glints
# Log red over green by which teeth are less red than gums and lips.
MIN_REDNESS_GAP = 0.15


def teeth_colour(
    frame: FloatArray, landmarks_px: FloatArray, skin: FloatArray
) -> NDArray[np.float32] | None:
    """(3,) of a linear frame (H, W, 3), beside skin filmed as `skin` (3,); None: no teeth show."""
    lips = landmarks_px[list(INNER_LIPS)]
    width = float(np.linalg.norm(lips[10] - lips[0]))
    if not np.isfinite(lips).all() or np.linalg.norm(lips[5] - lips[15]) < MIN_OPENING * width:
        return None
    low = np.maximum(np.floor(lips.min(0)), 0).astype(int)
    high = np.minimum(np.ceil(lips.max(0)), [frame.shape[1], frame.shape[0]]).astype(int)
    if (high - low < 4).any():
        return None
    outline = np.zeros((high - low)[::-1], np.uint8)
    cv2.fillPoly(outline, [np.rint(lips - low).astype(np.int32)], 1)
    outline = cv2.erode(outline, np.ones((3, 3), np.uint8))  # the lips' wet border
    inside = frame[low[1] : high[1], low[0] : high[0]][outline > 0]
    redness = np.log(inside[:, 0] + 1e-3) - np.log(inside[:, 1] + 1e-3)
    pale = inside[redness < np.log(skin[0] / skin[1]) - MIN_REDNESS_GAP]
    if len(pale) < MIN_TEETH_PX:
        return None
    bright = pale.sum(1)
    least, most = np.quantile(bright, BRIGHTNESS_QUANTILES)
    return np.median(pale[(bright >= least) & (bright <= most)], 0).astype(np.float32)
