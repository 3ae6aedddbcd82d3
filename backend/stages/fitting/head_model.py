"""The head as a linear model, its pose in each frame, and where its points are projected.

A vertex is mean + shape basis · shape + expression basis · expression, so any surface point is
too. `shape` holds identity parameters, broad warps, then free-form modes, all in standard
deviations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray, IntArray

# Where the head-frame axes lie in the camera of someone who is looked at from the front.
FACING = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class SurfacePoints:
    """N points as linear functions of G shape and E expression parameters; metres, head frame."""

    mean: FloatArray  # (N, 3)
    shape_basis: FloatArray  # (N, 3, G)
    expression_basis: FloatArray  # (N, 3, E)

    def at(self, shape: FloatArray, expression: FloatArray) -> FloatArray:
        """Positions (N, 3)."""
        return self.at_rest(shape) + self.expression_basis @ expression

    def at_rest(self, shape: FloatArray) -> FloatArray:
        """Positions (N, 3) without expression."""
        return self.mean + self.shape_basis @ shape


@dataclass(frozen=True)
class LinearHead:
    """All V vertices as SurfacePoints; the expression is all 52 shapes."""

    vertices: SurfacePoints
    identity_count: int  # the first of its shape parameters
    warp_count: int  # the next ones; free-form modes follow

    def points(self, corners: IntArray, weights: FloatArray) -> SurfacePoints:
        """Points on triangles: `corners` (N, 3) vertices, `weights` (N, 3) barycentric."""
        every = self.vertices
        return SurfacePoints(
            np.einsum("nk,nkc->nc", weights, every.mean[corners]),
            np.einsum("nk,nkcg->ncg", weights, every.shape_basis[corners], optimize=True),
            np.einsum("nk,nkce->nce", weights, every.expression_basis[corners], optimize=True),
        )

    def with_modes(self, modes: FloatArray) -> LinearHead:
        """The head with free-form `modes` (V, 3, M) after its own parameters."""
        every = self.vertices
        basis = np.concatenate([every.shape_basis, modes], axis=2)
        return LinearHead(
            SurfacePoints(every.mean, basis, every.expression_basis),
            self.identity_count,
            self.warp_count,
        )


def linear_head(template: HeadTemplate) -> LinearHead:
    """The template's identity, its warps and its shapes."""
    own = np.concatenate([template.identity_deltas_m, template.warp_deltas_m])
    return LinearHead(
        SurfacePoints(
            template.vertices_m.astype(np.float64),
            np.ascontiguousarray(np.moveaxis(own, 0, 2), np.float64),
            np.ascontiguousarray(np.moveaxis(template.shape_deltas_m, 0, 2), np.float64),
        ),
        len(template.identity_deltas_m),
        len(template.warp_deltas_m),
    )


def skin_triangles(template: HeadTemplate) -> IntArray:
    """(M, 3) those of the outer skin, whose outline and texture the pictures show."""
    return template.triangles[template.triangle_material == MATERIALS.index("skin")]


@dataclass(frozen=True)
class SolverState:
    """Everything that the solver moves, of K frames."""

    focal_px: float
    rotation: FloatArray  # (K, 3, 3)
    translation_m: FloatArray  # (K, 3)
    shape: FloatArray  # (G,)
    expression: FloatArray  # (K, E) in [0, 1]

    @property
    def camera_from_head(self) -> FloatArray:
        """(K, 4, 4) OpenCV camera from head frame, metres."""
        matrices = np.tile(np.eye(4), (len(self.rotation), 1, 1))
        matrices[:, :3, :3] = self.rotation
        matrices[:, :3, 3] = self.translation_m
        return matrices

    def with_focal(self, focal_px: float) -> SolverState:
        """The same pictures with another focal length: as much nearer or further off."""
        away = np.array([1.0, 1.0, focal_px / self.focal_px])
        return replace(self, focal_px=focal_px, translation_m=self.translation_m * away)

    def px_per_m(self, frame: int) -> float:
        """How large a frame shows the head."""
        return self.focal_px / float(self.translation_m[frame, 2])

    def project(self, frame: int, points_m: FloatArray, center_px: FloatArray) -> FloatArray:
        """Head-frame points (N, 3) m to pixels (N, 2) of a frame; `center_px` (2,): principal
        point."""
        in_camera = points_m @ self.rotation[frame].T + self.translation_m[frame]
        return self.focal_px * in_camera[:, :2] / in_camera[:, 2:] + center_px


@dataclass(frozen=True)
class HeadAngles:
    """Where heads face, in degrees: yaw to the subject's left, pitch up; roll in the image."""

    yaw_deg: FloatArray  # (K,)
    pitch_deg: FloatArray  # (K,)
    roll_rad: FloatArray  # (K,) clockwise in the image


def head_angles(rotation: FloatArray, translation_m: FloatArray) -> HeadAngles:
    """Angles of heads by `rotation` (K, 3, 3), `translation_m` (K, 3), about the ray to each."""
    sight = translation_m / np.linalg.norm(translation_m, axis=1, keepdims=True)
    turn = np.array([_rotation_to_optical_axis(direction) for direction in sight])
    facing = turn @ rotation
    forward, up = -facing[:, :, 1], facing[:, :, 2]
    return HeadAngles(
        np.degrees(np.arctan2(forward[:, 0], -forward[:, 2])),
        np.degrees(np.arcsin(np.clip(-forward[:, 1], -1.0, 1.0))),
        np.arctan2(up[:, 0], -up[:, 1]),
    )


def _rotation_to_optical_axis(direction: FloatArray) -> FloatArray:
    """The smallest rotation (3, 3) that brings a unit direction on to the optical axis."""
    axis = np.cross(direction, [0.0, 0.0, 1.0])
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return rotation_from_vector(axis / sine * np.arctan2(sine, direction[2]))


def rotation_from_vector(vector: FloatArray) -> FloatArray:
    """Axis times angle (3,) to a rotation (3, 3), by Rodrigues' formula."""
    return cv2.Rodrigues(np.asarray(vector, np.float64))[0]
