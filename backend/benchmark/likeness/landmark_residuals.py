"""A fitted head and the detector's landmarks in; how far apart they are, by region, out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...detector.landmark_indices import (
    EYE_CONTOURS,
    FACE_OVAL,
    INNER_LIPS,
    LEFT_BROW_LOWER,
    LEFT_BROW_UPPER,
    LEFT_NOSE_WING,
    LEFT_NOSTRIL,
    NOSE_BRIDGE,
    NOSE_ROOT,
    NOSE_TIP,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
    RIGHT_BROW_LOWER,
    RIGHT_BROW_UPPER,
    RIGHT_NOSE_WING,
    RIGHT_NOSTRIL,
    SUBNASALE,
)
from ...detector.landmark_table import load_landmark_table
from ...stages.fitting.head_model import head_angles
from ...stages.frame_sampling.posed_head import pose_head
from ...stages.frame_sampling.texel_views import pixels_per_m
from .subjects import Subject

LANDMARKS = {
    "brows": (*RIGHT_BROW_UPPER, *RIGHT_BROW_LOWER, *LEFT_BROW_UPPER, *LEFT_BROW_LOWER),
    "eyes": (*EYE_CONTOURS[0], *EYE_CONTOURS[1]),
    "nose": (NOSE_ROOT, NOSE_BRIDGE, NOSE_TIP, SUBNASALE, RIGHT_NOSE_WING, LEFT_NOSE_WING,
             RIGHT_NOSTRIL, LEFT_NOSTRIL),
    "mouth": (*OUTER_UPPER_LIP, *OUTER_LOWER_LIP, *INNER_LIPS),
    "oval": FACE_OVAL,
}  # fmt: skip


def landmark_residuals(subject: Subject) -> Mapping[str, tuple[float, float]]:
    """By region: the median distance over points and frames, in px and in mm at the head.

    The detector's own bias at a head's yaw is taken out, as the fit does.
    """
    fit, table = subject.fit, load_landmark_table()
    cameras = fit.camera_from_head.astype(np.float64)
    angles = head_angles(cameras[:, :3, :3], cameras[:, :3, 3])
    off_px, off_mm = [], []
    for k in map(int, np.flatnonzero(fit.frame_used)):
        posed = pose_head(fit, k, subject.template)
        px_per_m = pixels_per_m(posed, fit)
        bias_m, _ = table.at_yaw(float(angles.yaw_deg[k]))
        sine, cosine = np.sin(angles.roll_rad[k]), np.cos(angles.roll_rad[k])
        bias_m = bias_m @ np.array([[cosine, sine], [-sine, cosine]])
        expected = fit.camera.project(subject.template.landmarks_m(posed.vertices_camera))
        off = subject.track.frame_landmarks_px[k] - expected - bias_m * px_per_m
        off_px.append(np.linalg.norm(off, axis=1))
        off_mm.append(off_px[-1] * 1e3 / px_per_m)
    px, mm = np.array(off_px), np.array(off_mm)
    return {
        name: (float(np.nanmedian(px[:, list(points)])), float(np.nanmedian(mm[:, list(points)])))
        for name, points in LANDMARKS.items()
    }
