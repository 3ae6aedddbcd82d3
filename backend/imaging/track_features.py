"""Two pictures of the same skin in; where marks of the one lie in the other out.

Followed by their own neighbourhood (Lucas and Kanade 1981; Bouguet 2001), there and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import BoolArray

MIN_DISTANCE_PX = 5.0  # pixels between marks
MAX_RETURN_PX = 0.5  # pixels; a mark that ends further from where it came from was lost


@dataclass(frozen=True)
class TrackedFeatures:
    """N marks that were followed, in pixels."""

    places: NDArray[np.float32]  # (N, 2) in the first picture
    offsets: NDArray[np.float32]  # (N, 2) to their places in the second


def track_features(
    here: NDArray[np.uint8],
    there: NDArray[np.uint8],
    inside: BoolArray,
    most: int,
    least_contrast: float,
    window: int,
    pyramid: int,
) -> TrackedFeatures:
    """Up to `most` marks of `here` (H, W), all `inside` (H, W), that `there` (H, W) shows too.

    `least_contrast`: share of the best mark's; `window`: side of the neighbourhood; `pyramid`: how
    often the pictures are halved first.
    """
    features = cv2.goodFeaturesToTrack(
        here, most, least_contrast, MIN_DISTANCE_PX, mask=inside.astype(np.uint8)
    )
    if features is None:
        return TrackedFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
    size = (window, window)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        here, there, features, None, winSize=size, maxLevel=pyramid
    )
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        there, here, moved, None, winSize=size, maxLevel=pyramid
    )
    near = np.linalg.norm((back - features)[:, 0], axis=1) < MAX_RETURN_PX
    sure = near & (found[:, 0] > 0) & (returned[:, 0] > 0)
    return TrackedFeatures(features[sure, 0], (moved - features)[sure, 0])
