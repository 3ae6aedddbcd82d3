"""The job folder: request, events and cancel file, as both processes read and write them.

    jobs/<utc>-<id>/request.json    written by whoever asks
                    events.jsonl    one event a line, appended by the backend
                    cancel          created to ask for the end
                    backend.log     the backend's stdout and stderr

`hello` comes first; exactly one of `done`, `failed`, `cancelled` ends a job. Unknown fields are
ignored, so that newer sides can add some; an unknown event is an error.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, cast

from .errors import JobError, ProtocolMismatch
from .files import cannot_write, write_json

PROTOCOL = 1

REQUEST_FILE = "request.json"
EVENTS_FILE = "events.jsonl"
CANCEL_FILE = "cancel"
LOG_FILE = "backend.log"


@dataclass(frozen=True)
class Request:
    """What the backend shall do: a command of its command line and that command's arguments."""

    command: str
    arguments: Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Hello:
    """First sign of life, before heavy imports. `format`: avatar folder format it writes."""

    name: ClassVar[str] = "hello"
    protocol: int
    format: int
    backend: str
    pid: int


@dataclass(frozen=True)
class Stage:
    """A stage begins. `index` counts from 0; the first one's message names the device and why."""

    name: ClassVar[str] = "stage"
    stage: str
    index: int
    count: int
    message: str = ""


@dataclass(frozen=True)
class StageProgress:
    """Work within a stage, at most 10 a second. `eta_s`: seconds left in it, None if unknown."""

    name: ClassVar[str] = "progress"
    stage: str
    done: float
    total: float
    message: str = ""
    eta_s: float | None = None


@dataclass(frozen=True)
class Warned:
    """A finding that the artist should see; the job goes on."""

    name: ClassVar[str] = "warning"
    code: str
    message: str


@dataclass(frozen=True)
class Done:
    """The job's end. `result`: paths and figures, as the command defines them."""

    name: ClassVar[str] = "done"
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Failed:
    """A known failure (`kind` names the class of the error tree) or a bug ("Bug")."""

    name: ClassVar[str] = "failed"
    kind: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Cancelled:
    name: ClassVar[str] = "cancelled"
    stage: str = ""


Event = Hello | Stage | StageProgress | Warned | Done | Failed | Cancelled
_EVENT_TYPES: dict[str, type[Event]] = {
    kind.name: kind for kind in (Hello, Stage, StageProgress, Warned, Done, Failed, Cancelled)
}


def event_line(event: Event) -> str:
    """One line of `events.jsonl`, newline included."""
    return json.dumps({"event": event.name, **asdict(event)}, ensure_ascii=False) + "\n"


def parse_event(line: str) -> Event:
    """Read one line. Raises ProtocolMismatch for another protocol, JobError for garbage."""
    try:
        loaded: object = json.loads(line)
    except ValueError:
        loaded = None
    values = cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else {}
    kind = _EVENT_TYPES.get(str(values.get("event")))
    if kind is None:
        raise JobError(
            f"The backend wrote something that is no event: {line.strip()[:120]!r}.",
            "Update the add-on and its backend to the same version.",
        )
    if kind is Hello and values.get("protocol") != PROTOCOL:
        raise protocol_mismatch(values.get("protocol"), theirs="backend", ours="add-on")
    known = {f.name for f in fields(kind)}
    try:
        return kind(**{key: value for key, value in values.items() if key in known})
    except TypeError as error:
        raise JobError(
            f"The backend's {kind.name} event lacks a field ({error}).",
            "Update the add-on and its backend to the same version.",
        ) from error


def protocol_mismatch(found: object, *, theirs: str, ours: str) -> ProtocolMismatch:
    """Say which of the two sides is the older one."""
    older = theirs if isinstance(found, int) and found < PROTOCOL else ours
    return ProtocolMismatch(
        f"The {theirs} speaks job protocol {found}, the {ours} protocol {PROTOCOL}.",
        f"Update the {older}.",
    )


def new_job_folder(jobs: Path, request: Request) -> Path:
    """Make `jobs/<utc>-<id>/` with its request. Raises AvatarFolderError if it can't be written."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = jobs / f"{stamp}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(jobs, error) from error
    write_json(folder / REQUEST_FILE, {"protocol": PROTOCOL, **asdict(request)})
    return folder


def read_request(job: Path) -> Request:
    """Raises ProtocolMismatch, or JobError where the folder holds no readable request."""
    try:
        loaded: object = json.loads((job / REQUEST_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise JobError(
            f"The job folder {job} holds no readable request ({error}).", "Start the job again."
        ) from error
    values = cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else {}
    if values.get("protocol") != PROTOCOL:
        raise protocol_mismatch(values.get("protocol"), theirs="add-on", ours="backend")
    return Request(str(values.get("command")), values.get("arguments") or {})
