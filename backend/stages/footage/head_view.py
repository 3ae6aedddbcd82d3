"""Landmarks in, how far the head is turned from the camera out: no fitted head needed.

Sharp enough to choose frames by and to recognise a misread face; poses for the product come from
the fitted head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import Camera, FloatArray

from ...detector.landmark_indices import (
    FOREHEAD,
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    LEFT_NOSE_WING,
    NOSE_ROOT,
    NOSE_TIP,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
    RIGHT_NOSE_WING,
    SUBNASALE,
)

# Landmark → place on an average head in millimetres, typed from anthropometry in the head
# frame (origin midway between the ear canals, x to the subject's left, y backward, z up).
ANATOMY_MM = {
    RIGHT_EYE_OUTER: (-45, -66, 14), LEFT_EYE_OUTER: (45, -66, 14),
    RIGHT_EYE_INNER: (-16, -77, 12), LEFT_EYE_INNER: (16, -77, 12),
    NOSE_ROOT: (0, -93, 20),
    NOSE_TIP: (0, -120, -19),
    SUBNASALE: (0, -104, -34),
    RIGHT_NOSE_WING: (-18, -94, -28), LEFT_NOSE_WING: (18, -94, -28),
    RIGHT_MOUTH_CORNER: (-26, -86, -58), LEFT_MOUTH_CORNER: (26, -86, -58),
    FOREHEAD: (0, -91, 62),
}  # fmt: skip

LANDMARK_NUMBERS = np.array(list(ANATOMY_MM))
POINTS_M = np.array(list(ANATOMY_MM.values()), float) / 1000.0
NO_DISTORTION = np.zeros(5)  # of the lens: far below what an average head is off


@dataclass(frozen=True)
class HeadView:
    """N views of a head, relative to the ray from it to the camera; NaN where no face was found."""

    yaw_deg: FloatArray  # (N,) positive: turned to the subject's left
    pitch_deg: FloatArray  # (N,) positive: chin up
    error: FloatArray  # (N,) reprojection error as a share of the face's height
    px_per_m: FloatArray  # (N,) scale of the picture at an average head, however it is turned

    def angle_deg(self, first: int, second: int | NDArray[np.integer]) -> FloatArray:
        """Degrees between view `first` and others (M,), to (M,): yaw and pitch as if on a plane."""
        return np.hypot(
            self.yaw_deg[first] - self.yaw_deg[second],
            self.pitch_deg[first] - self.pitch_deg[second],
        )


def head_view(landmarks_px: FloatArray, camera: Camera) -> HeadView:
    """Landmarks (N, 478, 2) in pixels, NaN rows allowed, to N views.

    The pose is that of an average head (SQPnP, Terzakis & Lourakis 2020).
    """
    yaw, pitch, error, scale = np.full((4, len(landmarks_px)), np.nan)
    matrix = np.array(
        [
            [camera.focal_px[0], 0.0, camera.center_px[0]],
            [0.0, camera.focal_px[1], camera.center_px[1]],
            [0.0, 0.0, 1.0],
        ]
    )
    for n in np.flatnonzero(np.isfinite(landmarks_px).all(axis=(1, 2))):
        landmarks = landmarks_px[n, LANDMARK_NUMBERS].astype(float)
        found, turn, shift = cv2.solvePnP(
            POINTS_M, landmarks, matrix, NO_DISTORTION, flags=cv2.SOLVEPNP_SQPNP
        )
        if not found:
            continue
        to_camera = -cv2.Rodrigues(turn)[0].T @ shift[:, 0]
        yaw[n] = np.degrees(np.arctan2(-to_camera[0], -to_camera[1]))
        pitch[n] = np.degrees(np.arctan2(-to_camera[2], np.hypot(*to_camera[:2])))
        scale[n] = camera.focal_px[0] / np.linalg.norm(to_camera)
        projected, _ = cv2.projectPoints(POINTS_M, turn, shift, matrix, NO_DISTORTION)
        deviations = np.linalg.norm(projected[:, 0] - landmarks, axis=1)
        error[n] = deviations.mean() / np.ptp(landmarks_px[n, :, 1])
    return HeadView(yaw, pitch, error, scale)


def face_width_px(landmarks_px: FloatArray) -> FloatArray:
    """(..., 478, 2) to the size of the face (...,): mean of its box's sides, steady under yaw."""
    return np.ptp(landmarks_px, axis=-2).mean(axis=-1)


def face_centre_px(landmarks_px: FloatArray) -> FloatArray:
    """(..., 478, 2) to the middle of the face's box (..., 2)."""
    return (landmarks_px.min(axis=-2) + landmarks_px.max(axis=-2)) / 2
