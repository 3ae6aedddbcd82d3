"""Declares the stage: a `Capture` to a `FaceTrack`."""

from __future__ import annotations

from studio_avatar_addon.avatar.files import sha256_file
from studio_avatar_addon.avatar.types import Capture, FaceTrack

from ...detector.landmark_table import TABLE_FILE
from ..declaration import Stage, StageContext, StageFolder
from .labels.label_network import weights_sha256
from .track_face import track_face


def run(context: StageContext, folder: StageFolder, capture: Capture) -> FaceTrack:
    return track_face(capture, folder.images, context.progress)


STAGE = Stage(
    "tracking",
    inputs=("footage",),
    output=FaceTrack,
    run=run,
    settings=lambda context: (context.template.sha256, sha256_file(TABLE_FILE), weights_sha256()),
    # Measured as those of the others (`memory`): labels are judged over all frames together.
    memory_bytes=lambda context: round(0.75e9 + 4e6 * context.quality.frames),
)
