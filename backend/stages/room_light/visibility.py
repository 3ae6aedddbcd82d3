"""A head and points on it in; which directions are open sky and what the closed ones meet out.

Rays are cast against a bounding volume hierarchy in compiled code; about a million a second and
core, so that 256 directions for some 30,000 points take a few seconds.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, IntArray

NOTHING = -1  # in place of a triangle's index
# Rays start this far above the surface, or a coarse mesh would shade itself.
LIFT_M = 0.0006
_LEAF_TRIANGLES = 4  # more make leaves slow, fewer the tree deep
_STACK = 64  # nodes: median splits need two a level, and 32 levels hold any mesh


@dataclass(frozen=True)
class Visibility:
    """n surface points against D directions that share the sphere evenly."""

    directions: NDArray[np.float32]  # (D, 3) unit, from the surface towards the light, head frame
    normals: NDArray[np.float32]  # (n, 3)
    hit: NDArray[np.int32]  # (n, D) triangle met, NOTHING: open sky or below the horizon

    @cached_property
    def cosine(self) -> NDArray[np.float32]:
        """(n, D) the normal's cosine, 0 below the horizon."""
        return np.maximum(self.normals @ self.directions.T, 0.0)

    @cached_property
    def transfer(self) -> NDArray[np.float32]:
        """(n, D) share of each direction's light that arrives; rows sum to at most 1."""
        return (self.cosine * (self.hit == NOTHING)) * np.float32(4.0 / len(self.directions))

    @property
    def openness(self) -> NDArray[np.float32]:
        """(n,) cosine-weighted share of the hemisphere that is open sky, in [0, 1]."""
        return np.clip(self.transfer.sum(1), 0.0, 1.0)


def even_directions(count: int) -> NDArray[np.float32]:
    """Unit directions (N, 3), N = `count`, spread evenly over the sphere: a Fibonacci lattice
    (Gonzalez 2010)."""
    index = np.arange(count) + 0.5
    z = 1.0 - 2.0 * index / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * index
    ring = np.sqrt(1.0 - z * z)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], 1).astype(np.float32)


def cast_visibility(
    points_m: FloatArray,
    normals: FloatArray,
    vertices_m: FloatArray,
    triangles: IntArray,
    directions: FloatArray,
) -> Visibility:
    """What points (n, 3) with unit normals (n, 3) meet on a mesh in `directions` (D, 3)."""
    corners = np.ascontiguousarray(vertices_m[triangles], np.float32)
    hierarchy = _build(corners)
    origin = (points_m + LIFT_M * normals).astype(np.float32)
    normals = np.ascontiguousarray(normals, np.float32)
    directions = np.ascontiguousarray(directions, np.float32)
    workers = max(os.cpu_count() or 1, 1)
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(
            lambda rows: _cast(corners, *hierarchy, origin[rows], normals[rows], directions),
            np.array_split(np.arange(len(origin)), workers * 4),
        )
        hit = np.concatenate(list(parts))
    return Visibility(directions, normals, hit)


@numba.njit(cache=True, nogil=True)
def _build(corners):
    """Median splits along the longest axis: node boxes, first child or triangle, leaf counts."""
    count = len(corners)
    centre = np.empty((count, 3), np.float32)
    for t in range(count):
        for k in range(3):
            centre[t, k] = (corners[t, 0, k] + corners[t, 1, k] + corners[t, 2, k]) / 3.0
    order = np.arange(count)
    box = np.empty((2 * count + 1, 2, 3), np.float32)
    first = np.zeros(2 * count + 1, np.int32)
    leaf = np.zeros(2 * count + 1, np.int32)
    begin, end = np.zeros(2 * count + 1, np.int32), np.zeros(2 * count + 1, np.int32)
    end[0] = count
    nodes, node = 1, 0
    while node < nodes:
        low, high = begin[node], end[node]
        for k in range(3):
            smallest, largest = np.inf, -np.inf
            for i in range(low, high):
                for c in range(3):
                    value = corners[order[i], c, k]
                    smallest, largest = min(smallest, value), max(largest, value)
            box[node, 0, k], box[node, 1, k] = smallest, largest
        if high - low <= _LEAF_TRIANGLES:
            first[node], leaf[node] = low, high - low
        else:
            axis = np.argmax(box[node, 1] - box[node, 0])
            inside = order[low:high].copy()
            order[low:high] = inside[np.argsort(centre[inside, axis])]
            middle = (low + high) // 2
            first[node] = nodes
            begin[nodes], end[nodes] = low, middle
            begin[nodes + 1], end[nodes + 1] = middle, high
            nodes += 2
        node += 1
    return box[:nodes], first[:nodes], leaf[:nodes], order


