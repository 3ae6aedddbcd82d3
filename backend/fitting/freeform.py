"""A head's vertices to smooth ways of deforming it that its identity parameters do not hold."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

# Standard deviation of an offset in metres, and how far it reaches: fine, middle and broad.
SCALES_M = ((0.002, 0.018), (0.004, 0.04), (0.010, 0.09))
NODES = 260


def smooth_modes(vertices_m: FloatArray, count: int) -> FloatArray:
    """The `count` strongest modes (V, count) of a smooth random field over vertices (V, 3).

    Each is scaled so that a coefficient of one is one standard deviation (Nystroem's method on
    evenly spread nodes).
    """
    nodes = vertices_m[spread_nodes(vertices_m, NODES)]
    values, vectors = np.linalg.eigh(_covariance(nodes, nodes))
    strongest = np.argsort(values)[::-1][:count]
    return _covariance(vertices_m, nodes) @ vectors[:, strongest] / np.sqrt(values[strongest])


def spread_nodes(points: FloatArray, count: int) -> IntArray:
    """Indices of `count` points, each the farthest from those before it."""
    chosen = np.zeros(min(count, len(points)), np.int64)
    chosen[0] = int(np.argmax(points[:, 2]))
    nearest = np.full(len(points), np.inf)
    for place in range(1, len(chosen)):
        from_last = ((points - points[chosen[place - 1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, from_last)
        chosen[place] = int(np.argmax(nearest))
    return chosen


def _covariance(a: FloatArray, b: FloatArray) -> FloatArray:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return sum(
        (sd**2 * np.exp(-0.5 * squared / reach**2) for sd, reach in SCALES_M),
        start=np.zeros_like(squared),
    )
