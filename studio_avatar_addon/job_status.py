"""A job's events in, how far it is out: for a running job and for the record of an old one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .avatar.files import open_regular
from .avatar.job import (
    EVENTS_FILE,
    Cancelled,
    Done,
    Event,
    Failed,
    Hello,
    Stage,
    StageProgress,
    Warned,
    parse_event,
)

NO_NEWS_S = 60.0  # without an event, after which the panel says so
READ_LIMIT = 1 << 14  # bytes looked at in one read, some 100 events
PARSE_BUDGET_S = 0.002  # of Blender's main thread; what is left over waits for the next read


@dataclass(frozen=True)
class JobStatus:
    """How far a job is. `done` of `total` belongs to the current stage; `final` ends the job."""

    started: bool = False  # the backend said hello
    stage: str = ""
    stage_index: int = 0
    stage_count: int = 0
    done: float = 0.0
    total: float = 0.0
    message: str = ""
    eta_s: float | None = None  # seconds left in the stage
    device: str = ""  # the first stage's message: the device and why
    warnings: tuple[Warned, ...] = ()
    final: Done | Failed | Cancelled | None = None
    finished: bool = False  # the process is gone as well
    quiet_s: float = 0.0  # since the last event

    @property
    def fraction(self) -> float:
        """Share of the whole job in [0, 1], every stage counting alike."""
        if not self.stage_count:
            return 0.0
        within = min(self.done / self.total, 1.0) if self.total > 0 else 0.0
        return (self.stage_index + within) / self.stage_count

    @property
    def no_news(self) -> bool:
        return self.quiet_s > NO_NEWS_S

    @property
    def result(self) -> Mapping[str, Any]:
        return self.final.result if isinstance(self.final, Done) else {}

    def after(self, event: Event) -> JobStatus:
        """The status once `event` has happened."""
        match event:
            case Hello():
                return replace(self, started=True)
            case Stage():
                return replace(
                    self,
                    stage=event.stage,
                    stage_index=event.index,
                    stage_count=event.count,
                    done=0.0,
                    total=0.0,
                    message=event.message,
                    eta_s=None,
                    device=self.device or event.message,
                )
            case StageProgress():
                return replace(
                    self,
                    done=event.done,
                    total=event.total,
                    message=event.message,
                    eta_s=event.eta_s,
                )
            case Warned():
                return replace(self, warnings=(*self.warnings, event))
            case Done() | Failed() | Cancelled():
                return replace(self, final=event, eta_s=None)


class EventReader:
    """Reads `events.jsonl` from where it stopped to the last whole line."""

    def __init__(self, job: Path) -> None:
        self._path = job / EVENTS_FILE
        self._offset = 0

    def read(self) -> tuple[Event, ...]:
        """The next events, as many as a few milliseconds allow; () when there are none.

        Raises JobError for a line that is no event, ProtocolMismatch for another protocol.
        """
        try:
            with open_regular(self._path) as stream:
                stream.seek(self._offset)
                text = stream.read(READ_LIMIT)
                if b"\n" not in text:
                    text += stream.readline()
        except OSError:
            # Not there yet, or held by a virus scanner: the next poll tries again.
            return ()
        events: list[Event] = []
        enough = time.perf_counter() + PARSE_BUDGET_S
        for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True):
            events.append(parse_event(line.decode("utf-8", "replace")))
            self._offset += len(line)
            if time.perf_counter() > enough:
                break
        return tuple(events)


def read_record(job: Path) -> JobStatus:
    """What a job's folder alone tells of it; `final` is None where the job was interrupted.

    Raises JobError or ProtocolMismatch as `EventReader.read` does.
    """
    status = JobStatus(finished=True)
    reader = EventReader(job)
    while events := reader.read():
        for event in events:
            status = status.after(event)
    return status
