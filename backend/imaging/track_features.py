"""Two pictures of the same skin in; where features of the one lie in the other out.

Tracked by their own neighbourhood (Lucas and Kanade 1981; Bouguet 2001), there and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import BoolArray

MIN_DISTANCE_PX = 5.0  # between features: nearer ones would tell the same
MAX_RETURN_PX = 0.5  # tracked there and back; one that ends further from where it began was lost


@dataclass(frozen=True)
class TrackedFeatures:
    """N features that were tracked, in pixels."""

    positions: NDArray[np.float32]  # (N, 2) in the first picture
    offsets: NDArray[np.float32]  # (N, 2) to their positions in the second


def track_features(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    inside: BoolArray,
    max_count: int,
    min_contrast: float,
    window: int,
    pyramid: int,
) -> TrackedFeatures:
    """Up to `max_count` corners of `first` (H, W), all `inside` (H, W), that `second` (H, W) shows.

    `min_contrast`: share of the best corner's (Shi and Tomasi 1994); `window`: side of the
    neighbourhood in pixels; `pyramid`: how often the pictures are halved first.
    """
    features = cv2.goodFeaturesToTrack(
        first, max_count, min_contrast, MIN_DISTANCE_PX, mask=inside.astype(np.uint8)
    )
    if features is None:
        return TrackedFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
    size = (window, window)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, features, None, winSize=size, maxLevel=pyramid
    )
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        second, first, moved, None, winSize=size, maxLevel=pyramid
    )
    near = np.linalg.norm((back - features)[:, 0], axis=1) < MAX_RETURN_PX
    valid = near & (found[:, 0] > 0) & (returned[:, 0] > 0)
    return TrackedFeatures(features[valid, 0], (moved - features)[valid, 0])
