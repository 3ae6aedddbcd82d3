"""`cameras.npz`: how the head is before the camera in the chosen frames; to arrays and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .png_files import LARGEST_SIDE_PX
from .shapes import SHAPE_NAMES
from .types import Camera

_LARGEST = 1e6  # of any number: pixels, metres, seconds; what is beyond is no capture


@dataclass(frozen=True)
class CameraData:
    """The K chosen frames."""

    frame_index: NDArray[Any]  # (K,) int64 into the clip's frames
    time_s: NDArray[Any]  # (K,) float64
    camera_from_head: NDArray[Any]  # (K, 4, 4) float64
    expression: NDArray[Any]  # (K, 52) float32 in [0, 1]
    gaze_rad: NDArray[Any]  # (K, 2, 2) float32 per eye: yaw to the subject's left, pitch up
    # (K,) float32 each, as `types.HeadFit` has them
    landmark_px: NDArray[Any]
    outline_px: NDArray[Any]
    track_px: NDArray[Any]
    focal_log_sd: float
    left_out: tuple[str, ...]
    camera: Camera


def cameras_from_arrays(stored: Mapping[str, NDArray[Any]]) -> CameraData:
    """Raises KeyError where an array is missing, ValueError where one cannot be."""
    count = stored["frame_index"].size
    shapes = {
        "frame_index": (count,),
        "time_s": (count,),
        "camera_from_head": (count, 4, 4),
        "expression": (count, len(SHAPE_NAMES)),
        "gaze_rad": (count, 2, 2),
        "focal_log_sd": (),
        "size_px": (2,),
        "focal_px": (2,),
        "center_px": (2,),
        "distortion": (5,),
    }
    for name, shape in shapes.items():
        _check(name, stored[name], shape)
    for name in ("landmark_px", "outline_px", "track_px"):  # NaN: nothing of the kind is seen
        _check(name, np.nan_to_num(stored[name]), (count,))
    if stored["left_out"].shape != (count,) or stored["left_out"].dtype.kind != "U":
        raise ValueError(f"its left_out are not {count} texts")
    if stored["frame_index"].dtype.kind != "i" or stored["frame_index"].min(initial=0) < 0:
        raise ValueError("its frame_index are no numbers of frames")
    if min(*stored["size_px"], *stored["focal_px"]) < 1 or max(stored["size_px"]) > LARGEST_SIDE_PX:
        raise ValueError("its camera's size cannot be")
    return CameraData(
        frame_index=stored["frame_index"],
        time_s=stored["time_s"],
        camera_from_head=stored["camera_from_head"],
        expression=stored["expression"],
        gaze_rad=stored["gaze_rad"],
        landmark_px=stored["landmark_px"],
        outline_px=stored["outline_px"],
        track_px=stored["track_px"],
        focal_log_sd=float(stored["focal_log_sd"]),
        left_out=tuple(map(str, stored["left_out"])),
        camera=camera_from_arrays(stored),
    )


def _check(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    fits = array.shape == shape and array.dtype.kind in "fiu"
    if not fits or not (np.abs(array) <= _LARGEST).all():  # NaN is not either
        raise ValueError(f"its {name} are not {' x '.join(map(str, shape))} possible numbers")


def camera_from_arrays(stored: Mapping[str, NDArray[Any]]) -> Camera:
    """Of `size_px`, `focal_px`, `center_px` (2,) and `distortion` (5,), as `arrays_from_camera`
    makes them. Raises KeyError where one is missing."""
    width, height = (int(v) for v in stored["size_px"])
    fx, fy = (float(v) for v in stored["focal_px"])
    cx, cy = (float(v) for v in stored["center_px"])
    k1, k2, p1, p2, k3 = (float(v) for v in stored["distortion"])
    return Camera((width, height), (fx, fy), (cx, cy), (k1, k2, p1, p2, k3))


def arrays_from_camera(camera: Camera) -> dict[str, NDArray[Any]]:
    """`size_px`, `focal_px`, `center_px` (2,) each and `distortion` (5,)."""
    return {
        "size_px": np.array(camera.size_px, np.int32),
        "focal_px": np.array(camera.focal_px, np.float64),
        "center_px": np.array(camera.center_px, np.float64),
        "distortion": np.array(camera.distortion, np.float64),
    }
