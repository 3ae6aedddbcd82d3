"""Declares the stage: the tracked face and the fitted head to the clip's movement."""

from __future__ import annotations

from studio_avatar_addon.avatar.types import Capture, FaceTrack, HeadFit, Performance

from ..declaration import Stage, StageContext, StageFolder
from .capture_performance import capture_performance


def run(
    context: StageContext, folder: StageFolder, capture: Capture, track: FaceTrack, fit: HeadFit
) -> Performance:
    return capture_performance(capture, track, fit, context.template, context.progress)


STAGE = Stage("performance", inputs=("footage", "tracking", "fitting"), output=Performance, run=run)
