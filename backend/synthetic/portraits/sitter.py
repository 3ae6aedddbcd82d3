"""Identity, expression and pose in; a posed head and its shoulders out, ready to be dressed.

World space: the head frame of the head before it turns; the shoulders stay, and so does the camera
relative to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from studio_avatar_addon.avatar.template import (
    BONES,
    MATERIALS,
    HeadTemplate,
    load_template,
    pose_vertices,
)

from .solid import Points, Solid

RING = 72  # points of each ring round neck and body, from the back on by the right, front at half
NECK_SHARE = 0.4  # of the head's turn, as the rig divides it
# (half breadth, half depth, down from the neck's edge, way back) of the body's sections in metres.
_BODY_M = np.array([
    (0.100, 0.080, 0.020, 0.004), (0.158, 0.098, 0.040, 0.008), (0.200, 0.112, 0.070, 0.010),
    (0.222, 0.120, 0.120, 0.006), (0.226, 0.124, 0.195, 0.000), (0.220, 0.124, 0.300, -0.004),
])  # fmt: skip
_SPREAD = 1.3  # of the neck's edge, where the first section lies
_EDGE_TILT_M = 0.02  # the neck's edge lies higher behind than in front
BODY_ROWS = len(_BODY_M)


@dataclass(frozen=True, eq=False)
class Sitter:
    """A posed person, still bald and undressed; metres."""

    template: HeadTemplate
    neutral_m: Points  # (V, 3) head frame
    vertices_m: Points  # (V, 3) posed, world space
    world_from_head: NDArray[np.float64]  # (4, 4)
    breadth: float  # of the shoulders, 1 in the middle of people

    def to_world(self, points_m: Points) -> Points:
        """Head frame (..., 3) to world space."""
        return points_m @ self.world_from_head[:3, :3].T + self.world_from_head[:3, 3]

    def turned(self, directions: Points) -> Points:
        """Directions (..., 3) of the head frame in world space."""
        return directions @ self.world_from_head[:3, :3].T

    def to_head(self, points_m: Points) -> Points:
        """World space (..., 3) to the head frame."""
        return (points_m - self.world_from_head[:3, 3]) @ self.world_from_head[:3, :3]

    @cached_property
    def skin_faces(self) -> NDArray[np.int32]:
        """(M, 3) triangles of the skin."""
        triangles = self.template.triangles
        skin = triangles[self.template.triangle_material == MATERIALS.index("skin")]
        return skin[(skin[:, 0] != skin[:, 2]) & (skin[:, 1] != skin[:, 2])]

    @cached_property
    def neck_ring_m(self) -> Points:
        """(RING, 3) the skin's lower edge."""
        edge = self.vertices_m[_neck_edge()]
        arm = edge - edge.mean(0)
        angle = np.arctan2(arm[:, 0], -arm[:, 1])
        order = np.argsort(angle)
        return ring_at(ring_angles(), angle[order], edge[order])

    def body(self, rows: NDArray[np.float64]) -> Points:
        """(..., RING, 3) of the body's surface at `rows` (..., RING): 0 the neck's edge, then the
        sections of the body one by one, down to BODY_ROWS."""
        at = self._sections(rows.clip(0.0, BODY_ROWS))  # (..., RING, RING, 3)
        return at[..., np.arange(RING), np.arange(RING), :]

    @cached_property
    def _sections(self) -> CubicSpline:
        ring = self.neck_ring_m
        centre, angle = ring.mean(0), ring_angles()
        sections = [ring]
        for index, (breadth, depth, down, back) in enumerate(_BODY_M):
            power = 2.0 / (2.0 + 0.12 * index)
            x = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
            y = -np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
            tilt = (ring[:, 2] - centre[2]) * 0.6 ** (index + 1)
            wide = self.breadth * breadth if index else breadth
            offset = np.stack([wide * x, depth * y + back, tilt - down], -1)
            if not index:  # the neck runs on before it opens to the shoulders
                offset = 0.5 * (offset + _SPREAD * (ring - centre) - [0.0, 0.0, down])
            sections.append(centre + offset)
        return CubicSpline(np.arange(len(sections)), np.stack(sections), axis=0, bc_type="natural")

    @cached_property
    def body_mesh(self) -> tuple[Points, NDArray[np.int64]]:
        """Vertices and quads of the bare body."""
        rows = np.linspace(0.0, BODY_ROWS, 31)
        return grid_mesh(self.body(np.repeat(rows[:, None], RING, 1)))

    @cached_property
    def solid(self) -> Solid:
        """Head, neck and body."""
        return Solid.of((self.vertices_m, self.skin_faces), self.body_mesh)


