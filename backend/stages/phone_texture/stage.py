"""Declares the stage: frames, fitted head and light to the texture as filmed."""

from __future__ import annotations

from studio_avatar_addon.avatar.types import Capture, FaceTrack, HeadFit, RoomLight, TextureSet

from ..declaration import Stage, StageContext, StageFolder, memory
from .unwrap import unwrap


def run(
    context: StageContext,
    folder: StageFolder,
    capture: Capture,
    track: FaceTrack,
    fit: HeadFit,
    light: RoomLight,
) -> TextureSet:
    return unwrap(capture, track, fit, light, context.template, context.quality, context.progress)


STAGE = Stage(
    "phone_texture",
    inputs=("footage", "tracking", "fitting", "room_light"),
    output=TextureSet,
    run=run,
    settings=lambda context: (context.quality.texture_size,),
    memory_bytes=memory(0.9, 200),
)
