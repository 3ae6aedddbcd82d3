"""The non-rigid part of the wrap: smooth modes first, then every vertex by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ..geometry.closest import Places, Surface
from ..geometry.normals import vertex_normals
from ..geometry.similarity import Similarity
from ..stages.fitting.freeform import smooth_modes
from .reference_head import DETECTOR_LANDMARKS, ReferenceHead
from .register import FREE, OPPOSITE, landmark_weights, reference_sides, template_sides, vertices_of

# Modes per axis and parity, and how far apart a pair may be.
MODE_ROUNDS = (
    (8, 0.040), (8, 0.030), (20, 0.020), (20, 0.015), (45, 0.010), (45, 0.008), (45, 0.008),
)  # fmt: skip
POINT_SD_M, LANDMARK_SD_M = 0.001, 0.002
INDEPENDENT = 0.05  # neighbouring vertices err together: this share of them counts
# Of the movement's Laplacian, and how far apart a pair may be.
VERTEX_ROUNDS = ((30.0, 0.010), (10.0, 0.008), (3.0, 0.006), (1.0, 0.005), (0.5, 0.004))
LANDMARK_STRENGTH = 3.0
ANCHOR = 1e-4  # keeps what has no pair anywhere near it from drifting
# Weight of a pull along the surface against one off it. On copies of the template of another
# identity, 6 mm away, vertices come within 0.8 mm of their own place; with 0.05, within 1.2 mm.
ALONG = 0.3
SAME_WAY_COS = 0.4


@dataclass(frozen=True)
class Pairs:
    """The place on the reference that each of V vertices is drawn to."""

    places: Places
    normals: FloatArray  # (V, 3) unit, of the reference there
    valid: BoolArray  # (V,) near enough, facing the same way, not on a border


@dataclass(frozen=True, eq=False)
class Cloth:
    """The template's outer surface and the reference's skin, both in the template's frame."""

    rest_m: FloatArray  # (V, 3)
    triangles: IntArray  # of skin and mouth
    skin: BoolArray  # (V,)
    sides: NDArray[np.int8]  # (V,)
    surface: Surface  # the reference's skin
    allowed: Mapping[int, IntArray]  # by side: the triangles it may lie on
    landmark_rows: sp.csr_array  # (51, V) barycentric weights
    landmarks_m: FloatArray  # (51, 3) where they belong

    @classmethod
    def between(
        cls, template: HeadTemplate, reference: ReferenceHead, to_head: Similarity
    ) -> Cloth:
        placed = to_head(reference.vertices_m)
        triangles = reference.skin_triangles
        of_reference = reference_sides(reference)[triangles]
        allowed = {
            side: np.flatnonzero(~(of_reference == OPPOSITE.get(side)).any(axis=1))
            for side in (FREE, *OPPOSITE)
        }
        points = list(DETECTOR_LANDMARKS)
        rows = sp.csr_array(
            (
                template.landmark_weights[points].astype(np.float64).ravel(),
                (np.repeat(np.arange(len(points)), 3), template.landmark_vertices[points].ravel()),
            ),
            shape=(len(points), len(template.vertices_m)),
        )
        sheet = np.isin(
            template.triangle_material, [MATERIALS.index(name) for name in ("skin", "mouth")]
        )
        return cls(
            template.vertices_m.astype(np.float64),
            template.triangles[sheet],
            vertices_of(template, "skin"),
            template_sides(template),
            Surface(placed, triangles),
            allowed,
            rows,
            to_head(reference.landmarks_m),
        )

    def paired(self, vertices_m: FloatArray, farthest_m: float) -> Pairs:
        """Pairs of the cloth's vertices where it lies now (V, 3)."""
        count = len(vertices_m)
        triangle = np.zeros(count, np.int64)
        weights, points = np.zeros((count, 3)), np.zeros((count, 3))
        distance = np.full(count, np.inf)
        for side, names in self.allowed.items():
            own = np.flatnonzero(self.sides == side)
            usable = Surface(self.surface.vertices_m, self.surface.triangles[names])
            places = usable.closest(vertices_m[own])
            triangle[own], weights[own] = names[places.triangle], places.weights
            points[own], distance[own] = places.points_m, places.distance_m
        places = Places(triangle, weights, points, distance)
        normals = self.surface.normals[triangle]
        facing = (vertex_normals(vertices_m, self.triangles) * normals).sum(axis=1)
        valid = self.skin & (distance < farthest_m) & (facing > SAME_WAY_COS)
        return Pairs(places, normals, valid & ~self.surface.on_edge(places))


