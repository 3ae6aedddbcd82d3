"""Many in order; a few of them, from end to end, out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import IntArray


def subsample(values: IntArray, count: int) -> IntArray:
    """`count` of the values (N,), evenly spaced and with both ends; all, where there are fewer."""
    places = np.linspace(0, len(values) - 1, min(count, len(values)))
    return values[places.round().astype(int)]
