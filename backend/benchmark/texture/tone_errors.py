"""Signed errors of skin's tone in, how they lie over the six types out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, IntArray

TONE_TITLES = ("bias", "spread over tones", "largest of a tone")


def tone_means(errors: FloatArray, types: IntArray) -> NDArray[np.float64]:
    """Mean (t,) of the errors (m,) of each of the types (m,) that occur."""
    return np.array([errors[types == one].mean() for one in np.unique(types)])


def tone_figures(means: FloatArray) -> tuple[float, float, float]:
    """Those of TONE_TITLES, of each type's mean (t,)."""
    return float(means.mean()), float(means.std()), float(np.abs(means).max())
