"""Declares the stage: the evenly lit texture and the phone's fine structure to the final maps."""

from __future__ import annotations

from studio_avatar_addon.avatar.types import HeadFit, TextureSet

from ..declaration import Stage, StageContext, StageFolder, memory
from .choose_generator import generator_for
from .restore import restore_detail
from .shipped_weights import weights_sha256


def run(
    context: StageContext,
    folder: StageFolder,
    fit: HeadFit,
    phone: TextureSet,
    studio: TextureSet,
) -> TextureSet:
    draw = generator_for(context.quality, context.device)
    return restore_detail(
        phone, studio, fit, context.template, context.quality, draw, context.progress
    )


def memory_bytes(context: StageContext) -> int:
    needed = memory(2.3, 165) if context.quality.network_refinement else memory(1.2)
    return needed(context)


STAGE = Stage(
    "detail",
    inputs=("fitting", "phone_texture", "studio_texture"),
    output=TextureSet,
    run=run,
    settings=lambda context: (context.quality.network_refinement, weights_sha256()),
    memory_bytes=memory_bytes,
)