@numba.njit(cache=True, nogil=True)
def _cast(corners, box, first, leaf, order, origin, normals, directions):
    hit = np.full((len(origin), len(directions)), NOTHING, np.int32)
    stack = np.empty(_STACK, np.int32)
    for i in range(len(origin)):
        for d in range(len(directions)):
            dx, dy, dz = directions[d]
            if normals[i, 0] * dx + normals[i, 1] * dy + normals[i, 2] * dz > 0.0:
                hit[i, d] = _nearest(corners, box, first, leaf, order, origin[i], dx, dy, dz, stack)
    return hit


@numba.njit(cache=True, nogil=True)
def _nearest(corners, box, first, leaf, order, origin, dx, dy, dz, stack):
    ox, oy, oz = origin
    ix, iy, iz = 1.0 / (dx + 1e-12), 1.0 / (dy + 1e-12), 1.0 / (dz + 1e-12)
    best, found = np.float32(np.inf), NOTHING
    stack[0], top = 0, 1
    while top > 0:
        top -= 1
        node = stack[top]
        ax, bx = (box[node, 0, 0] - ox) * ix, (box[node, 1, 0] - ox) * ix
        ay, by = (box[node, 0, 1] - oy) * iy, (box[node, 1, 1] - oy) * iy
        az, bz = (box[node, 0, 2] - oz) * iz, (box[node, 1, 2] - oz) * iz
        enter = max(min(ax, bx), min(ay, by), min(az, bz))
        leave = min(max(ax, bx), max(ay, by), max(az, bz))
        if leave < 0.0 or enter > leave or enter > best:
            continue
        if leaf[node] == 0:
            stack[top], stack[top + 1] = first[node], first[node] + 1
            top += 2
            continue
        for k in range(first[node], first[node] + leaf[node]):
            distance = _meet(corners[order[k]], ox, oy, oz, dx, dy, dz)
            if distance < best:
                best, found = distance, order[k]
    return found


@numba.njit(cache=True, nogil=True)
def _meet(corner, ox, oy, oz, dx, dy, dz):
    """Distance along the ray to a triangle, infinite where it misses (Moeller, Trumbore 1997)."""
    ux, uy, uz = corner[1] - corner[0]
    vx, vy, vz = corner[2] - corner[0]
    px, py, pz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
    determinant = ux * px + uy * py + uz * pz
    if abs(determinant) < 1e-14:
        return np.float32(np.inf)
    tx, ty, tz = ox - corner[0, 0], oy - corner[0, 1], oz - corner[0, 2]
    u = (tx * px + ty * py + tz * pz) / determinant
    if u < 0.0 or u > 1.0:
        return np.float32(np.inf)
    qx, qy, qz = ty * uz - tz * uy, tz * ux - tx * uz, tx * uy - ty * ux
    v = (dx * qx + dy * qy + dz * qz) / determinant
    if v < 0.0 or u + v > 1.0:
        return np.float32(np.inf)
    distance = (vx * qx + vy * qy + vz * qz) / determinant
    return np.float32(distance) if distance > 0.0 else np.float32(np.inf)
