"""The template's surface and another head's in; the template bent on to it out.

Smooth modes first, then every vertex by itself under a Laplacian (as Amberg et al. 2007, with a
stiffness that falls from round to round).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ..detector.landmark_indices import IBUG_51
from ..geometry.closest import ClosestPoints, Surface
from ..geometry.normals import vertex_normals
from ..geometry.similarity import Similarity
from ..stages.fitting.freeform import smooth_modes
from .correspondence import (
    FREE,
    OPPOSITE,
    landmark_weights,
    material_vertices,
    reference_lips_and_lids,
    template_lips_and_lids,
)
from .reference_head import ReferenceHead

# Modes per axis and parity, and how far apart in metres a pair may be: coarse to fine, so that a
# nose is not paired with a cheek. Each count twice or more, since pairs change with the shape.
MODE_ROUNDS = (
    (8, 0.040), (8, 0.030), (20, 0.020), (20, 0.015), (45, 0.010), (45, 0.008), (45, 0.008),
)  # fmt: skip
# Of a pair and of a landmark, against the modes' own standard deviations.
POINT_SD_M, LANDMARK_SD_M = 0.001, 0.002
INDEPENDENT_SHARE = 0.05  # neighbouring vertices err together: this share of them counts
# Weight of the movement's squared Laplacian against a pair's, and how far apart in metres it may
# be.
VERTEX_ROUNDS = ((30.0, 0.010), (10.0, 0.008), (3.0, 0.006), (1.0, 0.005), (0.5, 0.004))
LANDMARK_STRENGTH = 3.0  # against a pair's 1: there are 51 of them among thousands
DRIFT_WEIGHT = 1e-4  # keeps what has no pair anywhere near it from drifting
# Weight of a pull along the surface against one off it. On copies of the template of another
# identity, 6 mm away, vertices come within 0.8 mm of their own place; with 0.05, within 1.2 mm.
TANGENTIAL_SHARE = 0.3
MIN_NORMAL_COSINE = 0.4  # of a pair: some 66 degrees, so that the back of an ear is not its front


@dataclass(frozen=True)
class Pairs:
    """The point of the reference that each of V vertices is pulled to."""

    places: ClosestPoints
    normals: FloatArray  # (V, 3) unit, of the reference there
    valid: BoolArray  # (V,) near enough, facing the same way, not on a border


@dataclass(frozen=True, eq=False)
class NonRigidRegistration:
    """The template's outer surface and the reference's skin, both in the template's frame."""

    rest_m: FloatArray  # (V, 3)
    triangles: IntArray  # (M, 3) of skin and mouth
    skin: BoolArray  # (V,)
    sides: NDArray[np.int8]  # (V,) lip or lid, see `correspondence`
    surface: Surface  # the reference's skin
    allowed: Mapping[int, IntArray]  # by side: the triangles it may lie on
    landmark_rows: sp.csr_array  # (51, V) barycentric weights
    landmarks_m: FloatArray  # (51, 3) where they belong

    @classmethod
    def between(
        cls, template: HeadTemplate, reference: ReferenceHead, to_head: Similarity
    ) -> NonRigidRegistration:
        """Of `template` on `reference`, which `to_head` lays into the template's frame."""
        placed = to_head(reference.vertices_m)
        triangles = reference.skin_triangles
        of_reference = reference_lips_and_lids(reference)[triangles]
        allowed = {
            side: np.flatnonzero(~(of_reference == OPPOSITE.get(side)).any(axis=1))
            for side in (FREE, *OPPOSITE)
        }
        points = list(IBUG_51)
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
            material_vertices(template, "skin"),
            template_lips_and_lids(template),
            Surface(placed, triangles),
            allowed,
            rows,
            to_head(reference.landmarks_m),
        )

    def find_pairs(self, vertices_m: FloatArray, max_distance_m: float) -> Pairs:
        """Pairs of the template's vertices where they lie now (V, 3) m."""
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
        places = ClosestPoints(triangle, weights, points, distance)
        normals = self.surface.normals[triangle]
        facing = (vertex_normals(vertices_m, self.triangles) * normals).sum(axis=1)
        valid = self.skin & (distance < max_distance_m) & (facing > MIN_NORMAL_COSINE)
        return Pairs(places, normals, valid & ~self.surface.on_border(places))


def fit_modes(registration: NonRigidRegistration) -> FloatArray:
    """Vertices (V, 3) m of the template bent by smooth modes, coarse to fine."""
    vertices = registration.rest_m
    modes, mode_count = np.zeros(0), 0
    for count, max_distance_m in MODE_ROUNDS:
        if count != mode_count:
            modes, mode_count = smooth_modes(registration.rest_m, count), count
        vertices = _solve_modes(
            registration, modes, registration.find_pairs(vertices, max_distance_m)
        )
    return vertices


def _solve_modes(registration: NonRigidRegistration, modes: FloatArray, pairs: Pairs) -> FloatArray:
    used = np.flatnonzero(pairs.valid)
    share = INDEPENDENT_SHARE / POINT_SD_M**2
    gap, normal = pairs.places.points_m[used] - registration.rest_m[used], pairs.normals[used]
    off = np.einsum("vc,vcm->vm", normal, modes[used])
    along = modes[used].reshape(3 * len(used), -1)
    marks = np.tensordot(registration.landmark_rows.toarray(), modes, axes=1)
    strength = landmark_weights() / LANDMARK_SD_M**2
    mark_gap = registration.landmarks_m - registration.landmark_rows @ registration.rest_m
    system = share * (off.T @ off + TANGENTIAL_SHARE * along.T @ along)
    system += np.einsum("lcm,l,lcn->mn", marks, strength, marks, optimize=True)
    system += np.eye(len(system))
    right = share * (off.T @ (normal * gap).sum(axis=1) + TANGENTIAL_SHARE * along.T @ gap.ravel())
    right += np.einsum("lcm,l,lc->m", marks, strength, mark_gap)
    return registration.rest_m + modes @ np.linalg.solve(system, right)


def fit_vertices(registration: NonRigidRegistration, start_m: FloatArray) -> FloatArray:
    """Vertices (V, 3) drawn on to the reference from `bent_m` (V, 3), where modes brought them."""
    laplacian = sp.kron(_laplacian(registration.triangles, len(start_m)), sp.eye_array(3))
    smoothness = (laplacian.T @ laplacian).tocsc()
    marks = sp.kron(registration.landmark_rows, sp.eye_array(3)).tocsc()
    strength = sp.diags_array(np.repeat(LANDMARK_STRENGTH * landmark_weights(), 3))
    pull_marks = marks.T @ strength
    vertices = start_m
    for stiffness, max_distance_m in VERTEX_ROUNDS:
        pairs = registration.find_pairs(vertices, max_distance_m)
        pull = _pull(pairs)
        system = stiffness * smoothness + pull + pull_marks @ marks
        system += DRIFT_WEIGHT * sp.eye_array(system.shape[0])
        gap = (pairs.places.points_m - start_m).ravel()
        mark_gap = (registration.landmarks_m - registration.landmark_rows @ start_m).ravel()
        moved = splu(system.tocsc()).solve(pull @ gap + pull_marks @ mark_gap)
        vertices = start_m + moved.reshape(-1, 3)
    return vertices


def _pull(pairs: Pairs) -> sp.csc_array:
    """(3V, 3V) off the surface at full strength, along it weakly, nothing where there's no pair."""
    blocks = pairs.normals[:, :, None] * pairs.normals[:, None, :] + TANGENTIAL_SHARE * np.eye(3)
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
