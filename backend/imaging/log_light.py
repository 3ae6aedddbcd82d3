"""Linear light and its logarithm, in which a change of light is an offset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

LOG_FLOOR = np.float32(0.004)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
USUAL_SKIN = np.array([0.40, 0.24, 0.17], np.float32)  # linear, where a clip tells nothing better


def log_light(linear: FloatArray) -> NDArray[np.float32]:
    """Linear light (...) to its logarithm; a floor keeps sensor noise in the dark small."""
    return np.log(np.maximum(linear, 0.0) + LOG_FLOOR).astype(np.float32)


def light_from_log(log: FloatArray) -> NDArray[np.float32]:
    """The way back, clipped at 0."""
    return np.maximum(np.exp(log) - LOG_FLOOR, 0.0).astype(np.float32)


def chroma(log_rgb: FloatArray) -> FloatArray:
    """Log colours (..., 3) less their luminance."""
    return log_rgb - (log_rgb @ LUMINANCE)[..., None]
