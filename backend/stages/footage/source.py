"""What every kind of footage gives: its pictures one after another, upright, display-referred.

Nothing is kept: memory does not grow with the clip's length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".heic", ".heif")

# Diagonal of the 36 x 24 mm film frame, to which "35 mm equivalent" focal lengths refer.
FULL_FRAME_DIAGONAL_MM = 43.27


@dataclass(frozen=True)
class SourceFacts:
    """What the file says of itself, before its frames are looked at."""

    size_px: tuple[int, int]  # width, height, upright and with square pixels
    fps: float
    rotation_deg: int  # clockwise turn that brings stored pictures upright
    transfer: str  # "bt709", "hlg", "pq" or "srgb"
    focal_px: float | None  # from metadata
    expected_frames: int | None
    consecutive: bool  # a clip, not single photos
    skipped: tuple[str, ...] = ()  # names of photos that cannot be used


class Picture(Protocol):
    """One frame of the clip."""

    time_s: float

    def preview(self) -> NDArray[np.uint8]:
        """(H, W, 3) at full size for looking and measuring; HDR only roughly converted."""
        ...

    def srgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) at full size, converted exactly."""
        ...


class Source(Protocol):
    facts: SourceFacts

    def pictures(self) -> Iterator[Picture]: ...


def photo_files(folder: Path) -> list[Path]:
    """The folder's photos by name, hidden files left out."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in PHOTO_SUFFIXES and not file.name.startswith(".")
    )


def focal_from_equivalent(focal_35mm: float, size_px: tuple[int, int]) -> float:
    """A 35 mm equivalent focal length, defined over the picture's diagonal, in pixels."""
    return focal_35mm * float(np.hypot(*size_px)) / FULL_FRAME_DIAGONAL_MM
