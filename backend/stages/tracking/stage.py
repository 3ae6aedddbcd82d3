"""Declares the stage: a `Capture` to a `FaceTrack`."""

from __future__ import annotations

from studio_avatar_addon.avatar.types import Capture, FaceTrack

from ..declaration import Stage, StageContext, StageFolder, memory
from .track_face import track_face


def run(context: StageContext, folder: StageFolder, capture: Capture) -> FaceTrack:
    return track_face(capture, folder.images, context.progress)


STAGE = Stage("tracking", inputs=("footage",), output=FaceTrack, run=run, memory_bytes=memory(0.75))
