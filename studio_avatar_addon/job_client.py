"""Runs backend jobs in a process of their own: a request goes in, its status and end come out.

Free of bpy and of threads. The job folder is all that both sides share (`avatar.job`): `Job.poll`
reads what the backend appended and returns at once, `JobSession.wait` loops it until the end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .avatar.errors import EnvironmentProblem, JobBusy, JobCancelled, JobError, StudioAvatarError
from .avatar.job import (
    CANCEL_FILE,
    LOG_FILE,
    Done,
    Failed,
    Request,
    cannot_write_job,
    new_job_folder,
)
from .job_endings import CHOOSE_INTERPRETER, crash, failure
from .job_status import EventReader, JobStatus, read_record

WAIT_INTERVAL_S = 0.05  # short beside the start of a process, so that waiting adds nothing
GRACE_S = 5.0  # from asking to terminating, on to killing, from the last event to the exit
CLOSING_GRACE_S = 1.0  # where Blender itself is about to end
# Blender's own Python settings, which would lead the backend's interpreter to Blender's packages.
INHERITED_PYTHON = ("PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONSTARTUP")


@dataclass(frozen=True)
class Backend:
    """How the backend is started."""

    python: Path  # the backend's own interpreter
    module: str  # "backend" in a checkout, "<package>.backend" where the zip was installed
    folder: Path  # working directory: holds the add-on's package
    cache: Path  # for what can be made again


class Job:
    """A running backend process and its job folder."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], python: Path) -> None:
        self.folder = folder
        self.status = JobStatus()
        self._process = process
        self._python = python
        self._reader = EventReader(folder)
        self._last_event = time.monotonic()
        self._cancel_asked: float | None = None

    def poll(self) -> JobStatus:
        """Take in what is new, without waiting; `finished` when it is done and its process gone.

        Raises what ended the job otherwise, the process being gone by then: the failure that the
        backend told, JobCancelled, BackendCrashed, ProtocolMismatch, or JobError for a line that
        is no event.
        """
        # Looked at before the read: what is written between the two would be lost otherwise.
        exit_code = self._process.poll()
        try:
            events = self._reader.read()
        except JobError:
            self.kill()
            raise
        now = time.monotonic()
        for event in events:
            self._last_event = now
            self.status = self.status.after(event)
        self.status = replace(self.status, quiet_s=now - self._last_event)
        if exit_code is None:
            self._enforce_deadlines(now)
        elif not events:
            self._end(exit_code)
        return self.status

    def cancel(self) -> None:
        """Ask the backend to stop; later polls terminate it after 5 s and kill it after 10 s."""
        if self._cancel_asked is not None:
            return
        self._cancel_asked = time.monotonic()
        try:
            (self.folder / CANCEL_FILE).touch()
        except OSError:
            # Nobody can be asked through a folder that is gone or read-only.
            self._cancel_asked -= GRACE_S

    def kill(self) -> None:
        """End the process now."""
        self._signal(hard=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)

    def close(self) -> None:
        """Cancel, wait a moment, kill: for when Blender or the add-on itself ends."""
        self.cancel()
        try:
            self._process.wait(CLOSING_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def _enforce_deadlines(self, now: float) -> None:
        """Push a process that outstays its cancellation or its own last event."""
        if self.status.final is not None:
            if self.status.quiet_s > GRACE_S:
                self._signal(hard=True)
        elif self._cancel_asked is not None and now - self._cancel_asked > GRACE_S:
            self._signal(hard=now - self._cancel_asked > 2 * GRACE_S)

    def _end(self, exit_code: int) -> None:
        self.status = replace(self.status, finished=True)
        final = self.status.final
        if isinstance(final, Done):
            return
        if isinstance(final, Failed):
            raise failure(final)
        if final is not None or self._cancel_asked is not None:
            raise JobCancelled
        raise crash(
            exit_code,
            self.status.stage,
            self.folder / LOG_FILE,
            self._python,
            said_hello=self.status.started,
        )

    def _signal(self, *, hard: bool) -> None:
        """Terminate or kill; on POSIX with all that the backend started, as it leads a group."""
        if self._process.poll() is not None:
            return
        if sys.platform == "win32":
            self._process.kill() if hard else self._process.terminate()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL if hard else signal.SIGTERM)


