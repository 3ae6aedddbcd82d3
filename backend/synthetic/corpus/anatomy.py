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
from ...detector import landmark_indices as at
from ...geometry.normals import vertex_normals

MM_PER_M = 1000.0
# The chart wraps the head round a vertical axis: u = angle times this radius (mm), v = height.
CHART_RADIUS_MM = 90.0

# Subject's left and right.
BROW_UPPER = (at.LEFT_BROW_UPPER, at.RIGHT_BROW_UPPER)
BROW_LOWER = (at.LEFT_BROW_LOWER, at.RIGHT_BROW_LOWER)
LID_UPPER = (at.LEFT_UPPER_LID, at.RIGHT_UPPER_LID)
LID_LOWER = (at.LEFT_LOWER_LID, at.RIGHT_LOWER_LID)
PLACES = {
    "cheek": (at.LEFT_CHEEK, at.RIGHT_CHEEK),
    "under_eye": (at.LEFT_UNDER_EYE, at.RIGHT_UNDER_EYE),
    "ala": (at.LEFT_NOSTRIL, at.RIGHT_NOSTRIL),
    "wing": (at.LEFT_NOSE_WING, at.RIGHT_NOSE_WING),
    "mouth_corner": (at.LEFT_MOUTH_CORNER, at.RIGHT_MOUTH_CORNER),
    "tragus": (at.LEFT_FACE_SIDE, at.RIGHT_FACE_SIDE),
    "jaw_angle": (at.LEFT_JAW_ANGLE, at.RIGHT_JAW_ANGLE),
    "jaw": (at.LEFT_JAW, at.RIGHT_JAW),
    "temple": (at.LEFT_TEMPLE, at.RIGHT_TEMPLE),
    "outer_canthus": (at.LEFT_EYE_OUTER, at.RIGHT_EYE_OUTER),
    "inner_canthus": (at.LEFT_EYE_INNER, at.RIGHT_EYE_INNER),
    "nose_tip": (at.NOSE_TIP,),
    "nose_bridge": (at.NOSE_BRIDGE,),
    "sellion": (at.NOSE_ROOT,),
    "subnasale": (at.SUBNASALE,),
    "chin": (at.CHIN,),
    "chin_boss": (at.CHIN_BOSS,),
    "forehead": (at.FOREHEAD,),
    "hairline": (at.HAIRLINE,),
    "lip_upper_middle": (at.UPPER_LIP_OUTER_MIDDLE,),
    "lip_lower_middle": (at.LOWER_LIP_OUTER_MIDDLE,),
}


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One head's n texels with the places of its face; millimetres, head frame."""

    texels: TexelMap
    vertices_m: FloatArray  # (V, 3)

    @property
    def template(self) -> HeadTemplate:
        return self.texels.template

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """(n, 3) position of each texel."""
        return self.texels.interpolate(self.vertices_m * MM_PER_M)

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """(n, 3) unit normal of each texel."""
        normals = vertex_normals(self.vertices_m, self.template.triangles)
        blended = self.texels.interpolate(normals)
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
        return self.texels.interpolate(region(self.template, name))

    def bump(
        self, name: str, radius_mm: float, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> NDArray[np.float32]:
        """(n,) Gaussian round a place on both sides; `shift_mm` counts x away from the midline."""
        total = np.zeros(len(self.texels), np.float32)
        for place in self.places(name):
            side = np.array([np.sign(place[0]) if abs(place[0]) > 5 else 1.0, 1.0, 1.0])
            squared = ((self.points - (place + side * np.array(shift_mm))) ** 2).sum(1)
            total += np.exp(-0.5 * squared / radius_mm**2)
        return np.minimum(total, 1.0)

    def distance_to_line(self, line: FloatArray) -> NDArray[np.float32]:
        """(n,) distance to a polyline (k, 3) in space."""
        nearest = np.full(len(self.texels), np.inf, np.float32)
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
