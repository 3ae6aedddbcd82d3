"""From typed points and layout to the left half's smooth skin: positions (N, 3) in millimetres."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.sparse.linalg import spsolve

from studio_avatar_addon.avatar.types import FloatArray

from . import control_points
from .layout import HalfLayout

# Which ring of a hole a typed curve fixes (0 is the border on the grid).
EYE_RINGS = {"fold": 2, "crease": 3, "margin": 5}
MOUTH_RINGS = {"philtrum": 2, "vermilion": 3, "body": 4, "seam": 5, "contact": 6}
EAR_RINGS = {
    "sulcus": 1, "back": 2, "helix_back": 3, "rim": 4, "helix_inner": 5, "scapha": 6,
    "antihelix": 7, "concha": 8,
}  # fmt: skip

EAR_FRONT = (19, 20, 21, 22, 23, 24, 25, 26, 27, 0)  # ring indices where the ear lies on the cheek
ARCS = ("philtrum", "sulcus", "back", "helix_back")  # typed on a part of the ring only, open

# Weights of the energy that the solve minimises. More attachment shows typing errors as dents, less
# loses the typed shape.
MEMBRANE = 0.3  # |L x|^2
BENDING = 1.0  # |L^2 x|^2
FACE_WEIGHT = 3.0  # |x - typed|^2 about the nose and mouth
PLAIN_WEIGHT = 0.6  # the same on wide, plain surfaces
RING_WEIGHT = 30.0  # the same on ring curves, which carry the features
# Passes, each with the edges' lengths of the last one; the first takes them all for equal.
SOLVE_PASSES = 3
MIN_EDGE_MM = 0.5  # below it an edge's length says nothing

RELAX_STEPS = 40  # each half the way to the mean of the neighbours

# Fairing's length in mm: waves much shorter than 2 pi times it go, longer ones stay.
FAIR_PLAIN, FAIR_CRANIUM, FAIR_MIDDLE, FAIR_FEATURES = 8.0, 18.0, 5.0, 1.5
FAIR_BLUR = 2  # steps over which these lengths change into one another

Constraints = tuple[NDArray[np.integer], FloatArray, FloatArray]  # ids, targets, weights


def solve_skin(layout: HalfLayout) -> FloatArray:
    """Positions (N, 3) that pass near all typed points with the least bending.

    The first pass takes all edges for equally long; the next ones know their lengths, so that
    uneven spacing does not show as waves.
    """
    constraints = _constraints(layout)
    lengths = np.ones(len(_neighbours(layout)))
    solution = np.zeros((layout.count, 3))
    for _ in range(SOLVE_PASSES):
        solution = _solve(layout, constraints, lengths)
        lengths = _edge_lengths(layout, solution)
    return _fair(layout, _relax(layout, solution))


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


def ring_curve(typed: dict[float, control_points.Point], count: int, closed: bool) -> FloatArray:
    """(count, 3) mm, typed points by ring index to all vertices of the ring, along a cubic spline.

    An open ring is the left half of one that crosses the midline at its ends.
    """
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
    tilt, flare = np.deg2rad(control_points.EAR_TILT_DEG), np.deg2rad(control_points.EAR_FLARE_DEG)
    tilted = local[..., 0] * np.cos(tilt) + local[..., 1] * np.sin(tilt)
    up = local[..., 1] * np.cos(tilt) - local[..., 0] * np.sin(tilt)
    back = tilted * np.cos(flare) - local[..., 2] * np.sin(flare)
    out = local[..., 2] * np.cos(flare) + tilted * np.sin(flare)
    in_head_frame: FloatArray = np.stack([out, back, up], axis=-1)
    return in_head_frame + np.array(control_points.EAR_ORIGIN)


class _ConstraintList:
    """Collects ids, typed positions in millimetres and weights of vertices."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._targets: list[FloatArray] = []
        self._weights: list[float] = []

    def add(self, vertex: int, target: FloatArray, weight: float) -> None:
        """Pull a vertex towards `target` (3,)."""
        self._ids.append(vertex)
        self._targets.append(np.asarray(target, dtype=float))
        self._weights.append(weight)

    def arrays(self) -> Constraints:
        """(n,), (n, 3) and (n,)."""
        return np.array(self._ids), np.array(self._targets), np.array(self._weights)


def _constraints(layout: HalfLayout) -> Constraints:
    """Ids, typed positions and weights of all constrained vertices."""
    constraints = _ConstraintList()
    _constrain_grid(layout, constraints)
    for feature, curves, rings in (
        ("eye", control_points.EYE, EYE_RINGS),
        ("mouth", control_points.MOUTH, MOUTH_RINGS),
        ("ear", control_points.EAR, EAR_RINGS),
    ):
        for name, typed in curves.items():
            _constrain_ring(constraints, feature, name, typed, layout.rings[feature][rings[name]])
    return constraints.arrays()


