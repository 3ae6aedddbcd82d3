"""The machine code that numba keeps between runs: none is loaded that is not what a run left.

numba looks at neither length nor content of its files: one that is cut short fails in every run,
and a flipped bit in machine code may do anything. So what a run left is listed with its hashes.
What differs is removed before the next one; numba compiles it again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import FULL, read_json, sha256_file, write_json

from .cache_folder import cache_folder

VARIABLE = "NUMBA_CACHE_DIR"  # numba reads it when it is imported
MANIFEST = "hashes.json"
MIN_FREE_BYTES = 50 << 20  # thirty times what is kept: others write to that disk, too
# <function>.nbi tells which file holds the code for which types, <function>.<number>.nbc is such.
FUNCTION = re.compile(r"(.+?)(?:\.\d+\.nbc|\.nbi)")


def kernel_folder() -> Path:
    """The one that the add-on names, or else the user's."""
    return Path(os.environ.get(VARIABLE) or cache_folder() / "numba")


@contextmanager
def checked_kernels(folder: Path, warn: Callable[[str], None]) -> Generator[None]:
    """Let numba, not imported yet, keep what it compiles in `folder` while the block runs.

    Where it cannot, a temporary folder serves this run, and `warn` gets a sentence with what to do.
    Raises OSError where there is no temporary folder either.
    """
    sound = _sound_files(folder)
    try:
        _require_space(folder)
        for path in set(_files(folder)) - sound.keys():
            path.unlink(missing_ok=True)
    except OSError as error:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as substitute:
            _copy(sound, folder, Path(substitute))
            warn(_cannot_keep(folder, error))
            with _environment(substitute):
                yield
        return
    try:
        with _environment(str(folder)):
            yield
    finally:
        _write_manifest(folder)


@contextmanager
def _environment(folder: str) -> Generator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = folder
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before


def _files(folder: Path) -> Iterable[Path]:
    # Unfinished files have other names and are never loaded; another job may be writing them.
    return folder.glob("*/*.nb[ci]")


def _hashes(paths: Iterable[Path]) -> dict[Path, str]:
    hashes: dict[Path, str] = {}
    for path in paths:
        with suppress(OSError):  # another job removed it, or it is no file
            hashes[path] = sha256_file(path)
    return hashes


def _functions(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Files by the function that they belong to."""
    groups: dict[Path, list[Path]] = {}
    for path in paths:
        if found := FUNCTION.fullmatch(path.name):
            groups.setdefault(path.with_name(found[1]), []).append(path)
    return groups


def _sound_files(folder: Path) -> dict[Path, str]:
    """The hashes of those that a run left; without a function's others none of its files is."""
    listed = _read_manifest(folder)
    hashes = _hashes(_files(folder))
    return {
        path: hashes[path]
        for group in _functions({*listed, *hashes}).values()
        if all(path in hashes and listed.get(path) == hashes[path] for path in group)
        for path in group
    }


def _read_manifest(folder: Path) -> dict[Path, str]:
    """Nothing where there is none that can be used: all is compiled again."""
    try:
        return {folder / name: str(digest) for name, digest in read_json(folder / MANIFEST).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write_manifest(folder: Path) -> None:
    with suppress(OSError, AvatarFolderError):  # without it, all is compiled again
        groups = _functions(_files(folder)).values()
        hashes = _hashes(path for group in groups if _is_complete(group) for path in group)
        if hashes != _read_manifest(folder):
            names = {path.relative_to(folder).as_posix(): digest for path, digest in hashes.items()}
            write_json(folder / MANIFEST, names)


def _is_complete(group: list[Path]) -> bool:
    """numba writes the index first: with no code as young, writing that failed, and the index may
    name what an earlier source was compiled to."""
    indices = [path.stat().st_mtime_ns for path in group if path.suffix == ".nbi"]
    codes = [path.stat().st_mtime_ns for path in group if path.suffix == ".nbc"]
    return bool(indices and codes) and max(codes) >= max(indices)


def _require_space(folder: Path) -> None:
    """Raises OSError where numba could not write, which would make it look for other folders."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        tempfile.TemporaryFile(dir=place).close()


def _copy(files: Iterable[Path], folder: Path, target: Path) -> None:
    for path in files:
        with suppress(OSError):  # it is compiled, then
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)


def _cannot_keep(folder: Path, error: OSError) -> str:
    if error.errno in FULL:
        reason, remedy = "the disk is full", "Free some space there"
    else:
        reason, remedy = error.strerror or str(error), "Make it a folder that you may write to"
    return (
        f"Compiled code cannot be kept in {folder} ({reason}), so that each run starts up to a "
        f"minute later. {remedy} to keep it."
    )
