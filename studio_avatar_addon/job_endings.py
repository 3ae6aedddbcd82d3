"""How a job ended badly: the backend's last event or its exit in, an error with its remedy out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .avatar.errors import BackendCrashed, JobCancelled, JobError, StudioAvatarError
from .avatar.files import open_regular
from .avatar.job import Failed

LOG_TAIL_LINES = 20  # enough for a traceback's end, and to be pasted into a report
_LOG_TAIL_BYTES = 1 << 13  # read from the end, however large the log

CHOOSE_INTERPRETER = (
    "Choose a Python 3.11 or 3.12 with the backend's packages in the extension's preferences "
    "and press Check System there."
)


@dataclass(frozen=True)
class KnownEnding:
    """`exit_codes` or `log_pattern` tell it apart; `problem` may hold the pattern's group {0}."""

    problem: str
    remedy: str
    exit_codes: tuple[int, ...] = ()
    log_pattern: str | None = None


# Windows reports its NTSTATUS codes as unsigned numbers; a shell adds 128 to the signal's number.
KNOWN_ENDINGS = (
    KnownEnding(
        "The backend's Python interpreter lacks the package {0}.",
        CHOOSE_INTERPRETER,
        log_pattern=r"No module named '(?!backend|studio_avatar_addon)([\w.]+)'",
    ),
    KnownEnding(
        "The backend's files are not where the extension expects them.",
        "Install the extension again.",
        log_pattern=r"No module named '?(?:backend|studio_avatar_addon)",
    ),
    KnownEnding(
        "The graphics memory did not suffice.",
        "Choose a lower quality, or the device CPU in the extension's preferences.",
        log_pattern=r"(?i)(?:cuda|mps|xpu|hip)\S* (?:error: )?out of memory|OutOfMemoryError",
    ),
    KnownEnding(
        "The graphics driver does not work with the backend.",
        "Update the driver, or choose the device CPU in the extension's preferences.",
        log_pattern=r"(?i)no nvidia driver|driver version is insufficient|no kernel image",
    ),
    KnownEnding(
        "The backend's weights are missing or damaged.",
        "Install the extension again.",
        log_pattern=r"No such file or directory: '[^']*\.safetensors'|SafetensorError",
    ),
    KnownEnding(
        "The output folder's disk is full, or the folder is gone.",
        "Free some space or choose another output folder, then start again.",
        exit_codes=(4,),
        log_pattern=r"No space left on device|disk is full",
    ),
    KnownEnding(
        "The computer ran out of memory.",
        "Close other programs or choose a lower quality.",
        exit_codes=(0xC0000017,),
        log_pattern=r"MemoryError|Cannot allocate memory|bad_alloc",
    ),
    KnownEnding(
        "The system killed the backend, most often because memory ran out.",
        "Close other programs or choose a lower quality, then start again.",
        exit_codes=(-9, 137),
    ),
    KnownEnding(
        "A native library of the backend crashed.",
        "Update the graphics driver, or choose the device CPU in the extension's preferences.",
        exit_codes=(-11, -6, -4, 139, 134, 132, 0xC0000005, 0xC000001D),
    ),
)


def failure(event: Failed) -> StudioAvatarError:
    """The error that the backend met, of its own class where that takes two sentences."""
    for kind in _error_kinds(StudioAvatarError):
        if kind.__name__ == event.kind and kind not in (BackendCrashed, JobCancelled):
            return kind(event.problem, event.remedy)
    return JobError(event.problem, event.remedy)


def crash(
    exit_code: int, stage: str, log: Path, python: Path, *, said_hello: bool
) -> BackendCrashed:
    """The error for an exit without a final event; known endings become advice."""
    log_tail = tail(log)
    problem, remedy = (
        _known_ending(exit_code, log_tail)
        or (None if said_hello else _never_started(exit_code, python))
        or (
            f"The backend ended unexpectedly (exit code {exit_code}).",
            f"Start it again; if it ends again, report it with the file {log}.",
        )
    )
    where = f" It was in the stage {stage.replace('_', ' ')}." if stage else ""
    return BackendCrashed(
        problem + where, remedy, exit_code=exit_code, stage=stage, log_tail=log_tail
    )


def tail(log: Path) -> str:
    """The last lines of a log, "" where there is none."""
    try:
        with open_regular(log) as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])


def _known_ending(exit_code: int, log_tail: str) -> tuple[str, str] | None:
    for ending in KNOWN_ENDINGS:
        found = re.search(ending.log_pattern, log_tail) if ending.log_pattern else None
        if found or exit_code in ending.exit_codes:
            return ending.problem.format(*(found.groups() if found else ())), ending.remedy
    return None


def _never_started(exit_code: int, python: Path) -> tuple[str, str]:
    return (
        f"The interpreter {python} cannot run the backend (exit code {exit_code}).",
        CHOOSE_INTERPRETER,
    )


def _error_kinds(kind: type[StudioAvatarError]) -> Iterator[type[StudioAvatarError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _error_kinds(child)
