"""A capture in; what every stage made of it, its seconds and its peak of memory, out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    QUALITY,
    Capture,
    FaceTrack,
    HeadFit,
    Quality,
    RoomLight,
    TextureSet,
)

from ...job.terminal import Silent
from ...stages import STAGES, stage_of
from ...stages.declaration import StageContext, StageFolder
from ...store.avatar_writer import shipped_weights
from ...store.source_fingerprint import package_versions, source_fingerprint
from ...store.stage_cache import fingerprint
from ..capture.capture_run import peak_mb

STANDARD = QUALITY["standard"]
CPU = torch.device("cpu")
# Linux' way to start VmHWM anew, proc(5).
_CLEAR_PEAK = Path("/proc/self/clear_refs"), "5"

Value = TypeVar("Value")


@dataclass
class Meter:
    """Runs stages and keeps what they cost."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    peak_mb: dict[str, float] = field(default_factory=dict[str, float])  # of the whole process

    def joined(self, other: Meter) -> Meter:
        """These costs and those of `other`."""
        return Meter(self.seconds | other.seconds, self.peak_mb | other.peak_mb)

    def __call__(self, stage: str, make: Callable[[], Value]) -> Value:
        was_reset = _reset_peak_memory()
        started = time.monotonic()
        value = make()
        self.seconds[stage] = time.monotonic() - started
        self.peak_mb[stage] = peak_mb() if was_reset else math.nan
        return value


def _reset_peak_memory() -> bool:
    """Start the process's peak memory anew, where the system can."""
    path, word = _CLEAR_PEAK
    try:
        path.write_text(word, "ascii")
    except OSError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Staged:
    """A capture up to its phone texture, which all methods share."""

    template: HeadTemplate
    quality: Quality
    capture: Capture
    track: FaceTrack
    fit: HeadFit
    light: RoomLight
    phone: TextureSet


def run_stages(source: Path, scratch: Path, template: HeadTemplate, meter: Meter) -> Staged:
    """The stages up to the phone texture. Raises StudioAvatarError as they do."""
    context = StageContext(source, "", STANDARD, template, CPU, Silent(), StudioChoices())
    values: dict[str, Any] = {}
    for name in STAGES[: STAGES.index("phone_texture") + 1]:
        stage = stage_of(name)
        folder = StageFolder(scratch / name, scratch / f"{name}_memory.npz", "")
        folder.images.mkdir()
        run = partial(stage.run, context, folder, *(values[source] for source in stage.inputs))
        values[name] = meter(name.replace("_", " "), run)
    return Staged(
        template, STANDARD, values["footage"], values["tracking"], values["fitting"],
        values["room_light"], values["phone_texture"],
    )  # fmt: skip


def pipeline_fingerprint() -> str:
    """Changes with the code of any stage, the packages that it uses and the networks' weights."""
    modules = [stage_of(name).module for name in STAGES]
    code = source_fingerprint(*modules), [dict(package_versions(module)) for module in modules]
    return fingerprint(*code, *shipped_weights().values())
