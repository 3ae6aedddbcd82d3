"""A clip or a folder of photos in; what reads it, and its hash, out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from studio_avatar_addon.avatar.errors import FootageUnreadable
from studio_avatar_addon.avatar.files import sha256_file

from .photos import PhotoFolder
from .source import PHOTO_SUFFIXES, Source, photo_files
from .video import VideoFile


def open_source(path: Path) -> Source:
    """Raises FootageUnreadable for anything that is neither a video nor a folder with photos."""
    require_footage(path)
    if path.is_dir():
        return PhotoFolder(path)
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
        require_footage(path)
        if not path.is_dir():
            return sha256_file(path)
        digest = hashlib.sha256()
        for photo in photo_files(path):
            # A link to nowhere or a pipe is left out later, and told.
            content = sha256_file(photo) if photo.is_file() else ""
            digest.update(os.fsencode(photo.name) + bytes.fromhex(content))
        return digest.hexdigest()
    except OSError as error:
        raise FootageUnreadable(
            f"{path} cannot be read ({error.strerror or error}).", "Check its permissions."
        ) from error


def require_footage(path: Path) -> None:
    """Raises FootageUnreadable where there is neither a file nor a folder."""
    if not path.is_dir() and not path.is_file():
        raise FootageUnreadable(
            f"There is no file {path}.", "Choose the clip again; it may have been moved or renamed."
        )
