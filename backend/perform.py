"""An avatar and another clip of anyone's face in; the clip's movement, added to the avatar, out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.types import HeadFit

from .avatar_writer import add_performance
from .footage import read_faces
from .performance import performance_from_landmarks
from .reporter import Reporter
from .view import template_of


def perform_clip(avatar: AvatarFolder, clip: Path, reporter: Reporter) -> Path:
    """Returns the stored performance's file.

    Raises FootageUnreadable, FaceNotFound; AvatarFolderError where the avatar cannot take it.
    """
    template = template_of(avatar)
    fit = fit_of(avatar)
    reporter.begin("footage")
    faces = read_faces(clip, reporter)
    reporter.end()
    reporter.begin("performance")
    performance = performance_from_landmarks(
        faces.time_s, faces.detections_px, faces.camera_guess, fit, template, reporter
    )
    for finding in performance.findings:
        reporter.warn(finding)
    path = add_performance(avatar, clip.stem, performance)
    reporter.end()
    return path


def fit_of(avatar: AvatarFolder) -> HeadFit:
    """The stored head and cameras as the fitting stage had left them."""
    head, cameras = avatar.head, avatar.cameras
    return HeadFit(
        identity=head.identity,
        neutral_m=head.neutral_m,
        shape_deltas_m=head.shape_deltas_m,
        joints_m=head.joints_m,
        eye_centre_m=head.eye_centre_m,
        eye_radius_m=head.eye_radius_m,
        camera=cameras.camera,
        camera_from_head=cameras.camera_from_head,
        expression=cameras.expression,
        gaze_rad=cameras.gaze_rad,
        residual_px=cameras.residual_px,
        frame_used=np.ones(len(cameras.frame_index), bool),
    )
