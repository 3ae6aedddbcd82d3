"""What a disk refused, where nothing nearer to it could tell what was to be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import FULL

REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def disk_refusal(error: Exception) -> EnvironmentProblem | None:
    """The failure to tell of; None where the error is another, or does not say which file."""
    if not isinstance(error, OSError):
        return None
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    if error.errno in FULL:
        where = f"; {path.name} could not be written to {path.parent}" if path else ""
        return EnvironmentProblem(f"The disk is full{where}.", "Free some space there.")
    if error.errno in REFUSED and path:
        return EnvironmentProblem(
            f"{path.name} in {path.parent} could not be read or written ({error.strerror}).",
            "Check that you may read and write there.",
        )
    return None
