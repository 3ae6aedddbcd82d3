"""The text of a Wavefront file (.obj) in, its vertices, UV and triangles out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, IntArray


@dataclass(frozen=True)
class WavefrontMesh:
    """N vertices, K places in UV, M triangles; axes and unit are the file's."""

    vertices: FloatArray  # (N, 3) float64
    uv: FloatArray  # (K, 2) float64, origin bottom left
    triangles: NDArray[np.int64]  # (M, 3) vertices, from 0
    triangle_uv: NDArray[np.int64]  # (M, 3) places in UV, from 0; -1 where a corner has none
    group: IntArray  # (M,) into `groups`
    groups: tuple[str, ...]  # as named by `g` lines; the first, "", before any


def parse_wavefront(text: str) -> WavefrontMesh:
    """Parse the text of a Wavefront file; polygons become fans from their first corner.

    Numbers of vertices and of UV are not checked against what the file has. Raises ValueError or
    IndexError where a line is damaged.
    """
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    corners: list[list[list[int]]] = []
    groups, group = [""], []
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(value) for value in rest[:3]])
        elif word == "vt":
            uv.append([float(value) for value in rest[:2]])
        elif word == "g" and rest:
            groups.append(rest[0])
        elif word == "f":
            face = [[int(number or 0) - 1 for number in f"{c}/".split("/")[:2]] for c in rest]
            fan = [[face[0], face[k], face[k + 1]] for k in range(1, len(face) - 1)]
            corners += fan
            group += [len(groups) - 1] * len(fan)
    both = np.array(corners, np.int64).reshape(-1, 3, 2)
    return WavefrontMesh(
        np.array(vertices, np.float64).reshape(-1, 3),
        np.array(uv, np.float64).reshape(-1, 2),
        both[:, :, 0],
        both[:, :, 1],
        np.array(group, np.int64),
        tuple(groups),
    )
