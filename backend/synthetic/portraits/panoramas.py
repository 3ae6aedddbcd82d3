"""A folder of panoramas, or a seed, in; light to render by, each with its strength, out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import write_bytes

from ...stages.room_light.visibility import even_directions
from ..simulator.environments import draw_environments
from ..simulator.hdri import REMEDY
from ..simulator.sphere import DIRECTIONS

_DRAWN, _SIZE_PX = 24, (128, 256)
_SUN_PX = 1.5  # a drawn sun's radius: as small as these panoramas can hold it
_NEIGHBOURS = 4  # directions of the simulator that a pixel lies between


@dataclass(frozen=True)
class Panorama:
    """An equirectangular picture of light, and what brings its mean to 1."""

    path: Path
    strength: float


def read_panoramas(folder: Path) -> list[Panorama]:
    """Every `.hdr` of the folder. Raises EnvironmentProblem for none, or a broken one."""
    paths = sorted(folder.glob("*.hdr"))
    if not paths:
        raise EnvironmentProblem(
            f"There is no .hdr file in {folder}.", "Name a folder of panoramas, or none."
        )
    return [Panorama(path.resolve(), 1.0 / _mean_radiance(path)) for path in paths]


def procedural_panoramas(folder: Path, seed: int) -> list[Panorama]:
    """The simulator's environments, drawn into `folder` as panoramas."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = draw_environments(torch.Generator().manual_seed(seed), _DRAWN)
    direction = _directions()
    distance, cell = cKDTree(even_directions(DIRECTIONS)).query(direction, k=_NEIGHBOURS)
    weight = 1.0 / (distance + 0.02) ** 2
    weight /= weight.sum(1, keepdims=True)
    panoramas = []
    for index in range(_DRAWN):
        radiance = drawn.radiance[index].numpy()
        picture = np.einsum("ckn,kn->kc", radiance[:, cell], weight)
        sun = drawn.sun_direction[index].numpy()
        radius = _SUN_PX * np.pi / _SIZE_PX[0]
        disc = direction @ sun > np.cos(radius)
        share = max(float(disc.sum()), 1.0) * 2.0 * (np.pi / _SIZE_PX[0]) ** 2
        picture[disc] += np.pi * drawn.sun_light[index].numpy() / share
        path = folder / f"environment_{index:02d}.hdr"
        pixels = picture.reshape(*_SIZE_PX, 3)[..., ::-1].astype(np.float32)
        _, encoded = cv2.imencode(".hdr", pixels)
        write_bytes(path, encoded.data)
        panoramas.append(Panorama(path.resolve(), 1.0 / max(float(picture.mean()), 1e-6)))
    return panoramas


def _mean_radiance(path: Path) -> float:
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR) if len(data) else None
    if picture is None or not np.isfinite(picture).all() or picture.max() <= 0.0:
        raise EnvironmentProblem(f"{path.name} is no panorama that can be read.", REMEDY)
    height = np.cos((np.arange(len(picture)) + 0.5) / len(picture) * np.pi - 0.5 * np.pi)
    return float((picture.mean((1, 2)) * height).sum() / height.sum())


def _directions() -> NDArray[np.float64]:
    """(rows * columns, 3) in Blender's convention: the middle column lies towards +X."""
    rows, columns = _SIZE_PX
    height = (0.5 - (np.arange(rows) + 0.5) / rows) * np.pi
    turn = (0.5 - (np.arange(columns) + 0.5) / columns) * 2.0 * np.pi
    height, turn = (grid.ravel() for grid in np.meshgrid(height, turn, indexing="ij"))
    ring = np.cos(height)
    directions = np.stack([ring * np.cos(turn), ring * np.sin(turn), np.sin(height)], 1)
    return directions.astype(np.float64)
