"""A head's vertices to smooth ways of deforming it that its identity parameters do not hold."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...geometry.local_stretch import farthest_points
from ...geometry.normals import triangle_normals
from .head_model import skin_triangles

# Standard deviation of an offset in metres, and the Gaussian's own: fine, middle and broad. Tried
# on a filmed bald head with outlines; narrower ones would follow the mask's noise.
SCALES_M = ((0.002, 0.018), (0.004, 0.04), (0.010, 0.09))
NODE_COUNT = 170  # on one half of the head; three times the modes that are taken of each parity
# Heads are nearly alike on both sides, and one side is often seen worse: standard deviation of an
# offset that differs between the sides, against one that does not.
SKEW_SHARE = 0.4
# How far any skin lies from where the identity parameters have it: standard deviation, and the
# side of a patch that counts as one such offset. What the pictures show outweighs it by far; it
# holds what they don't: the face's offsets would be carried on into the skull under hair.
SURFACE_SD_M, PATCH_M = 0.006, 0.04
# Lids, brows and lips of a face at rest differ from person to person as they differ in expressions,
# but for how far an eye looks or a mouth is open: standard deviation as a weight of such a shape.
REST_SD = 0.15
NOT_AT_REST = (
    "eyeLook", "jawOpen", "mouthClose", "mouthFunnel", "mouthLower", "mouthUpper", "tongue",
)  # fmt: skip


def smooth_modes(vertices_m: FloatArray, count: int) -> FloatArray:
    """Displacements (V, 3, 6 * count) of vertices (V, 3), a coefficient of one being one sd.

    The strongest modes of a smooth random field (Nystroem's method on evenly spread nodes), even
    and odd across the midline, along each axis.
    """
    left = vertices_m[vertices_m[:, 0] >= 0.0]
    nodes = left[farthest_points(left, NODE_COUNT)]
    even = _strongest_modes(vertices_m, nodes, 1.0, count)
    odd = _strongest_modes(vertices_m, nodes, -1.0, count)
    mirrored = (odd, even, even)  # along x, y, z: the same on both sides
    skewed = (even, odd, odd)
    modes = np.zeros((len(vertices_m), 3, 6 * count))
    for axis in range(3):
        first = 2 * axis * count
        modes[:, axis, first : first + count] = mirrored[axis]
        modes[:, axis, first + count : first + 2 * count] = SKEW_SHARE * skewed[axis]
    return modes


def rest_modes(template: HeadTemplate) -> FloatArray:
    """Displacements (V, 3, R) by which a face's rest differs, a coefficient of one being one sd."""
    own = [i for i, name in enumerate(SHAPE_NAMES) if not name.startswith(NOT_AT_REST)]
    return REST_SD * np.moveaxis(template.shape_deltas_m[own].astype(np.float64), 0, 2)


def modes_precision(template: HeadTemplate, modes: FloatArray) -> FloatArray:
    """(M, M) of the coefficients of `modes` (V, 3, M): their own, and that of the moved surface."""
    triangles = skin_triangles(template)
    crossed = triangle_normals(template.vertices_m.astype(np.float64), triangles)
    area = np.zeros(len(template.vertices_m))
    np.add.at(area, triangles, np.linalg.norm(crossed, axis=1, keepdims=True) / 6.0)
    share = np.sqrt(area / PATCH_M**2) / SURFACE_SD_M
    moved = (share[:, None, None] * modes).reshape(-1, modes.shape[2])
    return np.eye(modes.shape[2]) + moved.T @ moved


def _strongest_modes(
    vertices_m: FloatArray, nodes: FloatArray, parity: float, count: int
) -> FloatArray:
    """Modes (V, count) that are even (parity 1) or odd (-1) across the plane x = 0."""
    values, vectors = np.linalg.eigh(_covariance(nodes, nodes, parity))
    strongest = np.argsort(values)[::-1][:count]
    projected = _covariance(vertices_m, nodes, parity) @ vectors[:, strongest]
    return projected / np.sqrt(values[strongest])


def _covariance(a: FloatArray, b: FloatArray, parity: float) -> FloatArray:
    """Of the even or odd part of the field between points (N, 3) and (M, 3)."""
    total = np.zeros((len(a), len(b)))
    for sign, side in ((1.0, b), (parity, b * [-1.0, 1.0, 1.0])):
        squared = ((a[:, None] - side[None]) ** 2).sum(axis=2)
        for sd, reach in SCALES_M:
            total += 0.5 * sign * sd**2 * np.exp(-0.5 * squared / reach**2)
    return total
