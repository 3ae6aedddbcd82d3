"""Is a performance one that can be keyed? Asked of what is read from a file, and before it is used.

A damaged or made-up recording would otherwise make keys until memory ends, or faces of NaN.
"""

from __future__ import annotations

import numpy as np

from .errors import ShapeError
from .shapes import SHAPE_NAMES
from .types import FloatArray, Performance

# An hour at Live Link's 60 a second. With a key in each of the 68 curves on every frame that took
# 1.1 GB in Blender 5.0 and 16 s; 100,000 frames took 0.5 GB and 7 s.
MAX_FRAMES = 216_000
MAX_GAP_S = 60.0  # no take pauses so long; every second of it is keys at the scene's rate
WEIGHT_SLACK = 1e-3  # beyond 0 to 1, for what was rounded
ROTATION_SLACK = 0.01  # of R R^T from the identity: a thousand times what float32 rounds
_LARGEST = 1e12  # of any value: it still tells seconds apart, and can be shown
AGAIN = "Make the performance again from its recording."


def check_performance(performance: Performance, name: str) -> None:
    """Raise ShapeError, which names it `name`, where it cannot be keyed.

    That is where arrays are empty, misshapen or not finite, times do not increase or leave a gap
    of more than MAX_GAP_S, frames are more than MAX_FRAMES, weights beyond 0 to 1, gazes beyond
    half a turn, or rotations none.
    """
    _check_arrays(performance, name)
    _check_times(performance.time_s, name)
    low, high = float(performance.weights.min()), float(performance.weights.max())
    if low < -WEIGHT_SLACK or high > 1.0 + WEIGHT_SLACK:
        raise ShapeError(
            f"The weights of the performance {name} run from {low:.3g} to {high:.3g}, "
            "not from 0 to 1.",
            AGAIN,
        )
    if np.abs(performance.gaze_rad).max() > np.pi:
        raise ShapeError(f"The gaze of the performance {name} turns beyond half a turn.", AGAIN)
    rotation = performance.neck_from_head[:, :3, :3].astype(np.float64)
    error = np.abs(rotation @ rotation.swapaxes(1, 2) - np.eye(3)).max()
    if error > ROTATION_SLACK or np.linalg.det(rotation).min() < 0.0:
        raise ShapeError(f"The head of the performance {name} is not turned by rotations.", AGAIN)


def _check_arrays(performance: Performance, name: str) -> None:
    count = performance.time_s.size
    shapes = {
        "time_s": (count,),
        "weights": (count, len(SHAPE_NAMES)),
        "neck_from_head": (count, 4, 4),
        "gaze_rad": (count, 2, 2),
    }
    for field, shape in shapes.items():
        array = getattr(performance, field)
        fits = count > 0 and array.shape == shape and array.dtype.kind in "fi"
        if not fits or not (np.abs(array) <= _LARGEST).all():  # NaN is not either
            wanted = " x ".join(map(str, shape))
            raise ShapeError(
                f"The performance {name} is damaged: its {field} are not {wanted} finite numbers.",
                AGAIN,
            )
    if count > MAX_FRAMES:
        raise ShapeError(
            f"The performance {name} has {count} frames, more than the {MAX_FRAMES} allowed.",
            "Split it into takes of at most an hour.",
        )


def _check_times(time_s: FloatArray, name: str) -> None:
    steps_s = np.diff(time_s)
    if not len(steps_s):
        return
    if steps_s.min() <= 0.0:
        stuck = int(np.argmin(steps_s))
        raise ShapeError(
            f"The times of the performance {name} do not increase at frame {stuck + 1}.", AGAIN
        )
    if gap := long_gap(time_s):
        raise ShapeError(
            f"The performance {name} has a gap of {gap}.", "Split it there into two takes."
        )


def long_gap(time_s: FloatArray) -> str:
    """How long the longest gap between times (T,) is and where, e.g. "183:07 (min:s) at 0:12";
    empty where none is longer than MAX_GAP_S."""
    steps_s = np.diff(time_s)
    if not len(steps_s) or steps_s.max() <= MAX_GAP_S:
        return ""
    worst = int(np.argmax(steps_s))
    return f"{_clock(steps_s[worst])} (min:s) at {_clock(time_s[worst] - time_s[0])}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(float(seconds)), 60)
    return f"{minutes}:{rest:02d}"
