"""What the panel shows of a clip before anything is computed: a picture, its size and length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import bpy
import bpy.utils.previews

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".webm", ".avi", ".mkv")


@dataclass(frozen=True)
class FootagePreview:
    size_px: tuple[int, int]  # width, height
    duration_s: float  # 0: Blender cannot read the clip
    icon_id: int

    @property
    def summary(self) -> str:
        if not self.duration_s:
            return "Blender cannot show this file; the backend may still read it"
        return f"{self.size_px[0]} x {self.size_px[1]} px, {self.duration_s:.1f} s"


def look_into(footage: Path) -> None:
    """Learn about a clip for `known_preview`. Adds nothing to the artist's file."""
    if not footage.is_file():
        return
    clip = bpy.data.movieclips.load(str(footage))
    try:
        width, height = cast("Sequence[int]", clip.size)
        frames, rate = clip.frame_duration, clip.fps
    finally:
        bpy.data.movieclips.remove(clip)
    pictures = _pictures()
    name = str(footage)
    picture = pictures[name] if name in pictures else pictures.load(name, name, "MOVIE")
    _known()[footage] = FootagePreview(
        (width, height), frames / rate if rate else 0.0, picture.icon_id
    )


def known_preview(footage: Path) -> FootagePreview | None:
    """What `look_into` found; for panels, which may not load anything."""
    return _known().get(footage)


def clear() -> None:
    """Give the pictures back to Blender."""
    if _pictures.cache_info().currsize:
        bpy.utils.previews.remove(_pictures())
    _pictures.cache_clear()
    _known.cache_clear()


@cache
def _pictures() -> bpy.utils.previews.ImagePreviewCollection:
    """Blender's store of pictures, made when the first clip is chosen."""
    return bpy.utils.previews.new()


@cache
def _known() -> dict[Path, FootagePreview]:
    return {}