def ring_angles() -> NDArray[np.float64]:
    """(RING,) from the back over the right to the front at 0 and the left; radians."""
    return np.linspace(-np.pi, np.pi, RING, endpoint=False)


def ring_at(angles: Points, known: Points, ring_m: Points) -> Points:
    """Points (n, 3) at `angles` (n,) of a closed line (m, 3) that is known at ascending ones."""
    each = [np.interp(angles, known, ring_m[:, i], period=2.0 * np.pi) for i in range(3)]
    return np.stack(each, -1)


def grid_mesh(grid_m: Points, closed: bool = True) -> tuple[Points, NDArray[np.int64]]:
    """Rows of points (R, C, 3) as vertices (R * C, 3) and quads; `closed`: rows are rings."""
    rows, columns = grid_m.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    following = np.roll(index, -1, axis=1)
    quads = np.stack([index[:-1], index[1:], following[1:], following[:-1]], -1)
    quads = quads if closed else quads[:, :-1]
    return grid_m.reshape(-1, 3), quads.reshape(-1, 4).astype(np.int64)


def pose_sitter(
    identity: NDArray[np.float32],
    weights: NDArray[np.float32],
    gaze_rad: NDArray[np.float32],
    turn: Rotation,
    breadth: float,
) -> Sitter:
    """Identity (P,), shape weights (52,), gaze (2, 2) and the head's turn against the shoulders."""
    template = head_template()
    neutral = template.neutral_m(identity).astype(np.float64)
    eyes = template.eye_centres_m(neutral)
    vertices = pose_vertices(
        template, neutral, template.shape_deltas_m, template.corrective_deltas_m, weights,
        gaze_rad, eyes,
    )  # fmt: skip
    joints = template.bone_ends_m[:, 0].astype(np.float64)
    neck_turn = Rotation.from_rotvec(NECK_SHARE * turn.as_rotvec())
    of_neck = _turn_about(joints[BONES.index("neck")], neck_turn)
    rest = Rotation.from_rotvec((1.0 - NECK_SHARE) * turn.as_rotvec())
    of_head = of_neck @ _turn_about(joints[BONES.index("head")], rest)
    carried = template.bone_weights.astype(np.float64)
    root, neck = carried[BONES.index("root")], carried[BONES.index("neck")]
    posed = root[:, None] * vertices
    posed += neck[:, None] * _moved(of_neck, vertices)
    posed += (1.0 - root - neck)[:, None] * _moved(of_head, vertices)
    return Sitter(template, neutral, posed, of_head, breadth)


def _turn_about(joint_m: Points, turn: Rotation) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3] = turn.as_matrix()
    matrix[:3, 3] = joint_m - matrix[:3, :3] @ joint_m
    return matrix


def _moved(matrix: NDArray[np.float64], points_m: Points) -> Points:
    return points_m @ matrix[:3, :3].T + matrix[:3, 3]


@cache
def head_template() -> HeadTemplate:
    """The template that every sitter is made of."""
    return load_template()


@cache
def _neck_edge() -> NDArray[np.int64]:
    """Vertices of the skin's lowest open edge."""
    template = head_template()
    skin = template.quads[template.quad_material == MATERIALS.index("skin")]
    edges = np.stack([skin, np.roll(skin, -1, axis=1)], -1).reshape(-1, 2)
    edges = np.sort(edges[edges[:, 0] != edges[:, 1]], 1)
    found, count = np.unique(edges, axis=0, return_counts=True)
    border = np.unique(found[count == 1]).astype(np.int64)
    height = template.vertices_m[border, 2]
    return border[height < height.min() + _EDGE_TILT_M]
