"""Declares the stage: frames and fitted head to the `RoomLight`."""

from __future__ import annotations

from studio_avatar_addon.avatar.types import Capture, FaceTrack, HeadFit, RoomLight

from ..declaration import Stage, StageContext, StageFolder, memory
from .estimate import estimate_light


def run(
    context: StageContext, folder: StageFolder, capture: Capture, track: FaceTrack, fit: HeadFit
) -> RoomLight:
    return estimate_light(capture, track, fit, context.template, context.device, context.progress)


STAGE = Stage(
    "room_light",
    inputs=("footage", "tracking", "fitting"),
    output=RoomLight,
    run=run,
    memory_bytes=memory(1.4),
)
