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


def load_preview(footage: Path) -> None:
    """Read a clip's size, length and first frame for `loaded_preview`; nothing where it is no file.

    Adds nothing to the artist's .blend.
    """
    if not footage.is_file():
        return
    clip = bpy.data.movieclips.load(str(footage))
    try:
        width, height = cast("Sequence[int]", clip.size)
        frames, rate = clip.frame_duration, clip.fps
    finally:
        bpy.data.movieclips.remove(clip)
    icons = _icons()
    name = str(footage)
    icon = icons[name] if name in icons else icons.load(name, name, "MOVIE")
    _previews()[footage] = FootagePreview(
        (width, height), frames / rate if rate else 0.0, icon.icon_id
    )


def loaded_preview(footage: Path) -> FootagePreview | None:
    """What `load_preview` found; for panels, which may not load anything."""
    return _previews().get(footage)


def clear() -> None:
    """Free the icons; for when the add-on is disabled."""
    if _icons.cache_info().currsize:
        bpy.utils.previews.remove(_icons())
    _icons.cache_clear()
    _previews.cache_clear()


@cache
def _icons() -> bpy.utils.previews.ImagePreviewCollection:
    """Blender's collection of icons, made when the first clip is chosen."""
    return bpy.utils.previews.new()


@cache
def _previews() -> dict[Path, FootagePreview]:
    return {}
