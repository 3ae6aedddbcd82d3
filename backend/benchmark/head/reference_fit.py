"""The head template's parameters fitted to a whole known surface: the best that a fit can do.

Regularised linear least squares of the distance to the surface, with a weak pull towards the dense
wrap's correspondences. Identity has a normal prior of one standard deviation each; the product's
fit, which sees less, holds it tighter and has broad warps besides.
"""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...geometry.closest import Surface
from ...geometry.normals import triangle_normals
from ...geometry.similarity import Similarity, fit_similarity
from ...stages.fitting.freeform import smooth_modes
from ...stages.fitting.solve import FREEFORM_MODES
from .wrap import Wrap

# Of a normal prior three in a thousand lie further out; unbounded, odd heads' features would cross.
MAX_IDENTITY_SD = 3.0
# Each looks for the closest points anew: fewer end short of the surface, more only cost time.
ROUNDS = 6
# What lies further off has no counterpart (a neck's end, hair); less loses ears that start apart.
MAX_DISTANCE_M = 0.015
# To the surface, and along it to the wrap's places: the first is to be met, the second only keeps
# the template from sliding. Tighter along it, the wrap's own errors would be fitted.
NORMAL_SD_M, CORRESPONDENCE_SD_M = 0.001, 0.005
# What a model cannot follow strays alike over this area, which says no more than one point would.
INDEPENDENT_M2 = 1e-4
# Where a neck leans and ends is not who somebody is.
NECK_DISCOUNT = 0.9


class ReferenceFitter:
    """Fits one template to many heads of one reference."""

    def __init__(self, template: HeadTemplate, wrap: Wrap) -> None:
        used = wrap.trusted
        rest = template.vertices_m.astype(np.float64)
        identity = np.moveaxis(template.identity_deltas_m.astype(np.float64), 0, 2)
        self._rest, self._used = rest, used
        self._parameters = len(template.identity_names)
        self._basis = np.concatenate([identity, smooth_modes(rest, FREEFORM_MODES)], axis=2)
        self._used_basis = np.ascontiguousarray(self._basis[used])
        area = _vertex_areas(rest, template.triangles)
        self._share = (area * (1.0 - NECK_DISCOUNT * template.region("neck")))[
            used
        ] / INDEPENDENT_M2
        along = (self._share / CORRESPONDENCE_SD_M**2)[:, None, None] * self._used_basis
        count = self._basis.shape[2]
        self._along = along.reshape(-1, count)
        self._along_system = self._along.T @ self._used_basis.reshape(-1, count)

    def fit(self, surface: Surface, wrapped_m: FloatArray, with_modes: bool) -> FloatArray:
        """Vertices (V, 3) of the head that fits `surface` best, at its own size and place.

        `wrapped_m` (V, 3): where the dense wrap puts the vertices on that surface.
        """
        free = self._basis.shape[2] if with_modes else self._parameters
        vertices = self._rest
        wrapped = wrapped_m[self._used]
        for _ in range(ROUNDS):
            to_head = fit_similarity(wrapped, vertices[self._used], self._share)
            parameters = self._solve(to_head, surface, wrapped, vertices, free)
            vertices = self._rest + self._basis[:, :, :free] @ parameters
        return fit_similarity(vertices[self._used], wrapped, self._share)(vertices)

    def _solve(
        self,
        to_head: Similarity,
        surface: Surface,
        wrapped_m: FloatArray,
        vertices_m: FloatArray,
        free: int,
    ) -> FloatArray:
        """The first `free` parameters, for the surface moved by `to_head` and the head so far."""
        places = surface.closest(to_head.inverse(vertices_m[self._used]))
        normals = surface.normals[places.triangle] @ to_head.rotation.T
        near = (places.distance_m < MAX_DISTANCE_M) & ~surface.on_border(places)
        strength = np.where(near, self._share, 0.0) / NORMAL_SD_M**2
        rest, basis = self._rest[self._used], self._used_basis[:, :, :free]
        along_normal = np.matmul(normals[:, None, :], basis)[:, 0]
        gap = (normals * (to_head(places.points_m) - rest)).sum(axis=1)
        system = (strength[:, None] * along_normal).T @ along_normal + self._along_system[
            :free, :free
        ]
        right_side = along_normal.T @ (strength * gap)
        right_side += self._along[:, :free].T @ (to_head(wrapped_m) - rest).ravel()
        bounded = np.arange(free) < self._parameters
        return _within_bounds(system + np.eye(free), right_side, bounded)


def _within_bounds(system: FloatArray, right_side: FloatArray, bounded: BoolArray) -> FloatArray:
    """Solve for parameters (G,) of which the `bounded` stay within MAX_IDENTITY_SD.

    Whatever leaves the bounds is fixed at them and the rest is solved again.
    """
    parameters = np.zeros(len(right_side))
    free = np.ones(len(right_side), bool)
    while True:
        remainder = right_side[free] - system[np.ix_(free, ~free)] @ parameters[~free]
        parameters[free] = np.linalg.solve(system[np.ix_(free, free)], remainder)
        outside = free & bounded & (np.abs(parameters) > MAX_IDENTITY_SD)
        if not outside.any():
            return parameters
        parameters[outside] = np.clip(parameters[outside], -MAX_IDENTITY_SD, MAX_IDENTITY_SD)
        free &= ~outside


def _vertex_areas(vertices_m: FloatArray, triangles: IntArray) -> FloatArray:
    """(V,) a third of the area of the triangles around each vertex."""
    areas = np.linalg.norm(triangle_normals(vertices_m, triangles), axis=1) / 2
    shares = np.zeros(len(vertices_m))
    np.add.at(shares, triangles, areas[:, None] / 3)
    return shares
