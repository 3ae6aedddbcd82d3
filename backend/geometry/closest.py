"""A surface of triangles and points in, the nearest points of the surface out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from .normals import triangle_normals

# Triangles looked at for a point: those whose centroids are nearest.
CANDIDATES = 16
BORDER_TOLERANCE = 1e-6  # barycentric weight of inner vertices that is rounding


@dataclass(frozen=True)
class ClosestPoints:
    """N points on a surface."""

    triangle: NDArray[np.int64]  # (N,) into the surface's triangles
    weights: FloatArray  # (N, 3) barycentric
    points_m: FloatArray  # (N, 3)
    distance_m: FloatArray  # (N,) from the points given


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles (M, 3) over vertices (V, 3) in metres."""

    vertices_m: FloatArray
    triangles: IntArray

    def closest(self, points_m: FloatArray) -> ClosestPoints:
        """The nearest point of the surface to each of `points_m` (N, 3).

        Exact where triangles are about as large as their neighbours.
        """
        _, near = self._tree.query(points_m, k=min(CANDIDATES, len(self.triangles)))
        near = np.asarray(near, np.int64).reshape(len(points_m), -1)
        corners = np.ascontiguousarray(self.vertices_m[self.triangles], np.float64)
        triangle, weights = _nearest(np.ascontiguousarray(points_m, np.float64), corners, near)
        points = np.einsum("nk,nkc->nc", weights, corners[triangle])
        return ClosestPoints(triangle, weights, points, np.linalg.norm(points - points_m, axis=1))

    @cached_property
    def normals(self) -> FloatArray:
        """(M, 3) unit normals; zero for a triangle without area."""
        normals = triangle_normals(self.vertices_m, self.triangles)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)

    def on_border(self, closest: ClosestPoints) -> BoolArray:
        """(N,) True where a point lies on an open border: what was given has no surface beside
        it."""
        inner = ~self._on_border[self.triangles[closest.triangle]]
        return (closest.weights * inner).sum(axis=1) < BORDER_TOLERANCE

    @cached_property
    def _on_border(self) -> BoolArray:
        """(V,) True for vertices of an open border."""
        edges = np.sort(self.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        once, times = np.unique(edges, axis=0, return_counts=True)
        border = np.zeros(len(self.vertices_m), bool)
        border[once[times == 1]] = True
        return border

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.vertices_m[self.triangles].mean(axis=1))


@numba.njit(cache=True, nogil=True)
def _nearest(points, corners, near):
    triangle = np.empty(len(points), np.int64)
    weights = np.empty((len(points), 3))
    for i in range(len(points)):
        best = np.inf
        for t in near[i]:
            u, v, w = _weights(points[i], corners[t, 0], corners[t, 1], corners[t, 2])
            away = 0.0
            for k in range(3):
                gap = u * corners[t, 0, k] + v * corners[t, 1, k] + w * corners[t, 2, k]
                away += (gap - points[i, k]) ** 2
            if away < best:
                best = away
                triangle[i] = t
                weights[i, 0], weights[i, 1], weights[i, 2] = u, v, w
    return triangle, weights


@numba.njit(cache=True, nogil=True)
def _weights(p, a, b, c):
    """Barycentric weights of the point of a triangle nearest to p (Ericson, "Real-Time Collision
    Detection", 5.1.5)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = (ab * ap).sum(), (ac * ap).sum()
    if d1 <= 0.0 and d2 <= 0.0:
        return 1.0, 0.0, 0.0
    bp = p - b
    d3, d4 = (ab * bp).sum(), (ac * bp).sum()
    if d3 >= 0.0 and d4 <= d3:
        return 0.0, 1.0, 0.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        along = d1 / (d1 - d3)
        return 1.0 - along, along, 0.0
    cp = p - c
    d5, d6 = (ab * cp).sum(), (ac * cp).sum()
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 0.0, 1.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        along = d2 / (d2 - d6)
        return 1.0 - along, 0.0, along
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 >= d3 and d5 >= d6:
        along = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return 0.0, 1.0 - along, along
    total = va + vb + vc
    return va / total, vb / total, vc / total