def fit_modes(cloth: Cloth) -> FloatArray:
    """Vertices (V, 3) of the cloth bent by smooth modes, coarse to fine."""
    vertices = cloth.rest_m
    modes, known = np.zeros(0), 0
    for count, farthest_m in MODE_ROUNDS:
        if count != known:
            modes, known = smooth_modes(cloth.rest_m, count), count
        vertices = _bent(cloth, modes, cloth.paired(vertices, farthest_m))
    return vertices


def _bent(cloth: Cloth, modes: FloatArray, pairs: Pairs) -> FloatArray:
    used = np.flatnonzero(pairs.valid)
    share = INDEPENDENT / POINT_SD_M**2
    gap, normal = pairs.places.points_m[used] - cloth.rest_m[used], pairs.normals[used]
    off = np.einsum("vc,vcm->vm", normal, modes[used])
    along = modes[used].reshape(3 * len(used), -1)
    marks = np.tensordot(cloth.landmark_rows.toarray(), modes, axes=1)
    strength = landmark_weights() / LANDMARK_SD_M**2
    mark_gap = cloth.landmarks_m - cloth.landmark_rows @ cloth.rest_m
    system = share * (off.T @ off + ALONG * along.T @ along)
    system += np.einsum("lcm,l,lcn->mn", marks, strength, marks, optimize=True)
    system += np.eye(len(system))
    right = share * (off.T @ (normal * gap).sum(axis=1) + ALONG * along.T @ gap.ravel())
    right += np.einsum("lcm,l,lc->m", marks, strength, mark_gap)
    return cloth.rest_m + modes @ np.linalg.solve(system, right)


def fit_vertices(cloth: Cloth, bent_m: FloatArray) -> FloatArray:
    """Vertices (V, 3) drawn on to the reference from `bent_m` (V, 3), where modes brought them."""
    laplacian = sp.kron(_laplacian(cloth.triangles, len(bent_m)), sp.eye_array(3))
    smoothness = (laplacian.T @ laplacian).tocsc()
    marks = sp.kron(cloth.landmark_rows, sp.eye_array(3)).tocsc()
    strength = sp.diags_array(np.repeat(LANDMARK_STRENGTH * landmark_weights(), 3))
    pull_marks = marks.T @ strength
    vertices = bent_m
    for stiffness, farthest_m in VERTEX_ROUNDS:
        pairs = cloth.paired(vertices, farthest_m)
        pull = _pull(pairs)
        system = stiffness * smoothness + pull + pull_marks @ marks
        system += ANCHOR * sp.eye_array(system.shape[0])
        gap = (pairs.places.points_m - bent_m).ravel()
        mark_gap = (cloth.landmarks_m - cloth.landmark_rows @ bent_m).ravel()
        moved = splu(system.tocsc()).solve(pull @ gap + pull_marks @ mark_gap)
        vertices = bent_m + moved.reshape(-1, 3)
    return vertices


def _pull(pairs: Pairs) -> sp.csc_array:
    """(3V, 3V) off the surface at full strength, along it weakly, nothing where there's no pair."""
    blocks = pairs.normals[:, :, None] * pairs.normals[:, None, :] + ALONG * np.eye(3)
    blocks *= pairs.valid[:, None, None]
    count = len(blocks)
    return sp.bsr_array((blocks, np.arange(count), np.arange(count + 1))).tocsc()


def _laplacian(triangles: IntArray, count: int) -> sp.csr_array:
    """(V, V) each vertex minus the mean of its neighbours; no row for vertices without any."""
    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    both = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    degree = np.bincount(both[:, 0], minlength=count)
    share = 1.0 / degree[both[:, 0]]
    neighbours = sp.csr_array((share, (both[:, 0], both[:, 1])), shape=(count, count))
    return sp.csr_array(sp.diags_array((degree > 0).astype(float)) - neighbours)
