"""The command line, and the process that runs one job folder.

Imports nothing heavy: the first sign of life comes before Torch, and an interpreter that lacks a
package can still say so in the job's events.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from studio_avatar_addon.avatar.errors import (
    AvatarFolderError,
    JobCancelled,
    StudioAvatarError,
)
from studio_avatar_addon.avatar.job import (
    PROTOCOL,
    Cancelled,
    Done,
    Event,
    Failed,
    Hello,
    Request,
    Stage,
    StageProgress,
    Warned,
    new_job_folder,
    read_request,
)
from studio_avatar_addon.avatar.layout import FORMAT, JOBS_FOLDER
from studio_avatar_addon.avatar.version import extension_version

from ..job.cache_folder import cache_folder
from ..job.disk_refusal import disk_refusal
from ..job.event_log import EventLog
from ..job.kernel_cache import checked_kernels, kernel_folder
from ..job.memory import lack_of_memory, means_lack_of_memory
from .commands import COMMANDS, command_of
from .developer_commands import CHECKOUT_COMMANDS, add_checkout_commands, run_checkout_command
from .lazy_imports import module, third_party_packages

JOB_FOLDER_UNWRITABLE = 4  # exit status


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a known failure, 2 wrong usage, 3 a bug, 4 a known failure that the
    job's events cannot tell of, 130 cancelled."""
    arguments = vars(_parser().parse_args(argv))
    command = arguments.pop("command")
    # Torch reads this when it is imported. Its threads spin while they wait, unless told not to:
    # on a busy machine painting a person took two of them 14 s, and 2.4 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if command == "run":
        return _run_from_blender(arguments["job"], arguments["parent_pid"])
    if command in CHECKOUT_COMMANDS:
        return _print_known_failures(lambda: run_checkout_command(command, arguments))
    return _print_known_failures(lambda: _run_here(command, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backend", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    for name in COMMANDS:
        declared = command_of(name)
        declared.add_options(commands.add_parser(name, help=declared.help))
    add_checkout_commands(commands)

    run = commands.add_parser("run", help="run a job folder, as the add-on does")
    run.add_argument("job", type=Path, metavar="JOB_DIR")
    run.add_argument("--parent-pid", type=int, default=None)
    return parser


def _run_from_blender(job: Path, parent_pid: int | None) -> int:
    """The job's events carry everything, failures included; stderr goes to its log."""
    events = EventLog(job)
    try:
        events.write(_hello())
        if parent_pid is not None:
            with third_party_packages():
                module("job.parent_watch").end_with_parent(parent_pid)
        return _run_request(job, read_request(job), events)
    except StudioAvatarError as error:
        return _write_failure(events, error)


def _run_here(command: str, arguments: dict[str, Any]) -> int:
    declared = command_of(command)
    for name in declared.paths:
        arguments[name] = str(Path(arguments[name]).absolute())
    request = Request(command, declared.request_of(arguments))
    # Not in the avatar folder, which may be read-only, or given to whom no paths concern.
    job = new_job_folder(cache_folder() / JOBS_FOLDER, request)
    events = EventLog(job, echo=_print_event)
    events.write(_hello())
    return _run_request(job, request, events)


def _run_request(job: Path, request: Request, events: EventLog) -> int:
    """Run the command; exactly one final event is written, whatever happens."""
    # Its threads spin while they wait: on a busy machine two of them made the fit 2.5 times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with (
            third_party_packages(),
            checked_kernels(
                kernel_folder(), lambda told: events.write(Warned("kernels_not_kept", told))
            ),
        ):
            result = module("cli.run_request").run_request(job, request, events)
    except (JobCancelled, KeyboardInterrupt):
        events.write(Cancelled())
        return 130
    except Exception as error:
        if (failure := _known_failure(error)) is not None:
            return _write_failure(events, failure)
        traceback.print_exc()
        events.write(
            Failed(
                "Bug",
                f"The backend met an error it does not know ({type(error).__name__}: {error}).",
                f"Please report it with the trace in the log and the job folder {job}.",
            )
        )
        return 3
    events.write(Done(result))
    return 0


def _known_failure(error: Exception) -> StudioAvatarError | None:
    """None: a bug."""
    if means_lack_of_memory(error):
        return lack_of_memory()
    return error if isinstance(error, StudioAvatarError) else disk_refusal(error)


def _write_failure(events: EventLog, failure: StudioAvatarError) -> int:
    """The failure as the job's last event; where none can be written, in its log or exit status."""
    try:
        events.write(Failed(type(failure).__name__, failure.problem, failure.remedy))
    except AvatarFolderError:
        with contextlib.suppress(OSError):  # the log lies on the same full disk
            print(f"{failure.problem} {failure.remedy}", file=sys.stderr, flush=True)
        return JOB_FOLDER_UNWRITABLE
    return 1


def _print_known_failures(action: Callable[[], int]) -> int:
    try:
        return action()
    except StudioAvatarError as error:
        print(f"{error.problem} {error.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _hello() -> Hello:
    return Hello(PROTOCOL, FORMAT, extension_version(), os.getpid())


def _print_event(event: Event) -> None:
    """Events as lines for a person at the terminal."""
    match event:
        case Stage():
            print(f"[{event.index + 1}/{event.count}] {event.stage} {event.message}", flush=True)
        case StageProgress() if sys.stderr.isatty():
            percent = 100 * event.done / max(event.total, 1e-9)
            print(f"\r    {percent:3.0f} % {event.message:<50}", end="\r", file=sys.stderr)
        case Warned():
            print(f"    note: {event.message}", flush=True)
        case Failed():
            print(f"{event.problem} {event.remedy}", file=sys.stderr, flush=True)
        case Cancelled():
            print(JobCancelled(), file=sys.stderr, flush=True)
        case Done():
            for name, value in event.result.items():
                print(f"{name}: {value}")
        case _:
            pass
