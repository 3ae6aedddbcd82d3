"""Appends events to a job's `events.jsonl`. Standard library only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from studio_avatar_addon.avatar.job import EVENTS_FILE, Event, event_line


class EventLog:
    """`echo` shows each event to whoever sits at the terminal."""

    def __init__(self, job: Path, echo: Callable[[Event], None] | None = None) -> None:
        self._path = job / EVENTS_FILE
        self._echo = echo

    def write(self, event: Event) -> None:
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(event_line(event))
        if self._echo:
            self._echo(event)
