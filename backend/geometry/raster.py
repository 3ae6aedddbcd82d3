"""Triangles in the image plane to pixels: which triangle, where on it, how deep (a z-buffer).

Serves images (project, then `rasterize`) and the atlas (`rasterize_uv`) alike. Pixel centres lie
at integer + 0.5, the top row comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.frames import texel_from_uv
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

EMPTY = -1  # in a raster's triangles: none
MIN_DEPTH = 1e-6  # what lies nearer to the camera's plane has no picture
# A pixel centre on an edge belongs to both triangles that share it: no cracks.
_EDGE_SLACK = 1e-7


@dataclass(frozen=True)
class Raster:
    """What each of H x W pixels shows."""

    triangle: NDArray[np.int32]  # (H, W) index of the nearest triangle, EMPTY: none
    barycentric: NDArray[np.float32]  # (H, W, 3) weights of its corners, perspective-correct
    depth: NDArray[np.float32]  # (H, W) in the unit given, infinite: none

    @property
    def covered(self) -> BoolArray:
        """(H, W) True where a triangle is seen."""
        return self.triangle != EMPTY


def rasterize(
    points_px: FloatArray,
    depth: FloatArray,
    triangles: IntArray,
    size_px: tuple[int, int],
    *,
    cull_back: bool = False,
) -> Raster:
    """Draw `triangles` (M, 3) over projected vertices into an image of `size_px` (width, height).

    `points_px` (N, 2): image points; `depth` (N,): distance along the optical axis, positive in
    front of the camera; a triangle that touches the camera's plane is left out. `cull_back` leaves
    out faces seen from behind, for meshes that are counter-clockwise from outside.
    """
    width, height = size_px
    triangle = np.full((height, width), EMPTY, np.int32)
    barycentric = np.zeros((height, width, 3), np.float32)
    nearest = np.full((height, width), np.inf, np.float32)
    _fill(
        np.ascontiguousarray(points_px, np.float64),
        np.ascontiguousarray(depth, np.float64),
        np.ascontiguousarray(triangles, np.int64),
        cull_back,
        triangle,
        barycentric,
        nearest,
    )
    return Raster(triangle, barycentric, nearest)


def rasterize_uv(triangle_uv: FloatArray, size: int) -> Raster:
    """Texels of a square atlas to triangles: `triangle_uv` (M, 3, 2), origin bottom left."""
    corners = texel_from_uv(triangle_uv.reshape(-1, 2), size)
    triangles = np.arange(len(corners)).reshape(-1, 3)
    return rasterize(corners, np.ones(len(corners)), triangles, (size, size))


def interpolate_vertices(raster: Raster, triangles: IntArray, values: FloatArray) -> FloatArray:
    """Per-vertex `values` (N, C) at every pixel: (H, W, C) float32, zero where nothing is seen."""
    return _blend(raster, values[triangles])


def interpolate_corners(raster: Raster, values: FloatArray) -> FloatArray:
    """Per-corner `values` (M, 3, C), e.g. UV, at every pixel: (H, W, C) float32, zero elsewhere."""
    return _blend(raster, values)


def _blend(raster: Raster, corner_values: FloatArray) -> FloatArray:
    covered = raster.covered
    out = np.zeros((*raster.triangle.shape, corner_values.shape[-1]), np.float32)
    out[covered] = np.einsum(
        "nk,nkc->nc", raster.barycentric[covered], corner_values[raster.triangle[covered]]
    )
    return out


@numba.njit(cache=True, nogil=True)
def _fill(points, depth, triangles, cull_back, out_triangle, out_barycentric, out_depth):
    height, width = out_triangle.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        if min(depth[a], depth[b], depth[c]) < MIN_DEPTH:
            continue
        ax, ay = points[a]
        bx, by = points[b]
        cx, cy = points[c]
        # Twice the signed area; rows run downward, so a face seen from outside has it negative.
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0.0 or not np.isfinite(area) or (cull_back and area > 0.0):
            continue
        left = max(int(np.ceil(max(min(ax, bx, cx), 0.0) - 0.5)), 0)
        right = min(int(np.floor(min(max(ax, bx, cx), float(width)) - 0.5)), width - 1)
        top = max(int(np.ceil(max(min(ay, by, cy), 0.0) - 0.5)), 0)
        bottom = min(int(np.floor(min(max(ay, by, cy), float(height)) - 0.5)), height - 1)
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                wa = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
                wb = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
                wc = 1.0 - wa - wb
                if wa < -_EDGE_SLACK or wb < -_EDGE_SLACK or wc < -_EDGE_SLACK:
                    continue
                # 1/z is linear in the image, z is not.
                pa, pb, pc = wa / depth[a], wb / depth[b], wc / depth[c]
                z = 1.0 / (pa + pb + pc)
                if z < out_depth[row, column]:
                    out_depth[row, column] = z
                    out_triangle[row, column] = t
                    out_barycentric[row, column, 0] = pa * z
                    out_barycentric[row, column, 1] = pb * z
                    out_barycentric[row, column, 2] = pc * z
