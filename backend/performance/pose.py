"""Landmarks of N frames and the landmark model in, head poses out: batched robust Gauss-Newton."""

from __future__ import annotations

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import Camera, FloatArray

from .landmark_model import LandmarkModel, see

# Points that hardly move with the expression hold the pose; this share of their movement is
# counted as noise, since the expression is known by then only roughly.
UNKNOWN_MOVEMENT = 0.15
ITERATIONS = 6


def first_poses(model: LandmarkModel, landmarks_px: FloatArray, camera: Camera) -> FloatArray:
    """(N, L, 2) to rough `camera_from_head` (N, 4, 4), frame by frame from the calmest points."""
    calm = np.argsort(model.restlessness_m + 2.0 * model.noise_m)[:80]
    matrix = np.diag([*camera.focal_px, 1.0])
    matrix[:2, 2] = camera.center_px
    poses = np.tile(np.eye(4), (len(landmarks_px), 1, 1))
    for n, seen in enumerate(landmarks_px[:, calm].astype(float)):
        _, turn, shift = cv2.solvePnP(
            model.neutral_m[calm], seen, matrix, np.array(camera.distortion), flags=cv2.SOLVEPNP_SQPNP
        )
        poses[n, :3, :3] = cv2.Rodrigues(turn)[0]
        poses[n, :3, 3] = shift[:, 0]
    return poses


def refine_poses(
    model: LandmarkModel,
    landmarks_px: FloatArray,
    weights: FloatArray,
    poses: FloatArray,
    camera: Camera,
) -> FloatArray:
    """Poses (N, 4, 4) that fit landmarks (N, L, 2) best, given weights (N, 52); Cauchy loss."""
    points = model.points_m(weights)
    spread_m = np.hypot(model.noise_m, UNKNOWN_MOVEMENT * model.restlessness_m)
    poses = poses.copy()
    for _ in range(ITERATIONS):
        sight = see(model, points, poses, camera)
        spread_px = (spread_m * sight.px_per_m)[..., None]
        miss = (landmarks_px - sight.pixels) / spread_px
        robust = sight.facing / (1.0 + np.square(miss).sum(axis=-1))
        jacobian = np.empty((*miss.shape, 6))
        jacobian[..., :3] = -sight.by_camera @ _cross(sight.turned_m)
        jacobian[..., 3:] = sight.by_camera
        jacobian /= spread_px[..., None]
        flat = jacobian.reshape(len(poses), -1, 6)
        weighted = flat * np.repeat(robust, 2, axis=1)[..., None]
        normal = np.swapaxes(weighted, 1, 2) @ flat + 1e-6 * np.eye(6)
        right = np.swapaxes(weighted, 1, 2) @ miss.reshape(len(poses), -1, 1)
        step = np.linalg.solve(normal, right)[..., 0]
        poses[:, :3, :3] = rotations(step[:, :3]) @ poses[:, :3, :3]
        poses[:, :3, 3] += step[:, 3:]
    return poses


def rotations(vectors: FloatArray) -> FloatArray:
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
