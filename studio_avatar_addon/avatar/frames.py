"""Frames of reference: transforms, the one conversion of Blender's camera, UV against image rows.

Head frame: metres, right-handed, Z up, the face looks along -Y, the subject's left is +X; the
origin lies midway between the ear canals. OpenCV camera: x right, y down, z forward. Names read
right to left: `camera_from_head @ point_head`.
"""

from __future__ import annotations

import numpy as np

from .types import FloatArray

# Blender's camera looks along -Z with +Y up, OpenCV's along +Z with +Y down.
BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])

# Mean of adults (Dodgson 2004: 63 mm); pictures alone do not give a head's size.
DEFAULT_INTERPUPILLARY_M = 0.063


def transform(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Map points (..., 3) by a rigid or affine 4x4 matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def inverse_rigid(matrix: FloatArray) -> FloatArray:
    """Inverse of a rotation and translation, (..., 4, 4)."""
    rotation = np.swapaxes(matrix[..., :3, :3], -1, -2)
    inverse = np.zeros_like(matrix)
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3] = -(rotation @ matrix[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def camera_from_blender(world_from_camera: FloatArray) -> FloatArray:
    """`camera_from_head` (4, 4) of a Blender camera's world matrix, the head frame being the world.

    Both matrices must be rigid: a scaled camera object has none.
    """
    return inverse_rigid(world_from_camera @ BLENDER_FROM_OPENCV)


def head_turn_rad(camera_from_head: FloatArray) -> FloatArray:
    """(N, 4, 4) to yaw to the subject's left and pitch up (N, 2), against the ray to the camera."""
    to_camera = inverse_rigid(camera_from_head)[:, :3, 3]
    yaw = np.arctan2(-to_camera[:, 0], -to_camera[:, 1])
    pitch = np.arctan2(-to_camera[:, 2], np.hypot(to_camera[:, 0], to_camera[:, 1]))
    return np.stack([yaw, pitch], axis=1)


def texel_from_uv(uv: FloatArray, size: int) -> FloatArray:
    """UV (..., 2), origin bottom left, to image coordinates in texels, origin top left."""
    return np.stack([uv[..., 0] * size, (1.0 - uv[..., 1]) * size], axis=-1)


def rotation_about(axis: FloatArray, angle_rad: float) -> FloatArray:
    """Rotation matrix (3, 3) about an axis (3,) through the origin (Rodrigues' formula)."""
    x, y, z = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle_rad) * cross + (1.0 - np.cos(angle_rad)) * cross @ cross


def gaze_rotation(yaw_pitch_rad: FloatArray) -> FloatArray:
    """Rotation (3, 3) of an eyeball in the head frame: yaw to the subject's left, pitch up."""
    yaw, pitch = float(yaw_pitch_rad[0]), float(yaw_pitch_rad[1])
    return rotation_about(np.array([0.0, 0.0, 1.0]), yaw) @ rotation_about(
        np.array([1.0, 0.0, 0.0]), -pitch
    )
