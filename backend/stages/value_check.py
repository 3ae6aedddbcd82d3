"""Are a stage's numbers possible at all? Asked wherever a value is handed on to the next stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.types import (
    Camera,
    Capture,
    FaceTrack,
    HeadFit,
    Performance,
    RoomLight,
    TextureSet,
)

# Lowest and highest possible values; far beyond what occurs, short of what makes later stages fail.
_UNIT = (-1e-3, 1.0 + 1e-3)  # computed in float32
_PIXELS = (-1e6, 1e6)
_METRES = (-2.0, 2.0)  # around a head's origin
_ANGLE = (-np.pi, np.pi)
_LINEAR = (0.0, 1e3)  # light, where 1 is white
_LOG = (-20.0, 20.0)  # natural logarithm of a ratio of light
RANGES: dict[type, dict[str, tuple[float, float]]] = {
    Camera: {"size_px": (1, 1e5), "focal_px": (1.0, 1e6), "center_px": _PIXELS},
    Capture: {
        "size_px": (1, 1e5),
        "fps": (0.0, 1e5),
        "time_s": (0.0, 1e7),
        "detections_px": _PIXELS,
        "sharpness": (0.0, 1e6),
        "frame_gain": (1e-4, 1e4),
    },
    FaceTrack: {
        "landmarks_px": _PIXELS,
        "confidence": _UNIT,
        "frame_landmarks_px": _PIXELS,
    },
    HeadFit: {
        "identity": (-1e2, 1e2),
        "neutral_m": _METRES,
        "shape_deltas_m": _METRES,
        "corrective_deltas_m": _METRES,
        "joints_m": _METRES,
        "eye_centre_m": _METRES,
        "eye_radius_m": (1e-3, 0.1),
        "camera_from_head": (-1e3, 1e3),
        "expression": _UNIT,
        "gaze_rad": _ANGLE,
        "landmark_px": (0.0, 1e6),
        "outline_px": (0.0, 1e6),
        "track_px": (0.0, 1e6),
        "focal_log_sd": (0.0, 1e3),
    },
    RoomLight: {
        "unexplained": (0.0, 1e6),
        "log_shading": _LOG,
        "exposure_log": _LOG,
        "common": _LOG,
        "openness": _UNIT,
        "plain": _UNIT,
        "skin_linear": _LINEAR,
        "skin_filmed": _LINEAR,
        "iris_linear": _LINEAR,
        "sclera_filmed": _LINEAR,
    },
    TextureSet: {
        "base_color_srgb": _UNIT,
        "coverage": _UNIT,
        "confidence": _UNIT,
        "normal": (-1.01, 1.01),
        "roughness": _UNIT,
        "specular": _UNIT,
        "cavity": _UNIT,
        "iris_linear": _LINEAR,
        "hair_linear": _LINEAR,
        "alignment_srgb": _UNIT,
    },
    Performance: {
        "time_s": (0.0, 1e7),
        "weights": _UNIT,
        "neck_from_head": (-1e3, 1e3),
        "gaze_rad": _ANGLE,
    },
}
# NaN says: nothing of the kind is seen there.
MAY_BE_NAN = {
    "detections_px", "landmarks_px", "frame_landmarks_px",
    "landmark_px", "outline_px", "track_px", "log_shading",
}  # fmt: skip


def impossible_fields(value: Any) -> Iterator[str]:
    """Names of a stage value's fields, its camera's included, that hold impossible numbers."""
    for field in dataclasses.fields(value):
        entry = getattr(value, field.name)
        if isinstance(entry, Camera):
            yield from impossible_fields(entry)
        elif isinstance(entry, np.ndarray | float | tuple) and not _is_possible(
            field.name, entry, RANGES.get(type(value), {}).get(field.name)
        ):
            yield field.name


def _is_possible(name: str, entry: Any, limits: tuple[float, float] | None) -> bool:
    numbers = np.asarray(entry)
    if numbers.dtype.kind not in "iuf" or not numbers.size:
        return True
    low, high = (numbers.min(), numbers.max()) if name not in MAY_BE_NAN else _seen_range(numbers)
    # NaN compares false, so that it fails where it may not be.
    return bool(np.isfinite(low) and np.isfinite(high)) and (
        limits is None or bool(limits[0] <= low and high <= limits[1])
    )


def _seen_range(numbers: np.ndarray) -> tuple[Any, Any]:
    """Of what is not NaN."""
    if np.isnan(numbers).all():
        return 0.0, 0.0
    return np.nanmin(numbers), np.nanmax(numbers)
