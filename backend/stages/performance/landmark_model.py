"""A fitted head and its template in, its landmarks as a linear model of the 52 weights out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.frames import head_turn_rad
from studio_avatar_addon.avatar.layout import FIRST_IRIS_LANDMARK
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, Camera, FloatArray, HeadFit

MIN_NOISE_M = 0.0012  # what the fitted head itself is off: no landmark is trusted beyond it
FACING_FROM, FACING_TO = -0.1, 0.5  # cosine to the camera: hidden … fully trusted
HIDDEN_SHARE = 0.02  # weight of hidden landmarks: enough to keep the equations solvable
NEIGHBOURS = 16  # landmarks: two rings of the face mesh
# The detector's error grows with the turn of the head: about twice at 35 degrees.
DOUBLE_NOISE_RAD = np.radians(35.0)

# Solved otherwise than from the skin's landmarks: the eyeLook shapes follow the gaze, the tongue
# has no landmark.
NOT_FROM_SKIN = ("eyeLook", "tongue")


@dataclass(frozen=True)
class LandmarkModel:
    """L = 468 skin landmarks in the head frame, metres."""

    neutral_m: FloatArray  # (L, 3)
    deltas_m: FloatArray  # (52, L, 3); zero for shapes that are not modelled
    normals: FloatArray  # (L, 3)
    noise_m: FloatArray  # (L,)
    solved: BoolArray  # (52,) shapes that the landmarks decide

    @property
    def mobility_m(self) -> FloatArray:
        """(L,) how far expressions move each landmark: large on lips and lids."""
        return np.sqrt(np.square(self.deltas_m[self.solved]).sum(axis=(0, 2)))

    def points_m(self, weights: FloatArray, offset_m: FloatArray) -> FloatArray:
        """Weights (N, 52) and the clip's own offsets (N, L, 3) or (L, 3) to points (N, L, 3)."""
        return self.neutral_m + offset_m + np.tensordot(weights, self.deltas_m, axes=1)


def landmark_model(fit: HeadFit, template: HeadTemplate) -> LandmarkModel:
    """The fitted head at the template's landmarks, (468, 3) corners and weights."""
    corners = template.landmark_vertices[:FIRST_IRIS_LANDMARK]
    share = template.landmark_weights[:FIRST_IRIS_LANDMARK, :, None]
    deltas = (fit.shape_deltas_m[:, corners] * share).sum(axis=2)
    edges = fit.neutral_m[corners]
    neutral = (edges * share).sum(axis=1).astype(float)
    solved = ~np.array([name.startswith(NOT_FROM_SKIN) for name in SHAPE_NAMES])
    return LandmarkModel(
        neutral_m=neutral,
        deltas_m=deltas.astype(float),
        normals=_outward(neutral, np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])),
        noise_m=np.maximum(template.landmark_noise_m[:FIRST_IRIS_LANDMARK], MIN_NOISE_M).astype(
            float
        ),
        solved=solved,
    )


def _outward(points_m: FloatArray, normals: FloatArray) -> FloatArray:
    """Normals (L, 3) averaged among neighbours: a lid's or lip's edge faces anywhere by itself."""
    unit = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    _, neighbours = cKDTree(points_m).query(points_m, k=NEIGHBOURS)
    mean = unit[neighbours].mean(axis=1)
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Projection:
    """The model as N frames show it."""

    pixels: FloatArray  # (N, L, 2)
    jacobian_camera: FloatArray  # (N, L, 2, 3) pixels per metre in the camera's frame
    jacobian_head: FloatArray  # (N, L, 2, 3) pixels per metre in the head's frame
    rotated_m: FloatArray  # (N, L, 3) the points turned, not shifted, into the camera's frame
    px_per_m: FloatArray  # (N, 1) at the head
    noise: FloatArray  # (N, 1) how much larger the detector's error is than from the front
    facing: FloatArray  # (N, L) in [HIDDEN_SHARE, 1]


def project(
    model: LandmarkModel, points_m: FloatArray, camera_from_head: FloatArray, camera: Camera
) -> Projection:
    """Project points (N, L, 3) with poses (N, 4, 4); derivatives leave the distortion out."""
    rotation = camera_from_head[:, :3, :3]
    rotated = points_m @ np.swapaxes(rotation, 1, 2)
    in_camera = rotated + camera_from_head[:, None, :3, 3]
    depth = in_camera[..., 2]
    jacobian_camera = np.zeros((*depth.shape, 2, 3))
    jacobian_camera[..., 0, 0] = camera.focal_px[0] / depth
    jacobian_camera[..., 1, 1] = camera.focal_px[1] / depth
    jacobian_camera[..., 0, 2] = -camera.focal_px[0] * in_camera[..., 0] / depth**2
    jacobian_camera[..., 1, 2] = -camera.focal_px[1] * in_camera[..., 1] / depth**2
    to_camera = -in_camera / np.linalg.norm(in_camera, axis=-1, keepdims=True)
    cosine = np.einsum("nlc,nlc->nl", model.normals @ np.swapaxes(rotation, 1, 2), to_camera)
    facing = np.clip((cosine - FACING_FROM) / (FACING_TO - FACING_FROM), HIDDEN_SHARE, 1.0)
    turn_rad = head_turn_rad(camera_from_head)
    return Projection(
        pixels=camera.project(in_camera),
        jacobian_camera=jacobian_camera,
        jacobian_head=jacobian_camera @ rotation[:, None],
        rotated_m=rotated,
        px_per_m=camera.focal_px[0] / camera_from_head[:, 2, 3][:, None],
        noise=1.0 + np.square(np.hypot(*turn_rad.T) / DOUBLE_NOISE_RAD)[:, None],
        facing=facing,
    )


def head_rays(
    pixels: FloatArray, camera_from_head: FloatArray, camera: Camera
) -> tuple[FloatArray, FloatArray]:
    """Image points (N, 2) to rays in the head frame: origins (N, 3) and unit directions (N, 3)."""
    rotation = camera_from_head[:, :3, :3]
    along = np.ones((len(pixels), 3))
    along[:, :2] = (pixels - camera.center_px) / camera.focal_px
    directions = np.einsum("nji,nj->ni", rotation, along)
    origins = -np.einsum("nji,nj->ni", rotation, camera_from_head[:, :3, 3])
    return origins, directions / np.linalg.norm(directions, axis=1, keepdims=True)
