"""Appends events to a job's `events.jsonl`. Standard library only."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from studio_avatar_addon.avatar.files import cannot_write
from studio_avatar_addon.avatar.job import EVENTS_FILE, Event, event_line


class EventLog:
    """`echo` shows each event to whoever sits at the terminal."""

    def __init__(self, job: Path, echo: Callable[[Event], None] | None = None) -> None:
        self._path = job / EVENTS_FILE
        self._echo = echo

    def write(self, event: Event) -> None:
        """Raises AvatarFolderError where the disk is full or the job's folder gone."""
        line = event_line(event)
        try:
            with self._path.open("ab", buffering=0) as stream:
                end = stream.tell()
                if stream.write(line) < len(line):
                    stream.truncate(end)  # half a line would spoil the next one
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise cannot_write(self._path, error) from error
        if self._echo:
            self._echo(event)