def _constrain_grid(layout: HalfLayout, constraints: _ConstraintList) -> None:
    """The grid's points, the even loop at the neck's base and the crown."""
    for row_name, columns in control_points.GRID.items():
        row = control_points.ROW_INDEX[row_name]
        for column, point in columns.items():
            vertex = int(layout.grid[column, row])
            if vertex < 0:
                raise ValueError(f"{row_name} column {column} lies inside a hole")
            weight = FACE_WEIGHT if column < 7 and 8 <= row <= 34 else PLAIN_WEIGHT
            constraints.add(vertex, np.array(point), weight)
    typed = control_points.GRID["neck_base"]
    base = CubicSpline(list(typed), list(typed.values()))(np.arange(len(layout.grid)))
    for vertex, target in zip(layout.grid[:, 0], base, strict=True):
        constraints.add(int(vertex), target, RING_WEIGHT)
    for (right, back), point in control_points.CROWN.items():
        constraints.add(int(layout.cap[right, back]), np.array(point), PLAIN_WEIGHT)


def _constrain_ring(
    constraints: _ConstraintList,
    feature: str,
    name: str,
    typed: dict[float, control_points.Point],
    ring: NDArray[np.integer],
) -> None:
    """The vertices of a `ring` (n,) of a feature along the curve through its typed points."""
    if name in ARCS:
        chosen = np.arange(min(typed), max(typed) + 1)
        curve = CubicSpline(list(typed), list(typed.values()))(chosen)
    else:
        chosen = np.arange(len(ring))
        curve = ring_curve(typed, len(ring), feature != "mouth")
    if feature == "ear":
        curve = ear_to_head(curve)
    weight = FACE_WEIGHT if name in ("sulcus", "philtrum") else RING_WEIGHT
    for index, target in zip(chosen, curve, strict=True):
        constraints.add(int(ring[index]), target, weight)


def _neighbours(layout: HalfLayout) -> NDArray[np.integer]:
    """(e, 2) every edge in both directions, sorted."""
    edges = np.concatenate([layout.quads[:, [i, (i + 1) % 4]] for i in range(4)])
    return np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)


def _edge_lengths(layout: HalfLayout, skin: FloatArray) -> FloatArray:
    pairs = _neighbours(layout)
    return np.maximum(np.linalg.norm(skin[pairs[:, 0]] - skin[pairs[:, 1]], axis=1), MIN_EDGE_MM)


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


def _relax(layout: HalfLayout, skin: FloatArray) -> FloatArray:
    """Vertices spread evenly within the surface where it is plain, so that no band is crowded."""
    pairs = _neighbours(layout)
    on_midline = np.zeros(layout.count, dtype=bool)
    on_midline[layout.midline] = True
    weight = np.where(on_midline[pairs[:, 0]] & ~on_midline[pairs[:, 1]], 2.0, 1.0)
    average = sp.csr_matrix((weight, (pairs[:, 0], pairs[:, 1])), shape=(layout.count,) * 2)
    average = sp.diags(1.0 / np.asarray(average.sum(axis=1)).ravel()) @ average
    mobility = _mobility(layout, average)[:, None]
    relaxed = skin.copy()
    for _ in range(RELAX_STEPS):
        normals = _normals(layout, relaxed)
        pull = average @ relaxed - relaxed
        pull[on_midline, 0] = 0.0
        pull -= (pull * normals).sum(axis=1, keepdims=True) * normals
        relaxed += 0.5 * mobility * pull
    return relaxed


def _mobility(layout: HalfLayout, average: sp.csr_matrix) -> FloatArray:
    """How freely (N,) in [0, 1] a vertex may slide: 1 on plain surfaces, 0 where it has a place."""
    mobility = np.ones(layout.count)
    fixed = [layout.grid[:7, 7:36], layout.grid[:14, 33:35], layout.grid[:, :1]]
    for name, first in (("eye", 1), ("mouth", 1), ("nostril", 0), ("ear", 0)):
        fixed += [layout.rings[name][first:], layout.ends[name]]
    fixed_ids = np.concatenate([ids[ids >= 0].ravel() for ids in fixed])
    for _ in range(3):
        mobility[fixed_ids] = 0.0
        mobility = 0.5 * (mobility + average @ mobility)
    mobility[fixed_ids] = 0.0
    return mobility


