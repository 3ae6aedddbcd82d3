"""One job at a time on an avatar folder: by a lock of the system, which ends with its holder."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from studio_avatar_addon.avatar.errors import AvatarFolderError, JobBusy
from studio_avatar_addon.avatar.files import cannot_write
from studio_avatar_addon.avatar.ownership import LOCK_FILE, claim_folder, refuse_links, sweep


@contextmanager
def held_avatar(avatar: Path) -> Generator[None]:
    """Hold a folder, made where there is none, and rid it of what ended jobs left unfinished.

    Raises JobBusy while another process holds it, AvatarFolderError where it is not ours to write
    to or cannot be.
    """
    claim_folder(avatar)
    refuse_links(avatar)
    # A soft lock, a file that must be removed, would outlive a process that is killed.
    lock = FileLock(avatar / LOCK_FILE, timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise JobBusy(
            f"Another job is running on the avatar {avatar.name}.",
            "Wait for it or cancel it, then start again.",
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSYS:
            raise _no_locks(avatar) from error
        raise cannot_write(avatar / LOCK_FILE, error) from error
    try:
        sweep(avatar)
        yield
    finally:
        lock.release()


def _no_locks(avatar: Path) -> AvatarFolderError:
    return AvatarFolderError(
        f"The disk of {avatar} knows no locks, so that two jobs could mix their results.",
        "Choose an output folder on another disk.",
    )
