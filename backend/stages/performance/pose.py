"""Landmarks of N frames and the landmark model in, head poses out: batched robust Gauss-Newton."""

from __future__ import annotations

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import Camera, FloatArray

from .landmark_model import LandmarkModel, project

# The expression is known only roughly while the pose is sought: this share of the movement that
# expressions cause counts as noise.
UNKNOWN_MOVEMENT = 0.15
STABLE_LANDMARKS = 100


def initial_poses(model: LandmarkModel, landmarks_px: FloatArray, camera: Camera) -> FloatArray:
    """(N, L, 2) to rough `camera_from_head` (N, 4, 4), frame by frame from landmarks that are
    precise and hardly moved by expressions."""
    stable = np.argsort(_spread_m(model))[:STABLE_LANDMARKS]
    # In millimetres: the solver takes points a few centimetres apart in metres for one point.
    points = np.ascontiguousarray(model.neutral_m[stable] * 1000.0)
    matrix = np.diag([*camera.focal_px, 1.0])
    matrix[:2, 2] = camera.center_px
    poses = np.tile(np.eye(4), (len(landmarks_px), 1, 1))
    for n, observed in enumerate(np.ascontiguousarray(landmarks_px[:, stable], float)):
        _, rotation_vector, translation = cv2.solvePnP(
            points, observed, matrix, np.array(camera.distortion), flags=cv2.SOLVEPNP_SQPNP
        )
        poses[n, :3, :3] = cv2.Rodrigues(rotation_vector)[0]
        poses[n, :3, 3] = translation[:, 0] / 1000.0
    return poses


def refine_poses(
    model: LandmarkModel,
    landmarks_px: FloatArray,
    points_m: FloatArray,
    poses: FloatArray,
    camera: Camera,
    iterations: int,
) -> FloatArray:
    """Poses (N, 4, 4) that bring points (N, L, 3) on to landmarks (N, L, 2); Cauchy loss."""
    spread_m = _spread_m(model)
    poses = poses.copy()
    for _ in range(iterations):
        projection = project(model, points_m, poses, camera)
        spread_px = (spread_m * projection.px_per_m)[..., None]
        residual = (landmarks_px - projection.pixels) / spread_px
        weight = projection.facing / (1.0 + np.square(residual).sum(axis=-1))
        jacobian = np.empty((*residual.shape, 6))
        jacobian[..., :3] = -projection.jacobian_camera @ _cross(projection.rotated_m)
        jacobian[..., 3:] = projection.jacobian_camera
        jacobian /= spread_px[..., None]
        flat = jacobian.reshape(len(poses), -1, 6)
        weighted = np.swapaxes(flat * np.repeat(weight, 2, axis=1)[..., None], 1, 2)
        normal = weighted @ flat + 1e-6 * np.eye(6)
        step = np.linalg.solve(normal, weighted @ residual.reshape(len(poses), -1, 1))[..., 0]
        poses[:, :3, :3] = _rotations(step[:, :3]) @ poses[:, :3, :3]
        poses[:, :3, 3] += step[:, 3:]
    return poses


def _spread_m(model: LandmarkModel) -> FloatArray:
    return np.hypot(model.noise_m, UNKNOWN_MOVEMENT * model.mobility_m)


def _rotations(vectors: FloatArray) -> FloatArray:
    """Rotation vectors (N, 3) to matrices (N, 3, 3), Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=-1)[:, None, None]
    cross = _cross(vectors)
    # np.sinc is sin(pi x) / (pi x): both factors stay finite at no rotation.
    return (
        np.eye(3)
        + np.sinc(angle / np.pi) * cross
        + 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2 * cross @ cross
    )


def _cross(vectors: FloatArray) -> FloatArray:
    """(…, 3) to the matrices (…, 3, 3) of the cross product."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return np.stack(rows, axis=-1).reshape(*vectors.shape[:-1], 3, 3)
