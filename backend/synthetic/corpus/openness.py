"""A head's shape in; how open its skin lies at each vertex, folds and creases below 1, out.

Depth pictures from all sides tell what is hidden; only what hides from nearby counts, so that folds
of the ear, creases of the nose and eye sockets are found and not the whole neck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS, SEE_THROUGH, HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...geometry.normals import vertex_normals
from ...geometry.raster import rasterize

_DIRECTIONS = 96
_PICTURE_PX, _SPAN_M = 384, 0.34
_LIFTED_M, _NEAREST_M = 0.0012, 0.0008


@dataclass(frozen=True, eq=False)
class Openness:
    """Per vertex, in [0, 1]: the share of the sky, weighted by the cosine, that is not hidden."""

    small: NDArray[np.float32]  # (V,) by what is within 12 mm
    large: NDArray[np.float32]  # (V,) by what is within 45 mm


def openness_of(template: HeadTemplate, vertices_m: FloatArray) -> Openness:
    """Of the head with vertices (V, 3); about a second."""
    vertices_m = vertices_m.astype(np.float64)
    occluders = ~np.isin(template.triangle_material, [MATERIALS.index(m) for m in SEE_THROUGH])
    triangles = template.triangles[occluders]
    normals = vertex_normals(vertices_m, triangles)
    apply_low_band_gain = vertices_m + _LIFTED_M * normals
    seen, total = np.zeros((2, len(vertices_m))), np.zeros(len(vertices_m))
    for towards in _even_directions(_DIRECTIONS):
        weight = np.clip(normals @ towards, 0.0, None)
        hidden_by_m = _hidden_by_m(vertices_m, apply_low_band_gain, triangles, towards)
        total += weight
        for row, reach_m in zip(seen, (0.012, 0.045), strict=True):
            row += weight * ~((hidden_by_m > _NEAREST_M) & (hidden_by_m < reach_m))
    small, large = (seen / np.maximum(total, 1e-9)).astype(np.float32)
    return Openness(small, large)


def _even_directions(count: int) -> FloatArray:
    """(count, 3) unit vectors on a Fibonacci spiral."""
    height = 1.0 - 2.0 * (np.arange(count) + 0.5) / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count)
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], 1)


def _hidden_by_m(
    vertices_m: FloatArray, lifted_m: FloatArray, triangles: NDArray[np.int32], towards: FloatArray
) -> FloatArray:
    """(V,) how far in front of each lifted vertex the first surface towards a side lies."""
    across = np.cross(towards, [0.0, 0.0, 1.0] if abs(towards[2]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(towards, across), -towards])
    middle = vertices_m.mean(axis=0)

    def placed(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        seen = (points - middle) @ axes.T
        return _PICTURE_PX * (0.5 + seen[:, :2] / _SPAN_M), seen[:, 2] + 1.0

    pixels, depth = placed(vertices_m)
    picture = rasterize(pixels, depth, triangles, (_PICTURE_PX, _PICTURE_PX)).depth
    pixels, depth = placed(lifted_m)
    column, row = np.clip(pixels.astype(np.int64), 0, _PICTURE_PX - 1).T
    return depth - picture[row, column]
