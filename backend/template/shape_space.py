"""A neutral head in millimetres, and the means by which an expression field is drawn on it.

A field is (V, 3) mm. It starts from soft pushes at anatomical places, then takes exact values on
named rings (lips, lids), and the difference between both fades into the skin around. What is typed
is typed for the mean head: places are looked up there, pushes are stretched as the head is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu
from scipy.spatial.transform import Rotation

from studio_avatar_addon.avatar.types import IntArray

from ..geometry.local_stretch import local_stretch, move_with_surface
from ..imaging.smooth_step import smooth_step
from .control_points import Point
from .mesh import MM, HeadMesh

FloatArray = NDArray[np.float64]
FieldValues = tuple[IntArray, FloatArray]  # ids (n,) and their moves (n, 3)

# Of points and vectors across the head's plane of symmetry, x = 0.
MIRROR = np.array([-1.0, 1.0, 1.0])
# Rings from here inwards rest on the eyeball: only the lid motions may move them.
FIRST_LID_RING = 4
# How wide a typed point off the surface is carried along, at least.
PLACE_REACH_MM = 14.0
# Below this length a settled field is smooth.
ROUNDING_MM = 2.0


@dataclass(frozen=True)
class GaussianDisplacement:
    """A Gaussian push in mm: peak `push` at `at`, standard deviations `reach`."""

    at: Point
    push: Point
    reach: Point

    def offset_by(self, origin: FloatArray) -> GaussianDisplacement:
        """The same push with `at` counted from `origin` (3,)."""
        x, y, z = np.array(self.at) + origin
        return replace(self, at=(float(x), float(y), float(z)))


@dataclass(frozen=True)
class FaceSpace:
    """The head that fields are drawn on: `points` (V, 3) mm, on the mean head `typed` (V, 3) mm.

    `stretch` (V, 3, 3) takes small vectors of the mean head to this one.
    """

    head: HeadMesh
    points: FloatArray
    mean_points: FloatArray
    stretch: FloatArray
    mean_eye_centre: FloatArray  # (2, 3) mm, left and right of the mean head

    @classmethod
    def of_mean(cls, mean: HeadMesh) -> FaceSpace:
        points = mean.vertices_m / MM
        stretch = np.tile(np.eye(3), (len(points), 1, 1))
        return cls(mean, points, points, stretch, mean.eye_centre_m / MM)

    @classmethod
    def of(cls, head: HeadMesh, mean: HeadMesh) -> FaceSpace:
        """`head` has the vertices of `mean`, moved."""
        points, mean_points = head.vertices_m / MM, mean.vertices_m / MM
        stretch = local_stretch(mean.vertices_m, head.vertices_m)
        return cls(head, points, mean_points, stretch, mean.eye_centre_m / MM)

    def mirror_image(self) -> FaceSpace:
        """The same head as a mirror shows it: its left side is this one's right."""
        mirror = self.head.mirror
        centre = self.head.eye_centre_m[::-1] * MIRROR
        mirrored_head = replace(
            self.head,
            vertices_m=self.head.vertices_m[mirror] * MIRROR,
            eye_centre_m=centre,
            eye_radius_m=self.head.eye_radius_m[::-1],
        )
        stretch = MIRROR[:, None] * self.stretch[mirror] * MIRROR
        return FaceSpace(
            mirrored_head,
            self.points[mirror] * MIRROR,
            self.mean_points,
            stretch,
            self.mean_eye_centre,
        )

    def stretch_vectors(self, ids: IntArray, vectors: FloatArray) -> FloatArray:
        """Vectors (n, 3) typed for the mean head, at these vertices of this one."""
        return np.einsum("nij,nj->ni", self.stretch[ids], np.broadcast_to(vectors, (len(ids), 3)))

    def carry_point(self, at: FloatArray) -> FloatArray:
        """A point (3,) typed for the mean head, carried along by the surface round it."""
        return move_with_surface(at, self.mean_points, self.points, PLACE_REACH_MM)

    @cached_property
    def skin(self) -> IntArray:
        """(n,) ids of the skin with its pockets, the mouth's bag included."""
        return np.asarray(self.head.parts["skin"], dtype=np.int32)

    @cached_property
    def lids(self) -> IntArray:
        """(n,) ids of both eyes' lids and sockets: what rests on the eyeballs."""
        parts = []
        for side in "LR":
            parts += [
                self.head.rings[f"eye_{side}"][FIRST_LID_RING:].ravel(),
                self.head.ends[f"eye_{side}"],
            ]
        return np.unique(np.concatenate(parts)).astype(np.int32)

    def ids(self, *parts: str) -> IntArray:
        """(n,) ids of several named parts together."""
        return np.concatenate([self.head.parts[part] for part in parts])

    def zero_field(self) -> FloatArray:
        """A field (V, 3) mm without motion."""
        return np.zeros_like(self.points)

    def mirror_field(self, field: FloatArray) -> FloatArray:
        """The field (V, 3) mm as a mirror shows it."""
        return field[self.head.mirror] * MIRROR

    def left_share(self, field: FloatArray, blend_mm: float) -> FloatArray:
        """The left share of a symmetric field (V, 3); it and its mirror image add up to the field.

        It fades over `blend_mm` to either side of the midline.
        """
        return field * smooth_step(-blend_mm, blend_mm, self.mean_points[:, :1])

    def displacement_field(
        self, pushes: tuple[GaussianDisplacement, ...], both_sides: bool = True
    ) -> FloatArray:
        """The skin's field (V, 3) mm of pushes, those off the midline mirrored to the other
        side."""
        field = self.zero_field()
        points = self.mean_points[self.skin]
        for push in pushes:
            field[self.skin] += _gaussian(points, push.at, push.reach) * np.array(push.push)
            if both_sides and push.at[0] != 0.0:
                field[self.skin] += _gaussian(points * MIRROR, push.at, push.reach) * (
                    np.array(push.push) * MIRROR
                )
        field[self.skin] = self.stretch_vectors(self.skin, field[self.skin])
        return field

    def solve_membrane(
        self, base: FloatArray, held: list[FieldValues], reach_mm: float
    ) -> FloatArray:
        """`base` (V, C) changed to take the held values; the change fades over `reach_mm`.

        A screened membrane on the skin, which does not swing back as a plate would, with just
        enough bending stiffness to round its edge.
        """
        ids = np.concatenate([ids for ids, _ in held])
        values = np.concatenate([values for _, values in held])
        ids, first = np.unique(ids, return_index=True)
        change = np.zeros_like(base)
        change[ids] = values[first] - base[ids]
        fixed = np.isin(self.skin, ids)
        key = (reach_mm, fixed.tobytes())
        if key not in self._membranes:
            self._membranes[key] = _Membrane.between(fixed, self._laplacian, reach_mm)
        membrane = self._membranes[key]
        change[self.skin[~fixed]] = membrane.solve_free(change[self.skin[fixed]])
        return base + change

    @cached_property
    def _membranes(self) -> dict[tuple[float, bytes], _Membrane]:
        """By reach and by what is held: most shapes hold the same, and factors take long."""
        return {}

    @cached_property
    def _laplacian(self) -> sp.csr_matrix:
        """Second differences along the skin's edges, per mm^2, on the rows of `skin`."""
        row = np.full(len(self.points), -1)
        row[self.skin] = np.arange(len(self.skin))
        quads = self.head.quads[(row[self.head.quads] >= 0).all(axis=1)]
        edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
        edges = np.unique(np.sort(edges, axis=1), axis=0)
        length = np.linalg.norm(self.points[edges[:, 0]] - self.points[edges[:, 1]], axis=1)
        weight = np.tile(1.0 / np.maximum(length, 0.3) ** 2, 2)
        start, end = row[np.concatenate([edges, edges[:, ::-1]])].T
        count = len(self.skin)
        adjacency = sp.csr_matrix((weight, (start, end)), shape=(count, count))
        return (sp.diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency).tocsr()


