"""A deformed head in, the same head without folds out: `remove_self_intersections`.

A fold is skin that passes through skin, or an edge that is bent over, where the template's own is
not. Round it the way the template was moved to become this head is smoothed, as far as it takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from studio_avatar_addon.avatar.errors import FitError, FoldedError
from studio_avatar_addon.avatar.template import BONES, EYE_BONES, MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ..imaging.smooth_step import smooth_step
from .intersections import self_intersections
from .normals import triangle_normals

SHEET = ("skin", "mouth")  # one surface, which must not meet itself
ATTACHED = ("lashes", "tear", "caruncle")  # what sits on it
# An edge is bent over where its triangles' normals have this cosine and had more at rest.
BENT_COS, BENT_AT_REST_COS = -0.8, 0.0
MIN_HEIGHT_M = 0.0003  # triangles less high than this may bend
# Round where the head at rest meets itself, triangles may meet too: a move of a vertex there shifts
# the crossing by a triangle or so.
CONTACT_RINGS = 2
# What lies this close at rest is moved alike: the width of the slits at lips, lids and ears.
NEIGHBOUR_DISTANCE_M = 0.003
# The neighbours' spread counts as this much wider all round, so that flat ones do for a fit.
STIFFNESS = 0.03
RELAXATION = 0.5  # how far one averaging goes: at 1, folds are moved further than they need
LID_DISTANCE_M = 0.0035  # the surface this close to an eyeball comes no closer
# How far round the folds is smoothed, in steps from neighbour to neighbour; the widest is about
# half a face. It starts small, so that a small fold changes little, and each round averages once
# more.
INITIAL_REACH, REACH_PER_ROUND, MAX_REACH = 2.0, 0.5, 20.0
INITIAL_AVERAGINGS = 4
MAX_ROUNDS = 60  # the widest reach is there after 36
# Whatever has to be moved further than this was no head.
MAX_MOVE_M = 0.05
# What an artist is told of: less is not seen on a head.
NOTICEABLE_MOVE_M = 0.001


@dataclass(frozen=True)
class Folds:
    """Where a surface of V vertices is folded. `count`: crossing pairs and bent edges."""

    count: int
    vertices: BoolArray  # (V,) corners of the triangles that take part


@dataclass(frozen=True)
class RelaxedHead:
    """A head without folds; vertices away from the folds are as they were, to the bit."""

    vertices_m: FloatArray  # (V, 3) float64
    folds_before: int
    largest_move_m: float


def find_folds(
    template: HeadTemplate, posed_m: FloatArray, rest_m: FloatArray | None = None
) -> Folds:
    """Folds of a head with vertices (V, 3) that `rest_m` (V, 3), else the template, has not."""
    return _FoldFinder(template, template.vertices_m if rest_m is None else rest_m).find(posed_m)


def remove_self_intersections(
    template: HeadTemplate,
    posed_m: FloatArray,
    rest_m: FloatArray | None = None,
    max_move_m: float = MAX_MOVE_M,
) -> RelaxedHead:
    """Smooth a head with vertices (V, 3) until it has no fold that `rest_m` has not.

    `rest_m` (V, 3): the template in the same expression, else without any. Eyeballs and teeth
    stay as they are, and lids come no closer to the eyeballs. Raises FitError where vertices are
    not finite, FoldedError where one would have to move further than `max_move_m`.
    """
    posed = np.array(posed_m, np.float64)
    rest = np.array(template.vertices_m if rest_m is None else rest_m, np.float64)
    if not np.isfinite(posed).all():
        raise FitError(
            "The head's surface has vertices without a place.",
            "Film again with the whole head in view and in even light.",
        )
    finder = _FoldFinder(template, rest)
    folds = finder.find(posed)
    if not folds.count:
        return RelaxedHead(posed, 0, 0.0)
    return _relax(template, rest, posed, finder, folds, max_move_m)


def _relax(
    template: HeadTemplate,
    rest: FloatArray,
    posed: FloatArray,
    finder: _FoldFinder,
    folds: Folds,
    max_move_m: float,
) -> RelaxedHead:
    """The posed vertices (V, 3) smoothed round `folds`, in wider and wider windows."""
    neighbours = _neighbours(finder.triangles, rest)
    eyeballs = _Eyeballs(template, rest, posed)
    count = folds.count
    relaxed = posed.copy()
    for round_index in range(MAX_ROUNDS):
        reach = min(INITIAL_REACH + REACH_PER_ROUND * round_index, MAX_REACH)
        window = _window(neighbours, folds.vertices, reach)
        inside = np.flatnonzero(window)
        # The wider the window, the more averaging it takes to settle.
        move = _smooth_move(relaxed - rest, neighbours, window, INITIAL_AVERAGINGS + round_index)
        relaxed[inside] = (rest + move)[inside]
        eyeballs.push_out(relaxed, inside)
        largest = float(np.linalg.norm(relaxed - posed, axis=1).max())
        if largest > max_move_m:
            break
        folds = finder.find(relaxed)
        if not folds.count:
            _move_attached(template, relaxed, posed)
            return RelaxedHead(relaxed, count, largest)
    raise FoldedError(
        "The head's surface is folded so badly that it cannot be smoothed.",
        "Film again with a calm face, the hair tied back and the whole head in view.",
    )


class _FoldFinder:
    """Finds what is folded in a head and is not in the head at rest."""

    def __init__(self, template: HeadTemplate, rest_m: FloatArray) -> None:
        self.triangles = template.triangles[_is_material(template, SHEET)]
        self._edges = _edge_pairs(self.triangles)
        # Hair-thin triangles turn over at the least move, and nobody sees it.
        broad = (_heights(rest_m, self.triangles) > MIN_HEIGHT_M)[self._edges].all(axis=1)
        self._bendable = broad & (self._edge_cos(rest_m) > BENT_AT_REST_COS)
        # Where the head at rest meets itself, one moved a little does so in triangles close by.
        in_contact = np.zeros(len(self.triangles), bool)
        in_contact[self_intersections(rest_m, self.triangles)] = True
        for _ in range(CONTACT_RINGS):
            in_contact = np.isin(self.triangles, self.triangles[in_contact]).any(axis=1)
        self._near_rest_contact = in_contact

    def find(self, vertices_m: FloatArray) -> Folds:
        """Folds of vertices (V, 3) that the head at rest has not."""
        vertices = vertices_m.astype(np.float32).astype(np.float64)  # as they will be stored
        pairs = self_intersections(vertices, self.triangles)
        crossing = pairs[~self._near_rest_contact[pairs].all(axis=1)]
        bent = self._edges[self._bendable & (self._edge_cos(vertices) < BENT_COS)]
        folded = np.zeros(len(vertices), bool)
        folded[self.triangles[np.concatenate([crossing, bent])]] = True
        return Folds(len(crossing) + len(bent), folded)

    def _edge_cos(self, vertices_m: FloatArray) -> FloatArray:
        """(E,) cosine between the normals of the triangles on both sides of each edge."""
        normals = triangle_normals(vertices_m, self.triangles)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
        return (normals[self._edges[:, 0]] * normals[self._edges[:, 1]]).sum(axis=1)


class _Eyeballs:
    """The eyeballs of a head, and how near the surface round them may come."""

    def __init__(self, template: HeadTemplate, rest_m: FloatArray, posed_m: FloatArray) -> None:
        self._centres_m = template.eye_centres_m(posed_m)
        self._min_distance_m: list[FloatArray] = []  # two of (V,) distances from the centre
        balls = template.bone_weights[[BONES.index(bone) for bone in EYE_BONES]] > 0.5
        rest_centres = template.eye_centres_m(rest_m)
        for eye, ball in enumerate(balls):
            rest = np.linalg.norm(rest_m - rest_centres[eye], axis=1)
            posed = np.linalg.norm(posed_m - self._centres_m[eye], axis=1)
            growth = posed[ball].mean() / rest[ball].mean()
            lids = rest < template.eye_radius_m[eye] + LID_DISTANCE_M
            self._min_distance_m.append(np.where(lids, np.minimum(posed, growth * rest), 0.0))

    def push_out(self, vertices_m: FloatArray, moved: IntArray) -> None:
        """Push the vertices (V, 3) named by `moved` off the eyeballs they came too near to."""
        for centre, min_distance in zip(self._centres_m, self._min_distance_m, strict=True):
            arm = vertices_m[moved] - centre
            distance = np.linalg.norm(arm, axis=1)
            missing = np.maximum(min_distance[moved] - distance, 0.0)
            vertices_m[moved] += (missing / np.maximum(distance, 1e-6))[:, None] * arm


def _is_material(template: HeadTemplate, materials: tuple[str, ...]) -> BoolArray:
    """(2F,) True for the triangles of these materials."""
    named = [code for code, name in enumerate(MATERIALS) if name in materials]
    return np.isin(template.triangle_material, named)


def _edge_pairs(triangles: IntArray) -> IntArray:
    """Pairs (E, 2) of triangles (M, 3) that share an edge."""
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    owner, edges = order // 3, edges[order]
    shared = np.flatnonzero((edges[1:] == edges[:-1]).all(axis=1))
    return np.stack([owner[shared], owner[shared + 1]], axis=1)


def _heights(vertices_m: FloatArray, triangles: IntArray) -> FloatArray:
    """(M,) how high triangles (M, 3) stand on their longest edge."""
    corners = vertices_m[triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    return np.linalg.norm(triangle_normals(vertices_m, triangles), axis=1) / longest


def _neighbours(triangles: IntArray, rest_m: FloatArray) -> csr_array:
    """(V, V) shares of each vertex's neighbours; a row sums to 1, or to 0 off the sheet.

    Besides edges, what lies close at rest makes neighbours: the ear and the skull behind it, lip
    and lip, both sides of a lid. Moved alike they keep the gap they have at rest. The shares are
    those whose mean position is the vertex itself, so that a smooth stretch stays what it is.
    """
    surface = np.unique(triangles)
    close = surface[
        KDTree(rest_m[surface]).query_pairs(NEIGHBOUR_DISTANCE_M, output_type="ndarray")
    ]
    pairs = np.concatenate([triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), close])
    vertex, other = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0).T
    count = len(rest_m)
    equal = 1.0 / np.bincount(vertex, minlength=count)[vertex]
    near = csr_array((equal, (vertex, other)), shape=(count, count))
    mean = near @ rest_m
    squares = (near @ (rest_m[:, :, None] * rest_m[:, None, :]).reshape(-1, 9)).reshape(-1, 3, 3)
    spread = squares - mean[:, :, None] * mean[:, None, :]
    stiff = STIFFNESS * np.trace(spread, axis1=1, axis2=2) + 1e-12
    # A linear fit to the neighbours, read off at the vertex, but without negative shares.
    tilt = np.linalg.solve(spread + stiff[:, None, None] * np.eye(3), (rest_m - mean)[:, :, None])
    along = (tilt[vertex, :, 0] * (rest_m[other] - mean[vertex])).sum(axis=1)
    share = equal * np.maximum(1.0 + along, 0.0)
    share /= np.bincount(vertex, share, minlength=count)[vertex]
    return csr_array((share, (vertex, other)), shape=(count, count))


def _window(neighbours: csr_array, folded: BoolArray, reach: float) -> FloatArray:
    """(V,) 1 at the folded vertices, falling smoothly to 0 `reach` neighbours away."""
    steps: NDArray[np.float64] = dijkstra(
        neighbours, indices=np.flatnonzero(folded), unweighted=True, min_only=True, limit=reach
    )
    return 1.0 - smooth_step(0.0, reach, steps)


def _smooth_move(
    move_m: FloatArray, neighbours: csr_array, window: FloatArray, times: int
) -> FloatArray:
    """Moves (V, 3) averaged with the neighbours' `times` over, as far as the window (V,) says."""
    for _ in range(times):
        move_m = move_m + RELAXATION * window[:, None] * (neighbours @ move_m - move_m)
    return move_m


def _move_attached(template: HeadTemplate, relaxed_m: FloatArray, posed_m: FloatArray) -> None:
    """Move lashes and tear line as the surface next to them was moved."""
    surface = np.unique(template.triangles[_is_material(template, SHEET)])
    attached = np.unique(template.triangles[_is_material(template, ATTACHED)])
    nearest = KDTree(template.vertices_m[surface]).query(template.vertices_m[attached])[1]
    relaxed_m[attached] += (relaxed_m - posed_m)[surface[nearest]]
