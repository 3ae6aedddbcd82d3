"""From typed points and layout to the left half's smooth skin: positions (N, 3) in millimetres."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.sparse.linalg import spsolve

from studio_avatar_addon.avatar.types import FloatArray

from . import points
from .layout import HalfLayout

# Which ring of a hole a typed curve fixes (0 is the border on the grid).
EYE_RINGS = {"fold": 2, "crease": 3, "margin": 5}
MOUTH_RINGS = {"vermilion": 3, "body": 4, "seam": 5, "contact": 6}
EAR_RINGS = {"back": 2, "rim": 4, "helix_inner": 5, "scapha": 6, "antihelix": 7, "concha": 8}

MEMBRANE = 0.3  # |L x|^2
BENDING = 1.0  # |L^2 x|^2
ATTACHMENT = 3.0  # |x - typed|^2 about the nose and mouth
LOOSE = 0.6  # the same on wide, plain surfaces
FIRM = 30.0  # the same on ring curves, which carry the features
PASSES = 3
SHORTEST = 0.5  # mm: below it an edge's length says nothing

Constraints = tuple[NDArray[np.integer], FloatArray, FloatArray]  # ids, targets, weights


def solve_skin(layout: HalfLayout) -> FloatArray:
    """Positions (N, 3) that pass near all typed points with the least bending.

    The first pass takes all edges for equally long; the next ones know their lengths, so that
    uneven spacing does not show as waves.
    """
    constraints = _constraints(layout)
    lengths = np.ones(len(_neighbours(layout)))
    solution = np.zeros((layout.count, 3))
    for _ in range(PASSES):
        solution = _solve(layout, constraints, lengths)
        lengths = _edge_lengths(layout, solution)
    return solution


def _solve(layout: HalfLayout, constraints: Constraints, lengths: FloatArray) -> FloatArray:
    ids, targets, weights = constraints
    shape = (layout.count, layout.count)
    selector = sp.csr_matrix((weights, (ids, ids)), shape=shape)
    right = np.zeros((layout.count, 3))
    np.add.at(right, ids, weights[:, None] * targets)
    even = _bending(layout, lengths, 1.0) + selector
    solution = spsolve(even.tocsc(), right)
    # x is odd across the midline: solved apart, with the midline held at zero
    free = np.setdiff1d(np.arange(layout.count), layout.midline)
    odd = _bending(layout, lengths, -1.0) + selector
    solution[:, 0] = 0.0
    solution[free, 0] = spsolve(odd[free][:, free].tocsc(), right[free, 0])
    return solution


def ring_curve(typed: dict[float, points.Point], count: int, closed: bool) -> FloatArray:
    """Typed points by ring index to all `count` vertices of the ring, along a cubic spline."""
    keys = sorted(typed)
    values = np.array([typed[key] for key in keys], dtype=float)
    if closed:
        keys_closed = np.array([*keys, keys[0] + count], dtype=float)
        spline = CubicSpline(keys_closed, np.vstack([values, values[:1]]), bc_type="periodic")
        at = np.arange(count, dtype=float)
        return spline(np.where(at < keys[0], at + count, at))
    # the curve meets the midline at a right angle: x odd, y and z even
    mirrored = values * np.array([-1.0, 1.0, 1.0])
    start = [-key for key in keys[:0:-1]]
    end = [2 * keys[-1] - key for key in keys[-2::-1]]
    spline = CubicSpline(
        np.array([*start, *keys, *end], dtype=float),
        np.vstack([mirrored[:0:-1], values, mirrored[-2::-1]]),
    )
    return spline(np.arange(count, dtype=float))


def ear_to_head(local: FloatArray) -> FloatArray:
    """Ear frame (back, up, out) (..., 3) to the head frame: backward tilt, then flare."""
    tilt, flare = np.deg2rad(points.EAR_TILT_DEG), np.deg2rad(points.EAR_FLARE_DEG)
    tilted = local[..., 0] * np.cos(tilt) + local[..., 1] * np.sin(tilt)
    up = local[..., 1] * np.cos(tilt) - local[..., 0] * np.sin(tilt)
    back = tilted * np.cos(flare) - local[..., 2] * np.sin(flare)
    out = local[..., 2] * np.cos(flare) + tilted * np.sin(flare)
    turned: FloatArray = np.stack([out, back, up], axis=-1)
    return turned + np.array(points.EAR_ORIGIN)


def _constraints(layout: HalfLayout) -> Constraints:
    """Ids, typed positions and weights of all constrained vertices."""
    ids: list[int] = []
    targets: list[FloatArray] = []
    weights: list[float] = []

    def fix(vertex: int, target: FloatArray, weight: float) -> None:
        ids.append(int(vertex))
        targets.append(np.asarray(target, dtype=float))
        weights.append(weight)

    for row_name, columns in points.GRID.items():
        for column, point in columns.items():
            vertex = layout.grid[column, points.ROW_INDEX[row_name]]
            if vertex < 0:
                raise ValueError(f"{row_name} column {column} lies inside a hole")
            row = points.ROW_INDEX[row_name]
            fix(vertex, np.array(point), ATTACHMENT if column < 7 and 8 <= row <= 34 else LOOSE)
    typed = points.GRID["neck_base"]
    base = CubicSpline(list(typed), list(typed.values()))(np.arange(len(layout.grid)))
    for vertex, target in zip(layout.grid[:, 0], base, strict=True):
        fix(vertex, target, FIRM)
    for (right, back), point in points.CROWN.items():
        fix(layout.cap[right, back], np.array(point), LOOSE)
    for feature, curves, rings in (
        ("eye", points.EYE, EYE_RINGS),
        ("mouth", points.MOUTH, MOUTH_RINGS),
        ("ear", points.EAR, EAR_RINGS),
    ):
        for name, typed in curves.items():
            ring = layout.rings[feature][rings[name]]
            if len(typed) < 8:  # a few loose points, not a whole curve
                chosen, curve = list(typed), np.array(list(typed.values()), dtype=float)
            else:
                chosen, curve = range(len(ring)), ring_curve(typed, len(ring), feature != "mouth")
            if feature == "ear":
                curve = ear_to_head(curve)
            for index, target in zip(chosen, curve, strict=True):
                fix(ring[index], target, FIRM if len(typed) >= 8 else ATTACHMENT)
    return np.array(ids), np.array(targets), np.array(weights)


def _neighbours(layout: HalfLayout) -> NDArray[np.integer]:
    """(e, 2) every edge in both directions, sorted."""
    edges = np.concatenate([layout.quads[:, [i, (i + 1) % 4]] for i in range(4)])
    return np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)


def _edge_lengths(layout: HalfLayout, skin: FloatArray) -> FloatArray:
    pairs = _neighbours(layout)
    return np.maximum(np.linalg.norm(skin[pairs[:, 0]] - skin[pairs[:, 1]], axis=1), SHORTEST)


def _bending(layout: HalfLayout, lengths: FloatArray, mirror_sign: float) -> sp.csr_matrix:
    """MEMBRANE |L x|^2 + BENDING |L^2 x|^2 of the whole head folded on to the left half.

    An edge that leaves the midline has a twin on the right; functions that are even (+1) or odd
    (-1) across the midline see it as such.
    """
    pairs = _neighbours(layout)
    count = layout.count
    on_midline = np.zeros(count, dtype=bool)
    on_midline[layout.midline] = True
    twin = on_midline[pairs[:, 0]] & ~on_midline[pairs[:, 1]]
    pull = 1.0 / lengths
    total = np.bincount(pairs[:, 0], np.where(twin, 2.0, 1.0) * pull, minlength=count)
    values = np.where(twin, 1.0 + mirror_sign, 1.0) * pull / total[pairs[:, 0]]
    adjacency = sp.csr_matrix((values, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    laplacian = sp.eye(count, format="csr") - adjacency
    squared = laplacian @ laplacian
    return MEMBRANE * laplacian.T @ laplacian + BENDING * squared.T @ squared
