"""The whole way: a clip becomes an avatar folder, stage by stage (`stages/__init__.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.layout import STAGES_FOLDER
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import QUALITY, Results

from ..job.device import DeviceChoice
from ..job.reporter import Reporter
from ..stages import STAGES, stage_of
from ..stages.declaration import StageContext
from ..stages.footage.open_footage import footage_sha256
from ..stages.room_light import measure_neutral
from ..store.avatar_writer import Provenance, write_avatar
from ..store.stage_cache import StageCache
from .corrections import (
    NO_CORRECTIONS,
    CorrectionRequest,
    keep_corrections,
    merge_corrections,
)


@dataclass(frozen=True)
class CreateSettings:
    footage: Path
    out: Path
    quality: str = "standard"  # one of QUALITIES
    request: CorrectionRequest = NO_CORRECTIONS
    choices: StudioChoices = field(default_factory=StudioChoices)


def create_avatar(
    settings: CreateSettings, device: DeviceChoice, reporter: Reporter
) -> AvatarFolder:
    """Run every stage whose inputs changed and make the results the avatar's current ones.

    Raises StudioAvatarError as the stages do.
    """
    cache = StageCache(settings.out / STAGES_FOLDER, reporter)
    context = StageContext(
        footage=settings.footage,
        footage_sha256=footage_sha256(settings.footage),
        quality=QUALITY[settings.quality],
        template=load_template(),
        device=device.torch,
        progress=reporter,
        choices=settings.choices,
    )
    first, *others = STAGES
    capture = cache.run(stage_of(first), context, f"on {device.reason}")
    if (spot := settings.choices.neutral) is not None:
        measure_neutral(capture, spot)  # one that shows nothing is refused before the long work
    merged = merge_corrections(settings.out, capture, settings.request, reporter)
    context = replace(context, corrections=merged.of_frames)
    for name in others:
        cache.run(stage_of(name), context)

    reporter.begin("avatar")
    provenance = Provenance.of_run(settings.quality, device, cache.fingerprints, settings.choices)
    results = Results.of_stages(cache.values)
    avatar = write_avatar(settings.out, results, context.template, provenance, reporter)
    # Only now: a job that ends before leaves the avatar with what it was made from.
    keep_corrections(settings.out, merged)
    cache.remove_others()
    reporter.end()
    return avatar
