"""A capture in; what every stage made of it, its seconds and its peak of memory, out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch

from studio_avatar_addon import avatar
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

from ... import (
    atlas,
    colour_profile,
    detail,
    evenly,
    facemesh,
    fitting,
    folds,
    footage,
    head,
    images,
    intersections,
    log_light,
    marks,
    phone_texture,
    posed_head,
    raster,
    room_light,
    sampling,
    studio,
    surface,
    tracking,
)
from ...fitting import fit_head
from ...footage import read_footage
from ...phone_texture import unwrap
from ...room_light import estimate_light
from ...stage_store import code_fingerprint, fingerprint
from ...terminal import Silent
from ...tracking import track_face
from ..capture_run import peak_mb

STANDARD = QUALITY["standard"]
CPU = torch.device("cpu")
_FORGET_PEAK = Path("/proc/self/clear_refs"), "5"

Value = TypeVar("Value")


@dataclass
class Meter:
    """Runs stages and keeps what they cost."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    peak_mb: dict[str, float] = field(default_factory=dict[str, float])  # of the whole process

    def with_others(self, other: Meter) -> Meter:
        """These costs and those of `other`."""
        return Meter(self.seconds | other.seconds, self.peak_mb | other.peak_mb)

    def __call__(self, stage: str, make: Callable[[], Value]) -> Value:
        forgot = _forget_peak()
        started = time.monotonic()
        value = make()
        self.seconds[stage] = time.monotonic() - started
        self.peak_mb[stage] = peak_mb() if forgot else math.nan
        return value


def _forget_peak() -> bool:
    """Start the process's peak memory anew, where the system can."""
    path, word = _FORGET_PEAK
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
    """Raises StudioAvatarError as the stages do."""
    silent, quality = Silent(), STANDARD
    capture = meter("footage", lambda: read_footage(source, scratch, quality, silent))
    track = meter("tracking", lambda: track_face(capture, scratch, silent))
    fit = meter("fitting", lambda: fit_head(capture, track, template, silent))
    light = meter("room light", lambda: estimate_light(capture, track, fit, template, CPU, silent))
    phone = meter(
        "phone texture",
        lambda: unwrap(capture, track, fit, light, template, quality, silent),
    )
    return Staged(template, quality, capture, track, fit, light, phone)


def pipeline_fingerprint() -> str:
    """Changes with the code of any stage and with the networks' weights."""
    code = code_fingerprint(
        atlas, avatar, colour_profile, detail, evenly, facemesh, fitting, folds, footage, head,
        images, intersections, log_light, marks, phone_texture, posed_head, raster, room_light,
        sampling, studio, surface, tracking,
    )  # fmt: skip
    return fingerprint(code, studio.weights_sha256(), detail.weights_sha256())
