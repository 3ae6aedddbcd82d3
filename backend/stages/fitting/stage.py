"""Declares the stage: capture and track to a `HeadFit`, with the artist's corrections."""

from __future__ import annotations

from studio_avatar_addon.avatar.files import sha256_file
from studio_avatar_addon.avatar.types import Capture, FaceTrack, HeadFit

from ...detector.landmark_table import TABLE_FILE
from ..declaration import Stage, StageContext, StageFolder
from .fit import SolutionFile, fit_head


def run(context: StageContext, folder: StageFolder, capture: Capture, track: FaceTrack) -> HeadFit:
    # A solution of the same frames and template is a warm start, whatever was corrected since.
    stored = SolutionFile(folder.memory, f"{folder.source_fingerprint} {_heads(context)}")
    return fit_head(capture, track, context.template, context.progress, context.corrections, stored)


def _heads(context: StageContext) -> tuple[str, ...]:
    return (context.template.sha256, sha256_file(TABLE_FILE))


STAGE = Stage(
    "fitting",
    inputs=("footage", "tracking"),
    output=HeadFit,
    run=run,
    settings=lambda context: (*_heads(context), context.corrections.as_json()),
    # Measured as those of the others (`memory`), at 16, 28 and 40 frames.
    memory_bytes=lambda context: round(0.85e9 + 16e6 * context.quality.frames),
)
