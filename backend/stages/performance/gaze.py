"""Iris landmarks and head poses in, the gaze of both eyes and the lids' part in it out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.types import Camera, FloatArray, HeadFit

from ...detector.landmark_indices import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_IRIS,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_IRIS,
)
from .landmark_model import head_rays

IRIS_CENTRES = (LEFT_IRIS[0], RIGHT_IRIS[0])  # left, right
EYE_CORNERS = ((LEFT_EYE_INNER, LEFT_EYE_OUTER), (RIGHT_EYE_INNER, RIGHT_EYE_OUTER))
# The iris lies a little inside the eyeball's sphere: 24 mm eyeball, 11.7 mm iris.
IRIS_DEPTH = 0.87
LIMIT_RAD = np.radians([45.0, 30.0])  # yaw, pitch: what eyes can do
FULL_LOOK_RAD = np.radians(35.0)  # at which an eyeLook shape is 1


def gaze_angles(
    landmarks_px: FloatArray,
    poses: FloatArray,
    fit: HeadFit,
    camera: Camera,
    eye_offset_m: FloatArray,
) -> FloatArray:
    """Landmarks (N, 478, 2) to (N, 2 eyes, yaw to the left and pitch up) in radians.

    `eye_offset_m` (2, N, 3): how far this clip's detections of each eye lie from the fitted head;
    the iris is moved back by it.
    """
    gaze = np.zeros((len(poses), 2, 2))
    for eye, iris in enumerate(IRIS_CENTRES):
        origins, directions = head_rays(landmarks_px[:, iris].astype(float), poses, camera)
        towards = origins - eye_offset_m[eye] - fit.eye_centre_m[eye]
        along = np.einsum("nc,nc->n", towards, directions)
        radius = IRIS_DEPTH * fit.eye_radius_m[eye]
        inside = along**2 - np.einsum("nc,nc->n", towards, towards) + radius**2
        # A ray past the eyeball takes the point nearest to it.
        reach = -along - np.sqrt(np.maximum(inside, 0.0))
        look = towards + reach[:, None] * directions
        look /= np.linalg.norm(look, axis=1, keepdims=True)
        gaze[:, eye, 0] = np.arctan2(look[:, 0], -look[:, 1])
        gaze[:, eye, 1] = np.arcsin(np.clip(look[:, 2], -1.0, 1.0))
    # Far from a near target both eyes look the same way: what differs is the fit's error.
    gaze[:, :, 0] -= np.array([0.5, -0.5]) * np.median(gaze[:, 0, 0] - gaze[:, 1, 0])
    gaze[:, :, 1] = gaze[:, :, 1].mean(axis=1, keepdims=True)
    return np.clip(gaze, -LIMIT_RAD, LIMIT_RAD)


def eye_offset(offset_m: FloatArray) -> FloatArray:
    """Landmark offsets (N, L, 3) to those of each eye's corners, (2, N, 3)."""
    return np.stack([offset_m[:, list(corners)].mean(axis=1) for corners in EYE_CORNERS])


def look_weights(gaze_rad: FloatArray) -> FloatArray:
    """(N, 2, 2) to weights (N, 52) of the eyeLook shapes: how the lids follow the eyes."""
    weights = np.zeros((len(gaze_rad), len(SHAPE_INDEX)))
    for eye, side in enumerate(("Left", "Right")):
        outward = gaze_rad[:, eye, 0] * (1.0 if side == "Left" else -1.0)
        turns = {
            "Out": outward, "In": -outward, "Up": gaze_rad[:, eye, 1], "Down": -gaze_rad[:, eye, 1],
        }  # fmt: skip
        for way, angle in turns.items():
            weights[:, SHAPE_INDEX[f"eyeLook{way}{side}"]] = np.clip(angle / FULL_LOOK_RAD, 0, 1)
    return weights
