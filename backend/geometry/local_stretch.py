"""How a head was deformed, vertex by vertex: rest positions and new ones in, linear maps out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

# Nodes at which the map is fitted, and the Gaussian by which each weighs its surroundings and is
# blended: a wider one averages lids with brows, a narrower one has too little surface for a fit.
REACH_M, NODE_COUNT = 0.014, 400
# How much the overall scale counts against the surface's own spread: more blurs what was deformed,
# less lets the thin side of a sheet take any value.
STIFFNESS = 0.15


def local_stretch(rest_m: FloatArray, moved_m: FloatArray) -> FloatArray:
    """(V, 3, 3) how space round each vertex was stretched, smooth over about a centimetre.

    `rest_m`, `moved_m` (V, 3).
    """
    centred_rest, centred = rest_m - rest_m.mean(axis=0), moved_m - moved_m.mean(axis=0)
    overall = np.sqrt((centred**2).sum() / (centred_rest**2).sum())
    nodes = rest_m[farthest_points(rest_m, NODE_COUNT)]
    squared = ((nodes[:, None] - rest_m[None]) ** 2).sum(axis=2)
    reach = np.exp(-0.5 * squared / REACH_M**2)
    stretches = np.array([_stretch(rest_m, moved_m, weight, overall) for weight in reach])
    shares = reach / np.maximum(reach.sum(axis=0), 1e-12)
    return np.einsum("nv,nij->vij", shares, stretches)


def move_with_surface(
    point: FloatArray, rest: FloatArray, moved: FloatArray, least: float
) -> FloatArray:
    """A point (3,) off the surface, moved as the surface (V, 3) round it was.

    As wide as the point lies deep, and no less than `least`; all in one unit.
    """
    squared = ((rest - point) ** 2).sum(axis=1)
    weight = np.exp(-0.5 * squared / max(2.0 * squared.min(), least**2))
    return point + weight @ (moved - rest) / weight.sum()


def farthest_points(points: FloatArray, count: int) -> IntArray:
    """Indices (count,) of points (N, 3), each the farthest from those before it, the topmost first.

    Farthest point sampling (Gonzalez 1985).
    """
    chosen = np.zeros(min(count, len(points)), np.int64)
    chosen[0] = int(np.argmax(points[:, 2]))
    nearest = np.full(len(points), np.inf)
    for place in range(1, len(chosen)):
        from_last = ((points - points[chosen[place - 1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, from_last)
        chosen[place] = int(np.argmax(nearest))
    return chosen


def _stretch(
    rest_m: FloatArray, moved_m: FloatArray, weight: FloatArray, overall: float
) -> FloatArray:
    """The affine map (3, 3) that best takes weighted rest points to moved ones."""
    near = weight > 1e-3
    share = weight[near] / weight[near].sum()
    arm = rest_m[near] - share @ rest_m[near]
    moved = moved_m[near] - share @ moved_m[near]
    spread = (arm * share[:, None]).T @ arm
    # Skin is a sheet: across it only this says how far things stretch.
    stiff = STIFFNESS * np.trace(spread) / 3.0
    pull = (moved * share[:, None]).T @ arm
    return (pull + stiff * overall * np.eye(3)) @ np.linalg.inv(spread + stiff * np.eye(3))
