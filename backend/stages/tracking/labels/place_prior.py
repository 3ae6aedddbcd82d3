"""Where a pixel lies to the mean head in, how likely it is each class out: no picture asked.

The plain alternative to the networks, and what a clip is judged by where they are at a loss.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, LABEL_NAMES, SKIN

from .head_window import CHIN_M, DISTANCE_M, Place

NECK_M = -0.15  # below it, what lies on the neck is clothes
SURE, LIKELY = 0.95, 0.7
SURE_DISTANCE_M = 0.006  # from the mean head's outline


def place_prior(place: NDArray[np.float32], person: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, C) from a window's `place` (H, W, P) and its person mask (H, W) in [0, 1]."""
    height_m = place[..., Place.HEIGHT] * DISTANCE_M
    on_head = place[..., Place.INSIDE] > 0
    clear = (place[..., Place.INSIDE] + place[..., Place.OUTSIDE]) * DISTANCE_M > SURE_DISTANCE_M
    label = np.where(height_m > CHIN_M, HAIR, CLOTHES)
    label = np.where(on_head, SKIN, label)
    label = np.where(on_head & (place[..., Place.SCALP] > 0.5), HAIR, label)
    label = np.where(on_head & (height_m < NECK_M), CLOTHES, label)
    of_person = np.where(clear, SURE, LIKELY)[..., None]
    given = np.eye(len(LABEL_NAMES), dtype=np.float32)[label]
    rest = (1.0 - of_person) / (len(LABEL_NAMES) - 1)
    out = (given * (of_person - rest) + rest) * person[..., None]
    out[..., BACKGROUND] += 1.0 - person
    return out.astype(np.float32)