class JobSession:
    """The one job that a Blender session runs at a time, and what is known of the last one.

    `status`: of the running or last job; `error`: what an artist should still see;
    `results`: of the last job of each command.
    """

    def __init__(self) -> None:
        self.job: Job | None = None
        self.command = ""
        self.status = JobStatus()
        self.error: StudioAvatarError | None = None
        self.results: dict[str, Mapping[str, Any]] = {}

    @property
    def running(self) -> bool:
        return self.job is not None

    def start(self, backend: Backend, request: Request, jobs: Path) -> Job:
        """Start a job in a new folder below `jobs`.

        Raises JobBusy while another one runs, EnvironmentProblem where `jobs` cannot be written or
        the interpreter does not start.
        """
        if self.running:
            raise JobBusy(
                "Another job is still running.", "Wait for its end or cancel it, then start again."
            )
        self.status, self.error, self.command = JobStatus(), None, request.command
        self.job = _start_backend(backend, request, jobs)
        return self.job

    def poll(self) -> JobStatus:
        """Poll the running job. A failure ends it, is kept in `error` and raised."""
        if self.job is None:
            return self.status
        try:
            self.status = self.job.poll()
        except StudioAvatarError as error:
            self.status = replace(self.job.status, finished=True)
            self.job, self.error = None, error
            raise
        if self.status.finished:
            self.job = None
            self.results[self.command] = self.status.result
        return self.status

    def wait(self, on_status: Callable[[JobStatus], None] | None = None) -> JobStatus:
        """Block until the running job's end; raises as `poll` does."""
        while not (status := self.poll()).finished:
            if on_status is not None:
                on_status(status)
            time.sleep(WAIT_INTERVAL_S)
        return status

    def cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()

    def close(self) -> None:
        """Leave no process behind."""
        if self.job is not None:
            self.job.close()
        self.job = None

    def load_record(self, folder: Path) -> None:
        """Take over status and error of an earlier session's job from its folder."""
        self.error = None
        try:
            self.status = read_record(folder)
        except JobError as error:
            self.error = error
            return
        if isinstance(self.status.final, Failed):
            self.error = failure(self.status.final)
        elif self.status.final is None:
            self.error = JobError(
                "The last job was interrupted before its end.",
                "Start it again; the stages that it finished are kept.",
            )


def _start_backend(backend: Backend, request: Request, jobs: Path) -> Job:
    """Write the job folder and start the backend on it. Raises as `JobSession.start` does."""
    if not backend.python.is_file():
        raise EnvironmentProblem(
            f"The backend's Python interpreter {backend.python} does not exist.",
            CHOOSE_INTERPRETER,
        )
    folder = new_job_folder(jobs, request)
    command = [
        str(backend.python), "-m", backend.module, "run", str(folder),
        "--parent-pid", str(os.getpid()),
    ]  # fmt: skip
    try:
        log = (folder / LOG_FILE).open("wb")
    except OSError as error:
        raise cannot_write_job(folder, error) from error
    with log:
        try:
            process = _start_process(command, backend, log.fileno())
        except OSError as error:
            raise EnvironmentProblem(
                f"{backend.python} does not start ({error.strerror or error}).", CHOOSE_INTERPRETER
            ) from error
    return Job(folder, process, backend.python)


def _start_process(command: list[str], backend: Backend, log: int) -> subprocess.Popen[bytes]:
    """A process without a shell, a console window, Blender's Python settings, or standard input.

    A process group of its own keeps Ctrl+C in Blender's terminal away from it.
    """
    kept = {name: value for name, value in os.environ.items() if name not in INHERITED_PYTHON}
    environment = kept | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "NUMBA_CACHE_DIR": str(backend.cache / "numba"),
    }
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        flags = 0
    return subprocess.Popen(
        command,
        cwd=backend.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )
