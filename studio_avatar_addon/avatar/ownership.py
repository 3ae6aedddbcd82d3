"""Which folders and files are ours: only those are written to, changed or removed.

A folder is ours that carries our mark, and a file in it that lies where we put files of its name.
Standard library only.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import AvatarFolderError
from .files import (
    PARTIAL_NAME,
    cannot_write,
    inside,
    make_file,
    make_folder,
    read_json,
    remove_empty_folders,
    remove_file,
    remove_partial,
)
from .layout import (
    AVATAR_FILE,
    JOBS_FOLDER,
    MAPS,
    PERFORMANCES_FOLDER,
    PREVIEW_FOLDER,
    RUNS_FOLDER,
    STAGE_NAMES,
    STAGES_FOLDER,
    TEXTURE_ORIGINS,
)

MARK_FILE = ".studio_avatar"
LOCK_FILE = ".studio_avatar.lock"  # stays; that it is there says nothing
_MARK = b"This folder is Studio Avatar's: it writes here, and removes what it made.\n"
# What file browsers leave in an otherwise empty folder.
_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory"}
OWN_FOLDERS = (RUNS_FOLDER, STAGES_FOLDER, PERFORMANCES_FOLDER, PREVIEW_FOLDER, JOBS_FOLDER)

_MAP = "|".join((*MAPS, "alignment"))
_FRAME = r"(?:frame|mask)_\d+|frame_\d+_(?:labels|hair)"
_IMAGE = rf"(?:{_FRAME}|{_MAP})\.png|colours\.npz"
_SHEETS = r"(?:frames|labels|overlay|alignment|coverage|versions)\.png"
_RUN = r"runs/[0-9a-f]{16}(?:-\d+)?"
_STAGE = f"stages/(?:{'|'.join(STAGE_NAMES)})"
# Where our files lie below the avatar folder, with "/" whatever the system.
_MADE = (
    rf"{_RUN}/(?:run\.json|head\.npz|cameras\.npz)",
    rf"{_RUN}/frames/(?:{_FRAME})\.png",
    rf"{_RUN}/textures/(?:{'|'.join(TEXTURE_ORIGINS)})/(?:{_MAP})\.png",
    rf"{_RUN}/performances/[^/]+\.npz",
    rf"{_RUN}/report/(?:report\.json|{_SHEETS})",
    rf"{_STAGE}-[0-9a-f]{{16}}(?:-\d+)?/(?:stage\.json|arrays\.npz|images/(?:{_IMAGE}))",
    r"stages/fitting_memory\.npz",
)
# And where former versions put what this one has elsewhere or no longer.
_FORMER = (
    rf"{_STAGE}(?:\.json|\.npz|/(?:{_IMAGE}))",
    r"stages/solution\.npz",
    r"jobs/(?:running\.json|\d{8}T\d{6}-[0-9a-f]{6}/"
    r"(?:request\.json|events\.jsonl|cancel|backend\.log))",
)
MADE, FORMER = (re.compile("|".join(patterns)) for patterns in (_MADE, _FORMER))


def claim_folder(folder: Path) -> None:
    """Make sure that `folder` is ours to write to: new, empty, or with our mark.

    A received avatar gets the mark. Raises AvatarFolderError where it holds something else, or
    cannot be written.
    """
    try:
        make_folder(folder)
        names = {path.name for path in folder.iterdir()} - _LITTER
    except OSError as error:
        raise cannot_write(folder, error) from error
    if (folder / MARK_FILE).is_file() and not is_link(folder / MARK_FILE):
        return
    if names and not _describes_avatar(folder):
        raise AvatarFolderError(
            f"{folder} holds files that are not Studio Avatar's ({min(names)}).",
            "Choose a new or an empty folder.",
        )
    try:
        make_file(folder / MARK_FILE, _MARK)
    except FileExistsError:  # another job's, made this moment, or no file
        pass
    except OSError as error:
        raise cannot_write(folder / MARK_FILE, error) from error


def _describes_avatar(folder: Path) -> bool:
    """Does it hold an avatar's description, of whatever version?"""
    try:
        described: object = read_json(inside(folder, AVATAR_FILE))
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and {"format_version", "run", "files"} <= described.keys()


def refuse_links(folder: Path) -> None:
    """Raises AvatarFolderError where a link below an avatar folder would lead what is written or
    read out of it, or the folder cannot be looked through."""
    places = (path for name in OWN_FOLDERS for path in _everything(folder / name))
    for path in (folder / LOCK_FILE, *places):
        if is_link(path):
            raise AvatarFolderError(
                f"{path} is a link; nothing is written through it, out of the avatar folder.",
                "Put what it leads to in its place, or remove it.",
            )


def is_link(path: Path) -> bool:
    """Also a junction, Windows' link to a folder, which `Path.is_symlink` leaves out."""
    try:
        found = path.lstat()
    except OSError:
        return False
    tag = getattr(found, "st_reparse_tag", 0)
    return stat.S_ISLNK(found.st_mode) or tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def _everything(folder: Path) -> Iterator[Path]:
    """The folder and all below it; links are named, not followed. Raises AvatarFolderError."""
    waiting = [folder]  # no recursion: a stranger's folders may be nested as deep as they like
    while waiting:
        path = waiting.pop()
        yield path
        try:
            if not is_link(path) and path.is_dir():
                waiting += sorted(path.iterdir(), reverse=True)
        except OSError as error:
            raise AvatarFolderError(
                f"{path.parent} cannot be looked through ({error.strerror or error}).",
                "Remove what is not Studio Avatar's from it, or choose another folder.",
            ) from error


def sweep(folder: Path) -> None:
    """Remove what jobs that were ended left unfinished. Only for who holds the folder's lock."""
    for parent in (folder, *(folder / name for name in OWN_FOLDERS)):
        for path in sorted(parent.iterdir()) if parent.is_dir() else ():
            if is_partial(path):
                remove_partial(path)


def is_partial(path: Path) -> bool:
    # Former versions wrote a run to its 16 digits with ".partial".
    return PARTIAL_NAME.fullmatch(path.name) is not None or (
        path.parent.name == RUNS_FOLDER
        and re.fullmatch(r"[0-9a-f]{16}\.partial", path.name) is not None
    )


def made_files(root: Path, folder: Path) -> list[Path]:
    """What we made in `folder`, which lies below the avatar folder `root`; links are not ours."""
    return [path for path in _everything(folder) if _is_file_of(root, path, MADE, FORMER)]


def former_files(root: Path) -> list[Path]:
    """What only former versions made in the avatar folder `root`."""
    folders = (root / STAGES_FOLDER, root / JOBS_FOLDER)
    found = (path for folder in folders for path in _everything(folder))
    return [path for path in found if _is_file_of(root, path, FORMER)]


def _is_file_of(root: Path, path: Path, *patterns: re.Pattern[str]) -> bool:
    place = path.relative_to(root).as_posix()
    made = any(pattern.fullmatch(place) for pattern in patterns)
    return made and path.is_file() and not is_link(path)


def remove_files(root: Path, files: Iterable[Path]) -> None:
    """Remove files below the avatar folder `root`, and the folders that are empty then.

    Raises AvatarFolderError where one cannot be removed.
    """
    for path in files:
        try:
            remove_file(path)
            remove_empty_folders(path.parent, root)
        except OSError as error:
            raise cannot_write(path, error) from error


def remove_made(root: Path, folder: Path) -> None:
    """What we made in `folder`, which lies below the avatar folder `root`. Raises likewise."""
    remove_files(root, made_files(root, folder))
