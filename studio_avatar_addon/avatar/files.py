"""Files that appear whole or not at all, and their hashes. Standard library only."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import AvatarFolderError


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Yield `path` + ".partial" to write to; it takes the real name when the block succeeds.

    Raises AvatarFolderError where the folder is full or cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True) if partial.parent.is_dir() else None
        raise cannot_write(path, error) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def cannot_write(path: Path, error: OSError) -> AvatarFolderError:
    """The disk's refusal in the artist's words."""
    if error.errno == errno.ENOSPC:
        return AvatarFolderError(
            f"The disk is full; {path.name} could not be written to {path.parent}.",
            "Free some space or choose another output folder.",
        )
    return AvatarFolderError(
        f"{path} could not be written ({error.strerror or error}).",
        "Choose an output folder that you may write to.",
    )


def write_json(path: Path, value: Any) -> None:
    with whole_file(path) as partial:
        partial.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
