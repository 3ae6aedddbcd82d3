"""What garments, hats, glasses and walls are made of: a mesh with its picture and its label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sitter import grid_mesh
from .solid import Points


@dataclass(frozen=True, eq=False)
class Shell:
    """V vertices in metres, world space, and F quads counter-clockwise from outside."""

    name: str
    label: str | None  # of "skin", "clothes", "other"; None: the background's
    finish: str  # "cloth", "skin", "rim" or "lens"
    vertices_m: Points  # (V, 3)
    quads: NDArray[np.int64]  # (F, 4)
    uv: Points  # (V, 2); beyond [0, 1] the picture repeats
    texture: NDArray[np.uint8]  # (M, M, 3) sRGB
    roughness: float = 0.9


def cloth_of_grid(
    name: str, grid_m: Points, texture: NDArray[np.uint8], repeat_m: float, closed: bool = True,
    label: str | None = "clothes", finish: str = "cloth", roughness: float = 0.9,
) -> Shell:  # fmt: skip
    """Rows of points (R, C, 3) under a picture that spans `repeat_m`; `closed`: rows are rings."""
    vertices, quads = grid_mesh(grid_m, closed)
    across = np.linalg.norm(np.diff(grid_m, axis=1), axis=-1).mean(0)
    down = np.linalg.norm(np.diff(grid_m, axis=0), axis=-1).mean(1)
    u = np.concatenate([[0.0], np.cumsum(across)]) / repeat_m
    v = -np.concatenate([[0.0], np.cumsum(down)]) / repeat_m
    uv = np.stack(np.broadcast_arrays(u[None, :], v[:, None]), -1).reshape(-1, 2)
    return Shell(name, label, finish, vertices, quads, uv, texture, roughness)


def tube(
    path_m: Points, radius_m: NDArray | float, sides: int = 10, closed: bool = False
) -> Points:
    """Rings (R, sides, 3) about a path (R, 3); `closed`: the last one is the first again."""
    path = np.concatenate([path_m, path_m[:1]]) if closed else path_m
    along = np.gradient(path, axis=0)
    if closed:
        along[0] = along[-1] = path[1] - path[-2]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    up = np.array([0.0, 0.0, 1.0])
    first = np.cross(along, up)
    upright = np.linalg.norm(first, axis=1) < 0.05
    first[upright] = np.cross(along[upright], [1.0, 0.0, 0.0])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(first, along)
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[:, None]
    radius = np.broadcast_to(np.asarray(radius_m, float), (len(path_m),))
    radius = np.concatenate([radius, radius[:1]]) if closed else radius
    circle = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    return path[:, None] + radius[:, None, None] * circle


def ripple(
    shape: tuple[int, int], waves: tuple[float, float], random: np.random.Generator
) -> NDArray[np.float64]:
    """Smooth folds (R, C) of standard deviation 1, periodic across; about so many waves down and
    across."""
    down = np.linspace(0.0, 1.0, shape[0])[:, None]
    across = np.linspace(0.0, 1.0, shape[1], endpoint=False)[None, :]
    total = np.zeros(shape)
    for _ in range(7):
        many = np.rint(random.normal(0.0, waves[1]))
        rate = random.normal(0.0, waves[0])
        total += np.cos(2.0 * np.pi * (rate * down + many * across + random.random()))
    return total / np.sqrt(3.5)
