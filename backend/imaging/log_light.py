"""Linear light and its logarithm, in which a change of light is an offset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.colour import LUMINANCE_WEIGHTS
from studio_avatar_addon.avatar.types import FloatArray

# Linear light that is as dark as black gets: one step of 8 bits is .0003 there, sensor noise more.
# With less, noise in the dark becomes contrast; with more, dark skin loses its own.
LOG_FLOOR = np.float32(0.004)
# Rec.709 weights of linear red, green and blue.
LUMINANCE = np.array(LUMINANCE_WEIGHTS, np.float32)
# Linear albedo of light skin, Fitzpatrick type III or so: where a clip shows none to measure.
TYPICAL_SKIN = np.array([0.40, 0.24, 0.17], np.float32)


def log_light(linear: FloatArray) -> NDArray[np.float32]:
    """Linear light (...) to log(light + LOG_FLOOR), float32 (...); less than none is none."""
    return np.log(np.maximum(linear, 0.0) + LOG_FLOOR).astype(np.float32)


def light_from_log(log: FloatArray) -> NDArray[np.float32]:
    """Inverse of `log_light`: (...) to linear light (...), clipped at 0."""
    return np.maximum(np.exp(log) - LOG_FLOOR, 0.0).astype(np.float32)


def chroma(log_rgb: FloatArray) -> FloatArray:
    """Log colours (..., 3) less their log luminance: (..., 3), blind to brightness."""
    return log_rgb - (log_rgb @ LUMINANCE)[..., None]
