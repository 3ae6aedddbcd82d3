"""A folder of `.hdr` panoramas in; environments of the simulator out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.errors import EnvironmentProblem

from ...stages.room_light.visibility import even_directions
from .environments import SUN_RADIUS_RAD, Environments
from .sphere import DIRECTIONS

WIDTH_PX = 512  # to which panoramas are brought first: half a degree is finer than a sun's glow
SUN_REACH_RAD = 0.10  # a window as small as that casts shadows like a sun's
REMEDY = "Remove it from the folder, or put a whole copy there."
# A sun: within its reach the panorama gives at least this share of all its light.
MIN_SUN_SHARE = 0.02


def read_hdris(folder: Path) -> Environments:
    """Every `.hdr` of the folder, of mean radiance 1. Raises EnvironmentProblem if none is."""
    paths = sorted(folder.glob("*.hdr"))
    if not paths:
        raise EnvironmentProblem(
            f"There is no .hdr file in {folder}.", "Name a folder of panoramas, or none."
        )
    read = [read_hdri(path) for path in paths]
    parts = zip(*read, strict=True)
    radiance, direction, light = (torch.from_numpy(np.stack(part)) for part in parts)
    level = radiance.mean((1, 2))
    return Environments(
        radiance=radiance / level[:, None, None],
        sun_direction=direction,
        sun_light=light / level[:, None],
        sun_radius_rad=torch.full((len(paths),), SUN_RADIUS_RAD),
        with_camera=torch.zeros(len(paths), dtype=torch.bool),
    )


def read_hdri(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Radiance (3, D) in the panorama's units, its sun's direction (3,) and light (3,).

    Blender's convention: the panorama's middle column lies towards +X, the top row up. Raises
    EnvironmentProblem where it cannot be read.
    """
    data = np.fromfile(path, np.uint8)
    # OpenCV throws at no bytes at all, and returns None for any that it cannot read.
    picture = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise EnvironmentProblem(f"{path.name} is no panorama that can be read.", REMEDY)
    if not np.isfinite(picture).all() or picture.max() <= 0.0:
        raise EnvironmentProblem(f"{path.name} holds no light.", REMEDY)
    picture = cv2.resize(picture, (WIDTH_PX, WIDTH_PX // 2), interpolation=cv2.INTER_AREA)
    colour = picture[..., ::-1].reshape(-1, 3).astype(np.float64)
    direction, area = _pixels()
    sun_at = direction[np.argmax(cv2.blur(picture.sum(2), (5, 5)).ravel())]
    near = direction @ sun_at > np.cos(SUN_REACH_RAD)
    ring = (direction @ sun_at > np.cos(3.0 * SUN_REACH_RAD)) & ~near
    excess = np.maximum(colour[near] - np.median(colour[ring], 0), 0.0)
    sun = (excess * area[near, None]).sum(0)
    if sun.sum() > MIN_SUN_SHARE * (colour * area[:, None]).sum():
        colour[near] -= excess
    else:
        sun = np.zeros(3)
    cell = cKDTree(even_directions(DIRECTIONS)).query(direction)[1]
    total = np.stack(
        [np.bincount(cell, colour[:, c] * area, minlength=DIRECTIONS) for c in range(3)]
    )
    # Each direction stands for the same share of the sphere.
    radiance = total * (DIRECTIONS / (4.0 * np.pi))
    return radiance.astype(np.float32), sun_at.astype(np.float32), (sun / np.pi).astype(np.float32)


def _pixels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Direction (rows * columns, 3) and solid angle of each pixel."""
    rows, columns = WIDTH_PX // 2, WIDTH_PX
    height = (0.5 - (np.arange(rows) + 0.5) / rows) * np.pi
    turn = (0.5 - (np.arange(columns) + 0.5) / columns) * 2.0 * np.pi
    height, turn = (grid.ravel() for grid in np.meshgrid(height, turn, indexing="ij"))
    ring = np.cos(height)
    direction = np.stack([ring * np.cos(turn), ring * np.sin(turn), np.sin(height)], 1)
    area = ring * (2.0 * np.pi**2 / (rows * columns))
    return direction.astype(np.float64), np.asarray(area, np.float64)