def _fair(layout: HalfLayout, skin: FloatArray) -> FloatArray:
    """The skin without waves: moved along its normals to the least true bending.

    Unlike the solve, which spreads vertices, this measures curvature on the surface itself
    (cotangent Laplacian); wide, plain surfaces may move, rings and the middle of the face hardly.
    """
    laplacian, mass = _cotangent(layout, skin)
    normals = _normals(layout, skin)
    length = _fair_length(layout)
    rigid = np.zeros(layout.count, dtype=bool)
    rigid[layout.grid[:, 0]] = True
    quiet = rigid.copy()  # no bending is counted here
    for name, first in (("eye", 4), ("mouth", 4), ("nostril", 0), ("ear", 1)):
        for mask, start in ((rigid, first), (quiet, max(first - 1, 0))):
            mask[layout.rings[name][start:].ravel()] = True
            end = layout.ends[name]
            mask[end[end >= 0]] = True
    # in front of the ear its outer rings are plain cheek
    rigid[layout.rings["ear"][1:4][:, EAR_FRONT]] = False
    quiet[layout.rings["ear"][0:3][:, EAR_FRONT]] = False
    on_midline = np.zeros(layout.count, dtype=bool)
    on_midline[layout.midline] = True
    free = np.flatnonzero(~rigid)
    matrix = sp.diags(mass / length**4)
    gradient = np.zeros(layout.count)
    for axis in range(3):
        counted = np.where(quiet | (on_midline & (axis == 0)), 0.0, 1.0 / mass)
        bending = laplacian.T @ sp.diags(counted) @ laplacian
        along = sp.diags(normals[:, axis])
        matrix = matrix + along @ bending @ along
        gradient += normals[:, axis] * (bending @ skin[:, axis])
    step = np.zeros(layout.count)
    step[free] = spsolve(matrix.tocsr()[free][:, free].tocsc(), -gradient[free])
    return skin + step[:, None] * normals


def _fair_length(layout: HalfLayout) -> FloatArray:
    """Length (N,) up to which the fairing smooths, by place."""
    length = np.full(layout.count, FAIR_PLAIN)
    for columns in layout.grid:
        for row, vertex in enumerate(columns):
            if vertex >= 0 and row >= 35:
                length[vertex] = FAIR_CRANIUM
    length[layout.cap.ravel()] = FAIR_CRANIUM
    for block, value in (
        (layout.grid[:7, 8:35], FAIR_MIDDLE), (layout.grid[7:18, 6:12], FAIR_MIDDLE),
        (layout.rings["mouth"][1:3], FAIR_MIDDLE), (layout.rings["eye"][1], FAIR_MIDDLE),
        (layout.grid[:7, 17:27], FAIR_FEATURES), (layout.grid[4:13, 24:33], FAIR_MIDDLE),
        (layout.rings["mouth"][3:], FAIR_FEATURES), (layout.rings["eye"][2:], FAIR_FEATURES),
    ):  # fmt: skip
        length[block[block >= 0]] = value
    pairs = _neighbours(layout)
    degree = np.bincount(pairs[:, 0], minlength=layout.count)
    for _ in range(FAIR_BLUR):
        near = np.bincount(pairs[:, 0], length[pairs[:, 1]], minlength=layout.count) / degree
        length = 0.5 * (length + near)
    return length


def _triangles(layout: HalfLayout) -> NDArray[np.integer]:
    """Both ways of cutting each quad, so that neither diagonal is preferred."""
    return layout.quads[:, [0, 1, 2, 0, 2, 3, 0, 1, 3, 1, 2, 3]].reshape(-1, 3)


def _cotangent(layout: HalfLayout, skin: FloatArray) -> tuple[sp.csr_matrix, FloatArray]:
    """Stiffness matrix (N, N) and vertex areas (N,), mm^2."""
    corners = _triangles(layout)
    stiffness = sp.csr_matrix((layout.count, layout.count))
    for k in range(3):
        one, two, apex = corners[:, (k + 1) % 3], corners[:, (k + 2) % 3], corners[:, k]
        a, b = skin[one] - skin[apex], skin[two] - skin[apex]
        sine = np.maximum(np.linalg.norm(np.cross(a, b), axis=1), 1e-6)
        pull = np.clip(0.25 * (a * b).sum(axis=1) / sine, -2.0, 2.0)
        ids = (np.concatenate([one, two, one, two]), np.concatenate([two, one, one, two]))
        values = np.concatenate([-pull, -pull, pull, pull])
        stiffness = stiffness + sp.csr_matrix((values, ids), shape=stiffness.shape)
    edge = skin[corners]
    area = 0.25 * np.linalg.norm(np.cross(edge[:, 1] - edge[:, 0], edge[:, 2] - edge[:, 0]), axis=1)
    mass = np.bincount(corners.ravel(), np.repeat(area / 3, 3), minlength=layout.count)
    return stiffness.tocsr(), np.maximum(mass, 1e-3)


def _normals(layout: HalfLayout, skin: FloatArray) -> FloatArray:
    """Unit vertex normals (N, 3); on the midline without a sideways part."""
    one = skin[layout.quads[:, 2]] - skin[layout.quads[:, 0]]
    two = skin[layout.quads[:, 3]] - skin[layout.quads[:, 1]]
    across = np.repeat(np.cross(one, two), 4, axis=0)
    normals = np.zeros((layout.count, 3))
    np.add.at(normals, layout.quads.ravel(), across)
    normals[layout.midline, 0] = 0.0
    unit: FloatArray = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return unit
