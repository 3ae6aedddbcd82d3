"""One job at a time on an avatar folder."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil

from studio_avatar_addon.avatar.errors import JobBusy
from studio_avatar_addon.avatar.files import cannot_write
from studio_avatar_addon.avatar.layout import JOBS_FOLDER

LOCK_FILE = "running.json"
WRITING_S = 2.0  # an empty lock file that is younger is being written by its owner


class AvatarLock:
    """Context: holds `jobs/running.json`. Raises JobBusy while another live process holds it."""

    def __init__(self, avatar: Path) -> None:
        self._path = avatar / JOBS_FOLDER / LOCK_FILE

    def __enter__(self) -> AvatarLock:
        own = psutil.Process()
        record = json.dumps({"pid": own.pid, "started": own.create_time()})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            for _ in range(2):
                try:
                    with self._path.open("x", encoding="utf-8") as stream:
                        stream.write(record)
                    return self
                except FileExistsError:
                    if _holder_lives(self._path):
                        break
                    self._path.unlink(missing_ok=True)  # left by a process that was killed
        except OSError as error:
            raise cannot_write(self._path, error) from error
        raise JobBusy(
            f"Another job is running on the avatar {self._path.parents[1].name}.",
            "Wait for it or cancel it, then start again.",
        )

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)


def _holder_lives(path: Path) -> bool:
    try:
        text = path.read_text("utf-8")
        if not text:  # made this moment by another job, or left by one that could not write
            return time.time() - path.stat().st_mtime < WRITING_S
        record = json.loads(text)
        return psutil.Process(record["pid"]).create_time() == record["started"]
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return False
