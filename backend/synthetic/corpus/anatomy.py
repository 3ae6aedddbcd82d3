"""A head and its atlas table in; where each texel lies on that face, in millimetres, out.

The detector's landmarks name places on any identity of any template, so the painter needs no
vertex numbers. Places are given for the subject's left side and serve both: `Anatomy.bump` and
the chart are symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import TexelMap, region
from ...geometry.normals import vertex_normals

MM_PER_M = 1000.0
# The chart wraps the head round a vertical axis: u = angle times this radius (mm), v = height.
CHART_RADIUS_MM = 90.0

# The detector's landmarks, subject's left and right.
BROW_UPPER = ((336, 296, 334, 293, 300), (107, 66, 105, 63, 70))  # medial to lateral
BROW_LOWER = ((285, 295, 282, 283, 276), (55, 65, 52, 53, 46))
LID_UPPER = (
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
    (133, 173, 157, 158, 159, 160, 161, 246, 33),
)
LID_LOWER = (
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
    (133, 155, 154, 153, 145, 144, 163, 7, 33),
)
LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)  # right corner to left
LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
PLACES = {
    "cheek": (280, 50),
    "under_eye": (348, 119),
    "ala": (327, 98),
    "wing": (358, 129),
    "mouth_corner": (291, 61),
    "tragus": (454, 234),
    "jaw_angle": (361, 132),
    "jaw": (365, 136),
    "temple": (389, 162),
    "outer_canthus": (263, 33),
    "inner_canthus": (362, 133),
    "nose_tip": (4,),
    "nose_bridge": (197,),
    "sellion": (168,),
    "subnasale": (2,),
    "chin": (152,),
    "chin_boss": (199,),
    "forehead": (151,),
    "hairline": (10,),
    "lip_upper_middle": (0,),
    "lip_lower_middle": (17,),
}


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One head's n texels with the places of its face; millimetres, head frame."""

    table: TexelMap
    vertices_m: FloatArray  # (V, 3)

    @property
    def template(self) -> HeadTemplate:
        return self.table.template

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """(n, 3) position of each texel."""
        return self.table.interpolate(self.vertices_m * MM_PER_M)

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """(n, 3) unit normal of each texel."""
        normals = vertex_normals(self.vertices_m, self.template.triangles)
        blended = self.table.interpolate(normals)
        return blended / np.maximum(np.linalg.norm(blended, axis=1, keepdims=True), 1e-9)

    @cached_property
    def landmarks(self) -> FloatArray:
        """(478, 3)"""
        return self.template.landmarks_m(self.vertices_m) * MM_PER_M

    @cached_property
    def eye_centres(self) -> FloatArray:
        """(2, 3) left, right"""
        return self.template.eye_centres_m(self.vertices_m) * MM_PER_M

    @cached_property
    def chart(self) -> NDArray[np.float32]:
        """(n, 2) u, v in millimetres on the cylinder round the head."""
        return to_chart(self.points)

    def places(self, name: str) -> FloatArray:
        """(1 or 2, 3) a place of the face, left then right."""
        return self.landmarks[list(PLACES[name])]

    def chart_place(self, name: str, outward_mm: float = 0.0, up_mm: float = 0.0) -> FloatArray:
        """(2,) a place on the left side in the chart, moved away from the midline and up."""
        return to_chart(self.places(name)[0]) + np.array([outward_mm, up_mm], np.float32)

    def region(self, name: str) -> NDArray[np.float32]:
        """(n,) a template region, or both its sides; 0 where the template has none of that name."""
        return self.table.interpolate(region(self.template, name))

    def bump(
        self, name: str, radius_mm: float, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> NDArray[np.float32]:
        """(n,) Gaussian round a place on both sides; `shift_mm` counts x away from the midline."""
        total = np.zeros(len(self.table), np.float32)
        for place in self.places(name):
            side = np.array([np.sign(place[0]) if abs(place[0]) > 5 else 1.0, 1.0, 1.0])
            squared = ((self.points - (place + side * np.array(shift_mm))) ** 2).sum(1)
            total += np.exp(-0.5 * squared / radius_mm**2)
        return np.minimum(total, 1.0)

    def distance_to_line(self, line: FloatArray) -> NDArray[np.float32]:
        """(n,) distance to a polyline (k, 3) in space."""
        nearest = np.full(len(self.table), np.inf, np.float32)
        for start, end in pairwise(line):
            along = (end - start).astype(np.float32)
            arm = self.points - start.astype(np.float32)
            share = np.clip(arm @ along / max(float(along @ along), 1e-9), 0.0, 1.0)
            np.minimum(nearest, ((arm - share[:, None] * along) ** 2).sum(1), out=nearest)
        return np.sqrt(nearest)


def to_chart(points: FloatArray) -> NDArray[np.float32]:
    """Points (..., 3) to the chart (..., 2): u grows to the subject's left, v upward."""
    angle = np.arctan2(points[..., 0], -points[..., 1])
    return np.stack([CHART_RADIUS_MM * angle, points[..., 2]], axis=-1).astype(np.float32)
