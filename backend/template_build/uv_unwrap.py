"""The UV atlas of the left half, mirrored: skin in one chart, everything hidden in islands below.

The half's skin fills a rectangle: front midline on its left edge, neck on its lower edge, back
seam on its right and upper edges. Tutte's embedding starts it without flips, SLIM (Rabinovich et
al. 2017, symmetric Dirichlet energy) then brings triangles towards their target size, which is
larger on the face. Islands stand in a strip below. u grows to the subject's left from 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import spsolve

from studio_avatar_addon.avatar.types import FloatArray, IntArray

ITERATIONS = 60  # at most; the line search ends it sooner, when nothing gets better
PROXIMAL = 1e-4  # the paper's: keeps the system regular


@dataclass(frozen=True)
class Rectangle:
    """Where the half chart goes. `fixed` marks coordinates (n, 2) that must keep `start`."""

    start: FloatArray  # (n, 2) boundary positions, NaN inside
    fixed: NDArray[np.bool_]  # (n, 2)


def flatten(
    vertices: FloatArray, quads: IntArray, target_scale: FloatArray, frame: Rectangle
) -> FloatArray:
    """UV (n, 2) of a disk of quads (f, 4) over vertices (n, 3); `target_scale` (f,) per quad."""
    uv = _tutte(len(vertices), quads, frame)
    corners = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    scale = np.repeat(target_scale, 2)
    rest = _rest_triangles(vertices, corners) * scale[:, None, None]
    area = 0.5 * np.linalg.det(rest)
    span = _signed_area(uv, corners).sum()
    rest *= np.sqrt(span / area.sum())
    return _slim(uv, corners, rest, frame.fixed)


def _tutte(count: int, quads: IntArray, frame: Rectangle) -> FloatArray:
    edges = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    both = np.concatenate([edges, edges[:, ::-1]])
    diagonals = np.concatenate([quads[:, [0, 2]], quads[:, [2, 0]]])  # the triangles' own
    both = np.concatenate([both, diagonals])
    adjacency = sp.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count))
    laplacian = sp.diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency
    border = ~np.isnan(frame.start[:, 0])
    inside = np.flatnonzero(~border)
    uv = np.where(border[:, None], frame.start, 0.0)
    right = -(laplacian[inside] @ uv)
    uv[inside] = spsolve(laplacian[inside][:, inside].tocsc(), right)
    return uv


def _rest_triangles(vertices: FloatArray, corners: IntArray) -> FloatArray:
    """Each triangle laid flat: columns are its two edge vectors, (t, 2, 2)."""
    first = vertices[corners[:, 1]] - vertices[corners[:, 0]]
    second = vertices[corners[:, 2]] - vertices[corners[:, 0]]
    length = np.maximum(np.linalg.norm(first, axis=1), 1e-9)
    along = (first * second).sum(axis=1) / length
    # a sliver has no shape to keep: give it a little height
    across = np.linalg.norm(np.cross(first, second), axis=1) / length
    across = np.maximum(across, 0.15 * np.maximum(length, np.abs(along)))
    flat = np.zeros((len(corners), 2, 2))
    flat[:, 0, 0], flat[:, 0, 1], flat[:, 1, 1] = length, along, across
    return flat


def _signed_area(uv: FloatArray, corners: IntArray) -> FloatArray:
    a = uv[corners[:, 1]] - uv[corners[:, 0]]
    b = uv[corners[:, 2]] - uv[corners[:, 0]]
    return 0.5 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _slim(
    uv: FloatArray, corners: IntArray, rest: FloatArray, fixed: NDArray[np.bool_]
) -> FloatArray:
    count = len(uv)
    inverse = np.linalg.inv(rest)
    area = 0.5 * np.linalg.det(rest)
    # Jacobian J = [b - a, c - a] inverse: one row of coefficients per column of J
    rows = np.repeat(np.arange(len(corners)), 3)
    derivative = []
    for column in range(2):
        one, two = inverse[:, 0, column], inverse[:, 1, column]
        values = np.stack([-one - two, one, two], axis=1).ravel()
        derivative.append(
            sp.csr_matrix((values, (rows, corners.ravel())), shape=(len(corners), count))
        )
    free = np.flatnonzero(~fixed.T.ravel())
    for _ in range(ITERATIONS):
        target = _slim_step(uv, derivative, area, free)
        moved = _line_search(uv, target - uv, derivative, area, corners)
        if moved is None:
            break
        uv = moved
    return uv


def _jacobians(uv: FloatArray, derivative: list[sp.csr_matrix]) -> FloatArray:
    """(t, 2, 2): rows u, v; columns the two rest directions."""
    return np.stack([d @ uv for d in derivative], axis=2)


def _energy(jacobian: FloatArray, area: FloatArray) -> float:
    determinant = np.linalg.det(jacobian)
    if (determinant <= 0).any():
        return np.inf
    squared = (jacobian**2).sum(axis=(1, 2))
    return float((area * (squared + squared / determinant**2)).sum())


def _slim_step(
    uv: FloatArray, derivative: list[sp.csr_matrix], area: FloatArray, free: NDArray[np.integer]
) -> FloatArray:
    """Minimiser of the reweighted quadratic proxy (equations 19 to 22 of the paper)."""
    left, stretch, right = np.linalg.svd(_jacobians(uv, derivative))
    rotation = left @ right
    near_one = np.abs(stretch - 1) < 1e-6
    safe = np.where(near_one, 2.0, stretch)
    weight = np.sqrt(np.where(near_one, 2.0, (safe - safe**-3) / (2 * (safe - 1)) * 2))
    weighting = left @ (weight[:, :, None] * np.swapaxes(left, 1, 2))
    root = np.sqrt(area)
    blocks, right_side = [], []
    for k in range(2):
        for i in range(2):
            coefficients = [sp.diags(root * weighting[:, i, j]) @ derivative[k] for j in range(2)]
            blocks.append(sp.hstack(coefficients))
            goal = (weighting[:, i, :] * rotation[:, :, k]).sum(axis=1)
            right_side.append(root * goal)
    system = sp.vstack(blocks).tocsr()
    goal = np.concatenate(right_side)
    flat = uv.T.ravel()
    normal = (system.T @ system + PROXIMAL * sp.eye(len(flat))).tocsr()
    gradient = system.T @ (goal - system @ flat)
    step = np.zeros_like(flat)
    step[free] = spsolve(normal[free][:, free].tocsc(), gradient[free])
    return (flat + step).reshape(2, -1).T


def _line_search(
    uv: FloatArray,
    step: FloatArray,
    derivative: list[sp.csr_matrix],
    area: FloatArray,
    corners: IntArray,
) -> FloatArray | None:
    """The longest tried step that lowers the energy and flips nothing; None when there is none."""
    before = _energy(_jacobians(uv, derivative), area)
    size = min(1.0, 0.8 * _first_flip(uv, step, corners))
    for _ in range(24):
        moved = uv + size * step
        if _energy(_jacobians(moved, derivative), area) < before * (1 - 1e-7):
            return moved
        size *= 0.6
    return None


def _first_flip(uv: FloatArray, step: FloatArray, corners: IntArray) -> float:
    """Smallest positive step at which a triangle's area becomes zero."""
    a, b = (uv[corners[:, k]] - uv[corners[:, 0]] for k in (1, 2))
    da, db = (step[corners[:, k]] - step[corners[:, 0]] for k in (1, 2))
    quadratic = da[:, 0] * db[:, 1] - da[:, 1] * db[:, 0]
    linear = a[:, 0] * db[:, 1] - a[:, 1] * db[:, 0] + da[:, 0] * b[:, 1] - da[:, 1] * b[:, 0]
    constant = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    discriminant = linear**2 - 4 * quadratic * constant
    root = np.sqrt(np.maximum(discriminant, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        # the stable form of the smaller root, valid for a vanishing quadratic term as well
        first = 2 * constant / (-linear + root)
        second = 2 * constant / (-linear - root)
    roots = np.concatenate([first, second])
    usable = np.concatenate([discriminant >= 0, discriminant >= 0]) & (roots > 0)
    usable &= np.isfinite(roots)
    return float(roots[usable].min()) if usable.any() else np.inf
