"""Declares the stage: the texture as filmed to the texture under even light."""

from __future__ import annotations

from dataclasses import asdict, replace

from studio_avatar_addon.avatar.types import Capture, HeadFit, RoomLight, TextureSet

from ..declaration import Stage, StageContext, StageFolder, memory
from ..room_light.neutral import tone_from_neutral
from .even_light import studio_texture
from .networks import weights_sha256


def run(
    context: StageContext,
    folder: StageFolder,
    capture: Capture,
    fit: HeadFit,
    light: RoomLight,
    phone: TextureSet,
) -> TextureSet:
    if (spot := context.choices.neutral) is not None:
        light = replace(light, skin_linear=tone_from_neutral(light, capture, spot))
    return studio_texture(
        phone, light, fit, context.template, context.quality, context.choices, context.device,
        context.progress,
    )  # fmt: skip


STAGE = Stage(
    "studio_texture",
    inputs=("footage", "fitting", "room_light", "phone_texture"),
    output=TextureSet,
    run=run,
    settings=lambda context: (asdict(context.choices), weights_sha256()),
    memory_bytes=memory(1.1, 170),
)
