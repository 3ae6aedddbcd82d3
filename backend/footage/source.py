"""A clip or a folder of photos in, its pictures out one after another: upright, display-referred.

Nothing is kept: memory does not grow with the clip's length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import FootageUnreadable
from studio_avatar_addon.avatar.files import sha256_file

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".heic", ".heif")

# Width of the film frame and its diagonal, to which "35 mm equivalent" focal lengths refer.
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


def open_source(path: Path) -> Source:
    """Raises FootageUnreadable for anything that is neither a video nor a folder with photos."""
    from .photos import PhotoFolder
    from .video import VideoFile

    if path.is_dir():
        return PhotoFolder(path)
    _require_file(path)
    if path.suffix.lower() in PHOTO_SUFFIXES:
        raise FootageUnreadable(
            f"{path.name} is a single photo, which shows a head from one side only.",
            "Choose a video, or a folder with at least 8 photos of the head from all sides.",
        )
    return VideoFile(path)


def footage_sha256(path: Path) -> str:
    """Of a file's bytes; of a folder's photos in the order of their names.

    Raises FootageUnreadable where there is nothing to read.
    """
    try:
        if not path.is_dir():
            _require_file(path)
            return sha256_file(path)
        digest = hashlib.sha256()
        for photo in photo_files(path):
            digest.update(photo.name.encode() + bytes.fromhex(sha256_file(photo)))
        return digest.hexdigest()
    except OSError as error:
        raise FootageUnreadable(
            f"{path} cannot be read ({error.strerror or error}).", "Check its permissions."
        ) from error


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


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise FootageUnreadable(
            f"There is no file {path}.", "Choose the clip again; it may have been moved or renamed."
        )
