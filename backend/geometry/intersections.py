"""Triangles in, the pairs of them that pass through each other out.

Boxes are swept along the longest axis, what is left is tested by Möller's intervals ("A Fast
Triangle-Triangle Intersection Test", 1997). Surfaces that only touch do not intersect.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, IntArray

# Triangles that enter each other by less than this touch.
TOUCHING_M = 1e-9


def self_intersections(vertices_m: FloatArray, triangles: IntArray) -> NDArray[np.int32]:
    """Pairs (K, 2) of triangles (M, 3) over vertices (V, 3) that intersect and share no vertex.

    The lower index comes first, pairs are in ascending order. Triangles that lie in one plane, or
    whose corners are not all finite, intersect nothing.
    """
    pairs = _crossing_pairs(vertices_m, triangles, np.zeros(len(triangles), np.int8), False)
    return np.sort(pairs, axis=1)[np.lexsort((pairs.max(axis=1), pairs.min(axis=1)))]


def intersections_between(
    vertices_m: FloatArray, triangles_a: IntArray, triangles_b: IntArray
) -> NDArray[np.int32]:
    """Pairs (K, 2) of a triangle of `triangles_a` (A, 3) and one of `triangles_b` (B, 3).

    Both are over the same vertices (V, 3); otherwise as `self_intersections`.
    """
    side = np.repeat(np.array([0, 1], np.int8), (len(triangles_a), len(triangles_b)))
    pairs = _crossing_pairs(vertices_m, np.concatenate([triangles_a, triangles_b]), side, True)
    pairs = np.sort(pairs, axis=1)
    pairs[:, 1] -= len(triangles_a)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _crossing_pairs(
    vertices_m: FloatArray, triangles: IntArray, side: NDArray[np.int8], between: bool
) -> NDArray[np.int32]:
    """Intersecting pairs (K, 2) in the sweep's order; `between`: only of different `side` (M,)."""
    if not len(triangles):
        return np.zeros((0, 2), np.int32)
    vertices = np.ascontiguousarray(vertices_m, np.float64)
    corners = vertices[triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    finite = np.flatnonzero(np.isfinite(low).all(axis=1) & np.isfinite(high).all(axis=1))
    if not len(finite):
        return np.zeros((0, 2), np.int32)
    axis = int(np.argmax(high[finite].max(axis=0) - low[finite].min(axis=0)))
    order = finite[np.argsort(low[finite, axis], kind="stable")]
    axes = np.roll(np.arange(3), -axis)
    return _sweep(
        vertices,
        np.ascontiguousarray(triangles[order], np.int64),
        np.ascontiguousarray(low[order][:, axes]),
        np.ascontiguousarray(high[order][:, axes]),
        order.astype(np.int32),
        side[order],
        between,
    )


@numba.njit(cache=True, nogil=True)
def _sweep(vertices, triangles, low, high, names, side, between):
    """Boxes come in ascending order of `low[:, 0]`."""
    found = np.empty((64, 2), np.int32)
    count = 0
    for i in range(len(triangles)):
        a = triangles[i]
        for j in range(i + 1, len(triangles)):
            if low[j, 0] > high[i, 0]:
                break
            if (
                low[j, 1] > high[i, 1] or low[i, 1] > high[j, 1]
                or low[j, 2] > high[i, 2] or low[i, 2] > high[j, 2]
                or (between and side[i] == side[j])
            ):  # fmt: skip
                continue
            b = triangles[j]
            if _share_vertex(a, b) or not _intersect(
                vertices[a[0]], vertices[a[1]], vertices[a[2]],
                vertices[b[0]], vertices[b[1]], vertices[b[2]],
            ):  # fmt: skip
                continue
            if count == len(found):
                found = np.concatenate((found, np.empty_like(found)))
            found[count, 0] = names[i]
            found[count, 1] = names[j]
            count += 1
    return found[:count].copy()


@numba.njit(cache=True, nogil=True)
def _share_vertex(a, b):
    for i in range(3):
        for j in range(3):
            if a[i] == b[j]:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _intersect(a0, a1, a2, b0, b1, b2):
    normal_a, normal_b = _unit_normal(a0, a1, a2), _unit_normal(b0, b1, b2)
    da0, da1, da2 = _dot(a0, b0, normal_b), _dot(a1, b0, normal_b), _dot(a2, b0, normal_b)
    if not _on_both_sides(da0, da1, da2):
        return False
    db0, db1, db2 = _dot(b0, a0, normal_a), _dot(b1, a0, normal_a), _dot(b2, a0, normal_a)
    if not _on_both_sides(db0, db1, db2):
        return False
    # Both meet the line where their planes cross; do they meet it in the same place?
    line = _cross(normal_a, normal_b)
    line /= np.sqrt(line[0] ** 2 + line[1] ** 2 + line[2] ** 2)
    a_from, a_to = _interval(
        _dot(a0, a0, line), _dot(a1, a0, line), _dot(a2, a0, line), da0, da1, da2
    )
    b_from, b_to = _interval(
        _dot(b0, a0, line), _dot(b1, a0, line), _dot(b2, a0, line), db0, db1, db2
    )
    return min(a_to, b_to) - max(a_from, b_from) > TOUCHING_M


@numba.njit(cache=True, nogil=True)
def _on_both_sides(d0, d1, d2):
    return max(d0, d1, d2) > TOUCHING_M and min(d0, d1, d2) < -TOUCHING_M


@numba.njit(cache=True, nogil=True)
def _interval(p0, p1, p2, d0, d1, d2):
    """Where a triangle's edges cross the plane, as the extent of `p` along the line."""
    start, end = np.inf, -np.inf
    for pa, da, pb, db in ((p0, d0, p1, d1), (p1, d1, p2, d2), (p2, d2, p0, d0)):
        if (da > 0.0) != (db > 0.0):
            place = pa + (pb - pa) * da / (da - db)
            start, end = min(start, place), max(end, place)
    return start, end


@numba.njit(cache=True, nogil=True)
def _unit_normal(a, b, c):
    """Zero for a triangle without area: nothing lies on both sides of it."""
    normal = _cross(b - a, c - a)
    return normal / max(np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2), 1e-30)


@numba.njit(cache=True, nogil=True)
def _cross(a, b):
    out = np.empty(3)
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]
    return out


@numba.njit(cache=True, nogil=True)
def _dot(point, origin, direction):
    """How far `point` lies from `origin` along `direction`."""
    return (
        (point[0] - origin[0]) * direction[0]
        + (point[1] - origin[1]) * direction[1]
        + (point[2] - origin[2]) * direction[2]
    )
