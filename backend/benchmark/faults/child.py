"""Runs a command of the backend in a forked process, and does something to it on the way.

POSIX only: a fork has Torch loaded already, so that a thousand runs take minutes. What is done
happens at the n-th change that the file layer announces, or at the n-th progress call.
"""

from __future__ import annotations

import errno
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio_avatar_addon.avatar.files import watch_changes
from studio_avatar_addon.avatar.job import EVENTS_FILE
from studio_avatar_addon.avatar.layout import JOBS_FOLDER

from ...job.cache_folder import cache_folder
from ...job.reporter import Reporter

BACKEND = __name__.rpartition(".benchmark.")[0]
# What can happen at a change, or at a progress call.
KILL, FULL_DISK, PAUSE, CANCEL = "kill", "full disk", "pause", "cancel"
_TAKES_NO_SPACE = ("remove",)  # changes that a full disk allows


@dataclass(frozen=True)
class Fault:
    """`kind` happens at change or progress call number `at`, from 1 on; a disk stays full."""

    kind: str
    at: int


@dataclass(frozen=True)
class Ending:
    """How a run ended: the last event, its text, and whether it is one that can be shown."""

    status: int  # exit status; negative: the signal that ended it
    event: Mapping[str, Any]
    is_bug: bool
    changes: int
    progress_calls: int


class Run:
    """A forked process at its work."""

    def __init__(
        self, arguments: list[str], log: Path, fault: Fault | None, patch: Callable[[], None]
    ) -> None:
        self._log = log
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            _work(arguments, log, fault, patch)

    def wait_for_pause(self) -> bool:
        """True when it has paused; False when it ended before."""
        _, status = os.waitpid(self._pid, os.WUNTRACED)
        self._status = status
        return os.WIFSTOPPED(status)

    def go_on(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def ending(self, *, ended: bool = False) -> Ending:
        """Waits for it; `ended`: it is known to have ended."""
        if not ended:
            _, self._status = os.waitpid(self._pid, 0)
        status = os.waitstatus_to_exitcode(self._status)
        events = _events(self._pid)
        last = events[-1] if events else {}
        counts = _counts(self._log)
        traced = "Traceback" in self._log.read_text("utf-8", "replace")
        finals = sum(event["event"] in ("done", "failed", "cancelled") for event in events)
        is_bug = last.get("kind") == "Bug" or traced or (status >= 0 and finals != 1)
        return Ending(status, last, is_bug, *counts)


def _events(pid: int) -> list[dict[str, Any]]:
    """Of the job that the process ran."""
    for path in (cache_folder() / JOBS_FOLDER).glob(f"*/{EVENTS_FILE}"):
        events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        if events and events[0]["pid"] == pid:
            return events
    return []


def _counts(log: Path) -> tuple[int, int]:
    path = log.with_suffix(".counts")
    changes, calls = path.read_text().split() if path.is_file() else ("0", "0")
    path.unlink(missing_ok=True)
    return int(changes), int(calls)


def _work(arguments: list[str], log: Path, fault: Fault | None, patch: Callable[[], None]) -> None:
    """The forked process; never returns."""
    status = 3
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(output, 1)
        os.dup2(output, 2)
        patch()
        counter = _Counter(fault)
        status = _run_backend(arguments)
        log.with_suffix(".counts").write_text(f"{counter.changes} {counter.calls}")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run_backend(arguments: list[str]) -> int:
    """As `python -m backend` does: the command line lies above this room."""
    sys.argv = [BACKEND, *arguments]
    try:
        runpy.run_module(BACKEND, run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


class _Counter:
    """Counts changes and progress calls, and lets the fault happen."""

    def __init__(self, fault: Fault | None) -> None:
        self.changes = self.calls = 0
        self._fault = fault
        watch_changes(self._on_change)
        check_cancelled = Reporter.check_cancelled

        def counted(reporter: Reporter) -> None:
            self.calls += 1
            if fault == Fault(CANCEL, self.calls):
                reporter.cancel_file.touch()
            check_cancelled(reporter)

        setattr(Reporter, "check_cancelled", counted)  # noqa: B010

    def _on_change(self, change: str, path: Path) -> None:
        if cache_folder() in path.parents:
            return  # the job's own files; what is about the avatar is measured
        self.changes += 1
        if self._fault is None or self._fault.kind == CANCEL:
            return
        if self._fault.kind == FULL_DISK:
            if self.changes >= self._fault.at and change not in _TAKES_NO_SPACE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        elif self.changes == self._fault.at:
            os.kill(os.getpid(), signal.SIGKILL if self._fault.kind == KILL else signal.SIGSTOP)
