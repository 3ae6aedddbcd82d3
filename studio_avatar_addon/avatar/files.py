"""Reading only what is a file, and writing files that appear whole or not at all.

Every change that the product makes to an avatar folder goes through this module, and is announced
to `watch_changes` before it is made: so that the fault benchmark can end the process, or refuse the
change, at each of them. Standard library only.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from .errors import AvatarFolderError

JSON_LIMIT_BYTES = 16 << 20  # forty times the largest description of an avatar seen
FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk, or what its user may have of it
# Names of what is not finished: random, so that nobody can lay something in their place, and no
# file of anybody else's is taken for one.
PARTIAL_NAME = re.compile(r"studio_avatar_[0-9a-f]{16}\.partial")
_COPIED_AT_ONCE_BYTES = 1 << 20

_watcher: Callable[[str, Path], None] | None = None


def watch_changes(watcher: Callable[[str, Path], None] | None) -> None:
    """Call `watcher` with the kind and the path of each change to come; None ends it."""
    global _watcher
    _watcher = watcher


def _announce(change: str, path: Path) -> None:
    if _watcher is not None:
        _watcher(change, path)


# Reading


@contextmanager
def open_regular(path: Path) -> Generator[BufferedReader]:
    """A file for reading. Raises OSError as `open`, and for what is none: a pipe would hang."""
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        yield stream


def inside(folder: Path, relative: str) -> Path:
    """The path of what a file says lies in `folder`.

    Raises ValueError where it leads out of it, by its words or by a link, or nowhere.
    """
    path = folder / relative
    try:
        stays = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # too long; links in a circle
        raise ValueError(str(error)) from error
    if not stays:
        raise ValueError(f"{relative} leads out of {folder.name}")
    return path


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """A regular file's content. Raises OSError, or ValueError where it is beyond `limit` bytes."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if limit is not None and size > limit:
            raise ValueError(f"it has {size / 1e6:.0f} MB, more than the {limit / 1e6:.0f} allowed")
        return stream.read()


def read_json(path: Path) -> Any:
    """A JSON file's value.

    Raises OSError, or ValueError where it is no JSON, too large or too deeply nested.
    """
    text = read_bytes(path, JSON_LIMIT_BYTES).decode("utf-8")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def sha256_file(path: Path) -> str:
    """Raises OSError as `open_regular`."""
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# Writing


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Yield a new, empty file beside `path` to write to; it takes the name when the block succeeds.

    A link of that name is replaced, never followed. Raises AvatarFolderError where the folder is
    full or cannot be written.
    """
    partial = path.with_name(partial_name())
    try:
        make_folder(path.parent)
        _announce("write", path)
        no_follow = getattr(os, "O_NOFOLLOW", 0)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | no_follow, 0o666))
        yield partial
        _announce("replace", path)
        partial.replace(path)
    except OSError as error:
        _forget(partial)
        raise cannot_write(path, error) from error
    except BaseException:
        _forget(partial)
        raise


def partial_name() -> str:
    """For what is to get its name once it is finished (PARTIAL_NAME)."""
    return f"studio_avatar_{secrets.token_hex(8)}.partial"


def _forget(partial: Path) -> None:
    with suppress(OSError):
        partial.unlink(missing_ok=True)


def make_file(path: Path, content: bytes) -> None:
    """A small new file. Raises OSError, FileExistsError where there is something of that name."""
    _announce("write", path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb") as stream:
        stream.write(content)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Raises AvatarFolderError as `whole_file`."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Raises AvatarFolderError as `whole_file`."""
    write_bytes(path, json_bytes(value, indent=1))


def json_bytes(value: Any, indent: int | None = None) -> bytes:
    """JSON and a line's end. Half characters, as file names may hold them, become escapes."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def copy_file(source: Path, target: Path) -> None:
    """Raises AvatarFolderError as `whole_file`, also where `source` cannot be read."""
    with whole_file(target) as partial, open_regular(source) as stored, partial.open("wb") as copy:
        shutil.copyfileobj(stored, copy, _COPIED_AT_ONCE_BYTES)


def make_folder(path: Path) -> None:
    """With its parents; one that is there is kept. Raises OSError."""
    if not path.is_dir():
        _announce("make", path)
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def whole_folder(path: Path) -> Generator[Path]:
    """Yield a new, empty folder beside `path`; it takes the name when the block succeeds.

    Raises AvatarFolderError where `path` is there already, or the folder cannot be made or named.
    What the block raises stays as it is.
    """
    partial = path.with_name(partial_name())
    try:
        make_folder(path.parent)
        _announce("make", partial)
        partial.mkdir()
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield partial
        _name_folder(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _name_folder(partial: Path, path: Path) -> None:
    try:
        _announce("rename", path)
        if path.exists():  # POSIX would put it in the place of an empty folder
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        partial.rename(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def flush_files(paths: Iterable[Path]) -> None:
    """Have the system write them to the disk before what refers to them.

    Raises AvatarFolderError where it cannot.
    """
    for path in paths:
        try:
            _announce("flush", path)
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
        except OSError as error:
            raise cannot_write(path, error) from error


def remove_file(path: Path) -> None:
    """A link is removed, not what it leads to. Raises OSError, none where it is gone already."""
    _announce("remove", path)
    path.unlink(missing_ok=True)


def remove_empty_folders(folder: Path, root: Path) -> None:
    """`folder` and those above it, up to but without `root`, as far as nothing lies in them."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        _announce("remove", folder)
        folder.rmdir()
        folder = folder.parent


def remove_partial(path: Path) -> None:
    """What a process that was ended left of `whole_file` or `whole_folder`, as far as it goes."""
    _announce("remove", path)
    if path.is_dir() and not path.is_symlink():
        with suppress(RecursionError):  # a stranger's folders, nested too deep
            shutil.rmtree(path, ignore_errors=True)
    else:
        _forget(path)


def cannot_write(path: Path, error: OSError) -> AvatarFolderError:
    """The disk's refusal in the artist's words."""
    if error.errno in FULL:
        return AvatarFolderError(
            f"The disk is full; {path.name} could not be written to {path.parent}.",
            "Free some space or choose another output folder.",
        )
    return AvatarFolderError(
        f"{path} could not be written ({error.strerror or error}).",
        "Choose an output folder that you may write to.",
    )
