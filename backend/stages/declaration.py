"""What a stage declares of itself. Pipeline, cache, progress and benchmark follow from it.

A stage is a package of this folder with a module `stage.py` that holds its `STAGE`, and its name's
line in `STAGE_NAMES` of `avatar/layout.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Progress, Quality

if TYPE_CHECKING:
    import torch


def memory(gigabytes: float, bytes_per_texel: float = 0.0) -> Callable[[StageContext], int]:
    """What the process holds while a stage runs: always the same, and with the texture's size.

    The figures are the highest seen of a clip of 480 lines and one of 1080, at all qualities, be
    the stage the first that runs or not (resident memory, a processor of two cores, Linux).
    """
    return lambda context: round(
        gigabytes * 1e9 + bytes_per_texel * context.quality.texture_size**2
    )


@dataclass(frozen=True)
class StageContext:
    """What a stage may use besides the values of earlier stages."""

    footage: Path  # a file or a folder of photos
    footage_sha256: str
    quality: Quality
    template: HeadTemplate
    device: torch.device
    progress: Progress
    choices: StudioChoices = field(default_factory=StudioChoices)
    corrections: Corrections = field(default_factory=Corrections)  # of the chosen frames


@dataclass(frozen=True)
class StageFolder:
    """Where a stage may leave files, and a fingerprint of what it works from."""

    images: Path  # empty; what lies here is kept with the stage's value
    memory: Path  # a file that survives runs with other settings; the stage checks what it holds
    source_fingerprint: str  # changes with code, packages and earlier values, not with `settings`


@dataclass(frozen=True)
class Stage:
    """One step of the way from clip to avatar.

    `inputs`: names of the earlier stages whose values `run` takes, in its order, after context and
    folder. `settings`: what of the context the result depends on, and the hash of every data file
    that it reads, as values that JSON can hold. `memory_bytes`: of the whole process while `run`
    works, what is loaded before included; 0 where other stages need more in any case.
    """

    name: str
    inputs: tuple[str, ...]
    output: type  # a frozen dataclass of arrays and plain values, or a TextureSet
    run: Callable[..., Any]  # (StageContext, StageFolder, *inputs) -> output
    settings: Callable[[StageContext], tuple[object, ...]] = lambda context: ()
    memory_bytes: Callable[[StageContext], int] = lambda context: 0

    @property
    def module(self) -> str:
        """Full name of the module that holds `run`: all that it imports is the stage's code."""
        return self.run.__module__
