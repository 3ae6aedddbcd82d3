"""A room's panorama in; what a phone that pans over it sees of the light on a face out."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.types import FloatArray

HALF_VIEW_RAD = np.radians(35.0)  # above and below the horizon, by a phone held upright


def read_room(room: str) -> NDArray[np.float32]:
    """Linear panorama (H, W, 3) of one of Blender's own rooms. Raises EnvironmentProblem."""
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"  # OpenCV asks when it reads one
    found = importlib.util.find_spec("bpy")
    folders = found.submodule_search_locations or () if found else ()
    inside = f"*/datafiles/studiolights/world/{room}.exr"
    paths = [path for folder in folders for path in Path(folder).glob(inside)]
    picture = cv2.imread(str(paths[0]), cv2.IMREAD_UNCHANGED) if paths else None
    if picture is None:
        raise EnvironmentProblem(
            f"Blender's room {room} cannot be read.", "Install the bpy package of the lock file."
        )
    return np.ascontiguousarray(picture[..., 2::-1])


def light_on_face(panorama: FloatArray, turn_rad: float) -> NDArray[np.float64]:
    """(3,) what white paper in the face's place would show the camera, in the panorama's units.

    The face looks towards -Y; the panorama (H, W, 3) is turned as Blender's Mapping node turns it,
    its middle column towards +X at rest.
    """
    height, width = panorama.shape[:2]
    up = (0.5 - (np.arange(height) + 0.5) / height)[:, None] * np.pi
    azimuth = (0.5 - (np.arange(width) + 0.5) / width)[None] * 2.0 * np.pi - turn_rad
    facing = np.maximum(-np.cos(up) * np.sin(azimuth), 0.0) * np.cos(up)
    return (panorama * facing[..., None]).sum((0, 1)) / facing.sum()


def pan_over(panorama: FloatArray) -> NDArray[np.float32]:
    """The panorama (H, W, 3) as a camera tells it that keeps the face's exposure: what is too
    bright is white, and beyond HALF_VIEW_RAD the last rows that it saw go on."""
    height = len(panorama)
    edge = round(height * (0.5 - HALF_VIEW_RAD / np.pi))
    seen = np.clip(panorama, 0.0, 1.0)[edge : height - edge]
    return np.pad(seen, ((edge, edge), (0, 0), (0, 0)), mode="edge").astype(np.float32)