@dataclass(frozen=True)
class _Membrane:
    """A screened membrane of which some vertices are held, factorised for the others."""

    factor: SuperLU  # of the free vertices' energy
    pull: sp.csr_matrix  # (free, held)

    @classmethod
    def between(
        cls, held: NDArray[np.bool_], laplacian: sp.csr_matrix, reach_mm: float
    ) -> _Membrane:
        """Of n vertices: `held` (n,), `laplacian` (n, n) per mm^2."""
        bending = (ROUNDING_MM * reach_mm) ** 2 * (laplacian @ laplacian)
        energy = (sp.eye(len(held)) + reach_mm**2 * laplacian + bending).tocsr()
        free, fixed = np.flatnonzero(~held), np.flatnonzero(held)
        rows = energy[free]
        return cls(splu(rows[:, free].tocsc()), rows[:, fixed])

    def solve_free(self, held_values: FloatArray) -> FloatArray:
        """Values (free, C) from those of the held vertices (held, C)."""
        return self.factor.solve(-(self.pull @ held_values))


def rotate(arm: FloatArray, axis: FloatArray, angle_rad: FloatArray) -> FloatArray:
    """`arm` (n, 3) rotated about unit `axis` (3,) or (n, 3) by `angle_rad` (n,)."""
    return Rotation.from_rotvec(angle_rad[:, None] * axis).apply(arm)


def _gaussian(points: FloatArray, at: Point, reach: Point) -> FloatArray:
    away = ((points - np.array(at)) / np.array(reach)) ** 2
    return np.exp(-0.5 * away.sum(axis=1, keepdims=True))
