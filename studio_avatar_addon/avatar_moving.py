"""Avatars below the extension's own folder to the user's documents, and paths that follow them.

The first versions kept the avatars and renders of unsaved files where uninstalling the extension
deletes them. A record of what was moved lets other .blend files find theirs when they are opened.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bpy

from .avatar.errors import AvatarFolderError
from .avatar.files import partial_name, read_json, write_json
from .places import AVATARS, RENDERS, unsaved_folder, user_folder
from .properties import scene_settings
from .scene.parts import FOLDER

_RECORD = "moved.json"  # {former absolute path: present one}
_SCENE_PATHS = ("directory", "performance", "render_folder", "footage")


@dataclass(frozen=True)
class LegacyFiles:
    """What uninstalling the extension would delete: avatar folders, and pictures or videos."""

    avatars: tuple[Path, ...] = ()
    renders: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """E.g. "2 avatars and 1 render"."""
        counts = ((len(self.avatars), "avatar"), (len(self.renders), "render"))
        named = [f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count]
        return " and ".join(named)

    def __len__(self) -> int:
        return len(self.avatars) + len(self.renders)


@cache
def legacy_files() -> LegacyFiles:
    """What still lies in the extension's own folder; read once, until `clear_caches`."""
    avatars = [path for path in _entries(user_folder() / AVATARS) if path.is_dir()]
    return LegacyFiles(tuple(avatars), tuple(_entries(user_folder() / RENDERS)))


def clear_caches() -> None:
    """Forget what was read from disk; for when a file was opened or something was moved."""
    legacy_files.cache_clear()
    _record.cache_clear()


def move_legacy_files() -> LegacyFiles:
    """Move all of it to the documents and let the open file's paths follow; returns what moved.

    What is there already keeps its name, the moved one gets a number. Raises AvatarFolderError
    where something cannot be moved: it is then still whole in its former place.
    """
    found = legacy_files()
    try:
        for folder, paths in ((AVATARS, found.avatars), (RENDERS, found.renders)):
            for path in paths:
                _move_recorded(path, _free_place(unsaved_folder() / folder / path.name))
    finally:
        clear_caches()
        update_moved_paths()
    return found


def update_moved_paths() -> None:
    """Let the open file's paths into folders that were moved point to where they are now."""
    moved = _record()
    if not moved:
        return
    for image in bpy.data.images:
        now = _updated_path(image.filepath, moved, image.library)
        if now and image.packed_file is None:
            image.filepath = now
        elif now:
            image.filepath_raw = now  # without reading the file in place of the packed one
    for head in bpy.data.objects:
        now = _updated_path(str(head.get(FOLDER, "")), moved, head.library)
        if now:
            head[FOLDER] = now
    for scene in bpy.data.scenes:
        settings = scene_settings(scene)
        for name in _SCENE_PATHS:
            now = _updated_path(getattr(settings, name), moved, scene.library)
            if now:
                setattr(settings, name, now)


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, without hidden files such as those of file browsers."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in entries if not path.name.startswith("."))


def _free_place(path: Path) -> Path:
    """`path`, or with the first number that makes it new."""
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
    return free


def _move_recorded(source: Path, target: Path) -> None:
    record = {str(former): str(now) for former, now in _record().items()}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Recorded first: a record of what did not happen is harmless, a move without one is not.
        write_json(unsaved_folder() / _RECORD, record | {str(source): str(target)})
        _record.cache_clear()
        _move(source, target)
    except OSError as error:
        raise AvatarFolderError(
            f"{source.name} could not be moved to {target.parent} ({error.strerror or error}).",
            "Nothing is lost. Free some space, close other programs that use it, and move again.",
        ) from error


def _move(source: Path, target: Path) -> None:
    """By renaming, or on to another disk by a whole copy before anything is deleted."""
    try:
        source.rename(target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    copy = target.with_name(partial_name())
    try:
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy)
        copy.rename(target)
    except OSError:
        _delete(copy)
        raise
    _delete(source)


def _delete(path: Path) -> None:
    """As far as it goes: what another program holds open stays."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@cache
def _record() -> Mapping[Path, Path]:
    """Former to present places; empty where nothing was moved."""
    try:
        stored = read_json(unsaved_folder() / _RECORD)
        return {Path(former): Path(now) for former, now in stored.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _updated_path(
    path: str, moved: Mapping[Path, Path], library: bpy.types.Library | None
) -> str | None:
    """Where a file's path leads now; None where it need not or cannot be changed."""
    if not path or library is not None:
        return None
    absolute = Path(os.path.normpath(bpy.path.abspath(path)))
    for former, now in moved.items():
        if absolute.is_relative_to(former) and not absolute.exists():
            return str(now / absolute.relative_to(former))
    return None
