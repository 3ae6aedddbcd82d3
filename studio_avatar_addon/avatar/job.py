"""The job folder: request, events and cancel file, as both processes read and write them.

    <cache>/jobs/
      <utc>-<id>/request.json  {"protocol": 1, "command": "create", "arguments": {…}}
                 events.jsonl  one event a line, appended by the backend
                 cancel        created by the add-on to ask for the end
                 backend.log   the backend's stdout and stderr, where the add-on started it

It holds paths of this machine, so that it lies in the cache and not in an avatar, which may be
given away. A new one removes those that are older than KEPT_DAYS.

`hello` comes first; exactly one of `done`, `failed`, `cancelled` ends a job whose folder can be
written. Unknown fields are ignored, so that newer sides can add some; an unknown event is an
error. Another protocol is refused by whichever side reads it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

from .errors import EnvironmentProblem, JobError, ProtocolMismatch
from .files import json_bytes, read_json

PROTOCOL = 1  # changes when one side would misread what an older other side writes

REQUEST_FILE = "request.json"
EVENTS_FILE = "events.jsonl"
CANCEL_FILE = "cancel"
LOG_FILE = "backend.log"

KEPT_DAYS = 30.0  # long enough to report what went wrong
_STAMP = "%Y%m%dT%H%M%S"
_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")


@dataclass(frozen=True)
class Request:
    """What the backend shall do: a command (`backend.cli.commands.COMMANDS`) and its arguments.

    They have the names of the command line's options; their values are what JSON can hold. The
    backend refuses an unknown command, and an argument that is missing or of the wrong kind.
    """

    command: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Hello:
    """First sign of life, before heavy imports.

    `format`: of the avatar folders that this backend writes; `backend`: its version.
    """

    name: ClassVar[str] = "hello"
    protocol: int
    format: int
    backend: str
    pid: int


@dataclass(frozen=True)
class Stage:
    """A step of the command begins. `index` counts from 0, up to `count` - 1.

    The first one's message names the device and why, where the command uses one.
    """

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
    """The job ended because it was asked to."""

    name: ClassVar[str] = "cancelled"


Event = Hello | Stage | StageProgress | Warned | Done | Failed | Cancelled
_EVENT_TYPES: dict[str, type[Event]] = {
    kind.name: kind for kind in (Hello, Stage, StageProgress, Warned, Done, Failed, Cancelled)
}


def event_line(event: Event) -> bytes:
    """One line of `events.jsonl`, newline included."""
    return json_bytes({"event": event.name, **asdict(event)})


def parse_event(line: str) -> Event:
    """Read one line. Raises ProtocolMismatch for another protocol, JobError for garbage."""
    try:
        loaded: object = json.loads(line)
    except (ValueError, RecursionError):
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
    field_names = {f.name for f in fields(kind)}
    try:
        return kind(**{key: value for key, value in values.items() if key in field_names})
    except TypeError as error:
        raise JobError(
            f"The backend's {kind.name} event lacks a field ({error}).",
            "Update the add-on and its backend to the same version.",
        ) from error


def protocol_mismatch(found: object, *, theirs: str, ours: str) -> ProtocolMismatch:
    """`found` is what the other side named as its protocol. Says which side is the older one."""
    if not isinstance(found, int):
        return ProtocolMismatch(
            f"The {theirs} names no job protocol; the {ours} speaks protocol {PROTOCOL}.",
            "Update the add-on and its backend to the same version.",
        )
    older = theirs if found < PROTOCOL else ours
    return ProtocolMismatch(
        f"The {theirs} speaks job protocol {found}, the {ours} protocol {PROTOCOL}.",
        f"Update the {older}.",
    )


def new_job_folder(jobs: Path, request: Request) -> Path:
    """Make `jobs/<utc>-<id>/` with its request.

    Raises EnvironmentProblem where it cannot be written.
    """
    now = datetime.now(UTC)
    folder = jobs / f"{now.strftime(_STAMP)}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True)
        _remove_before(jobs, (now - timedelta(days=KEPT_DAYS)).strftime(_STAMP))
        text = json.dumps({"protocol": PROTOCOL, **asdict(request)}, indent=1)
        (folder / REQUEST_FILE).write_text(text, "utf-8")
    except OSError as error:
        raise cannot_write_job(folder, error) from error
    return folder


def is_job_name(name: str) -> bool:
    """Is it one that `new_job_folder` gives?"""
    return _NAME.fullmatch(name) is not None


def cannot_write_job(job: Path, error: OSError) -> EnvironmentProblem:
    """What the disk refused, for a folder `jobs/<utc>-<id>` of the cache."""
    return EnvironmentProblem(
        f"The cache folder {job.parents[1]} cannot be written ({error.strerror or error}).",
        "Free some space there, or choose another cache folder in the extension's preferences.",
    )


def _remove_before(jobs: Path, stamp: str) -> None:
    """Our own files of older jobs, as far as it goes; what else lies there keeps its folder."""
    for folder in jobs.iterdir():
        if is_job_name(folder.name) and folder.name < stamp and not folder.is_symlink():
            with suppress(OSError):
                for name in (REQUEST_FILE, EVENTS_FILE, CANCEL_FILE, LOG_FILE):
                    (folder / name).unlink(missing_ok=True)
                folder.rmdir()


def read_request(job: Path) -> Request:
    """Raises ProtocolMismatch, or JobError where the folder holds no readable request."""
    try:
        loaded: object = read_json(job / REQUEST_FILE)
    except (OSError, ValueError) as error:
        raise JobError(
            f"The job folder {job} holds no readable request ({error}).", "Start the job again."
        ) from error
    values = cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else {}
    if values.get("protocol") != PROTOCOL:
        raise protocol_mismatch(values.get("protocol"), theirs="add-on", ours="backend")
    arguments = values.get("arguments")
    if not isinstance(arguments, dict):
        raise JobError(f"The request in {job} holds no arguments by name.", "Start the job again.")
    return Request(str(values.get("command")), cast("dict[str, Any]", arguments))
