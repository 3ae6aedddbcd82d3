"""An avatar and another clip of anyone's face in; the clip's movement, added to the avatar, out."""

from __future__ import annotations

from pathlib import Path

from studio_avatar_addon.avatar.bundle import AvatarFolder, template_of

from ..job.reporter import Reporter
from ..stages.footage import read_faces
from ..stages.performance import performance_from_landmarks
from ..store.avatar_writer import add_performance
from ..store.stored_fit import read_fit


def perform_clip(avatar: AvatarFolder, clip: Path, reporter: Reporter) -> Path:
    """Returns the stored performance's file.

    Raises FootageUnreadable, FaceNotFound; TemplateError or AvatarFolderError where the avatar
    cannot take it.
    """
    template = template_of(avatar)
    fit = read_fit(avatar, template)
    reporter.begin("footage")
    faces = read_faces(clip, reporter)
    reporter.end()
    reporter.begin("performance")
    performance = performance_from_landmarks(
        faces.time_s, faces.detections_px, faces.camera_guess, fit, template, reporter
    )
    for finding in performance.findings:
        reporter.warn(finding)
    path = add_performance(avatar, clip.name, performance)
    reporter.end()
    return path
