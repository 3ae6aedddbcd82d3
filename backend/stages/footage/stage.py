"""Declares the stage: a clip to a `Capture`."""

from __future__ import annotations

from studio_avatar_addon.avatar.types import Capture

from ..declaration import Stage, StageContext, StageFolder, memory
from .read_footage import read_footage


def run(context: StageContext, folder: StageFolder) -> Capture:
    return read_footage(context.footage, folder.images, context.quality, context.progress)


STAGE = Stage(
    "footage",
    inputs=(),
    output=Capture,
    run=run,
    settings=lambda context: (context.footage_sha256, context.quality.frames),
    # It needs .6 itself, but no quality's later stages do with less than this; and the libraries
    # that it loads want that much room for addresses, or end the process.
    memory_bytes=memory(1.3),
)
