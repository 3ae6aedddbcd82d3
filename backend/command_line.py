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

from studio_avatar_addon.avatar.corrections import MEASURES_M, CorrectionError, Corrections
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
from studio_avatar_addon.avatar.layout import (
    AVATAR_FILE,
    DEVICES,
    FORMAT,
    JOBS_FOLDER,
    QUALITIES,
    STUDIO_METHODS,
    TEXTURE_ORIGINS,
)
from studio_avatar_addon.avatar.version import extension_version

from .checkout_commands import CHECKOUT_COMMANDS, add_checkout_commands, run_checkout_command
from .event_log import EventLog
from .on_demand import cache_folder, module, third_party_packages

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
        return _known_failures_in_words(lambda: run_checkout_command(command, arguments))
    return _known_failures_in_words(lambda: _run_here(command, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backend", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    create = commands.add_parser("create", help="make an avatar folder from a clip")
    create.add_argument("footage", metavar="FOOTAGE", help="a video or a folder of photos")
    create.add_argument("--out", required=True, metavar="DIR", help="the avatar folder")
    create.add_argument("--quality", choices=QUALITIES, default="standard")
    _add_device(create)
    _add_choices(create)
    _add_corrections(create)

    refit = commands.add_parser("refit", help="fit an avatar's head again, with corrections")
    refit.add_argument("avatar", metavar="AVATAR")
    _add_corrections(refit)

    perform = commands.add_parser("perform", help="add the movement in another clip to an avatar")
    perform.add_argument("avatar", metavar="AVATAR")
    perform.add_argument("footage", metavar="CLIP")

    view = commands.add_parser("view", help="see an avatar unlit through its capture's cameras")
    view.add_argument("avatar", metavar="AVATAR")
    view.add_argument("--texture", choices=TEXTURE_ORIGINS, default="detail")
    view.add_argument("--out", required=True, metavar="DIR")

    report = commands.add_parser("report", help="check an avatar's files and tell its figures")
    report.add_argument("avatar", metavar="AVATAR")

    doctor = commands.add_parser("doctor", help="check interpreter, device, packages and weights")
    _add_device(doctor)

    add_checkout_commands(commands)

    run = commands.add_parser("run", help="run a job folder, as the add-on does")
    run.add_argument("job", type=Path, metavar="JOB_DIR")
    run.add_argument("--parent-pid", type=int, default=None)
    return parser


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    skin = parser.add_argument_group("the skin's colour")
    skin.add_argument("--studio-method", choices=STUDIO_METHODS, default=STUDIO_METHODS[0])
    skin.add_argument("--light-removal", type=float, default=1.0, metavar="0 to 1")
    skin.add_argument("--skin-exposure", type=float, default=0.0, metavar="STOPS")
    skin.add_argument("--skin-warmth", type=float, default=0.0, metavar="-1 to 1")
    skin.add_argument(
        "--refine-seconds", type=float, default=0.0, metavar="0 to 60",
        help="move the network's latents towards what the footage shows for so long",
    )  # fmt: skip
    skin.add_argument(
        "--neutral", nargs="+", default=None, metavar=("FRAME", "X Y [REFLECTANCE]"),
        help="something white or grey in a chosen frame, in pixels; white paper reflects .85",
    )  # fmt: skip


def _add_corrections(parser: argparse.ArgumentParser) -> None:
    hands = parser.add_argument_group("what you know better", "kept in the avatar folder")
    hands.add_argument("--leave-out", type=int, nargs="+", default=[], metavar="FRAME")
    hands.add_argument("--put-in", type=int, nargs="+", default=[], metavar="FRAME")
    hands.add_argument(
        "--landmark", nargs=4, action="append", default=[], metavar=("FRAME", "NUMBER", "X", "Y"),
        help="where a landmark of the face mesh really is in a frame, in pixels",
    )  # fmt: skip
    hands.add_argument("--focal-px", type=float, default=None, metavar="PX")
    hands.add_argument(
        "--measure", nargs=2, default=None, metavar=("NAME", "MM"),
        help=f"a length of this person's head: {', '.join(MEASURES_M)}",
    )  # fmt: skip
    hands.add_argument("--forget", action="store_true", help="drop earlier corrections")


def _corrections(arguments: dict[str, Any]) -> dict[str, Any]:
    """Takes the options of `_add_corrections` out of the arguments.

    Raises CorrectionError for what cannot be meant.
    """
    landmarks: dict[int, dict[int, tuple[float, float]]] = {}
    measure = arguments.pop("measure")
    try:
        for frame, number, x, y in arguments.pop("landmark"):
            landmarks.setdefault(int(frame), {})[int(number)] = (float(x), float(y))
        measures = {measure[0]: float(measure[1]) / 1000.0} if measure else {}
    except ValueError as error:
        raise CorrectionError(
            f"A landmark or measure is no number ({error}).",
            "Write --landmark FRAME NUMBER X Y and --measure NAME MM.",
        ) from error
    corrections = Corrections(
        frozenset(arguments.pop("leave_out")),
        frozenset(arguments.pop("put_in")),
        landmarks,
        arguments.pop("focal_px"),
        measures,
    )
    return corrections.as_json()


def _run_from_blender(job: Path, parent_pid: int | None) -> int:
    """The job's events carry everything, failures included; stderr goes to its log."""
    events = EventLog(job)
    try:
        events.write(_hello())
        if parent_pid is not None:
            with third_party_packages():
                module("parent_watch").end_with_parent(parent_pid)
        return _carry_out(job, read_request(job), events)
    except StudioAvatarError as error:
        return _tell(events, error)


def _run_here(command: str, arguments: dict[str, Any]) -> int:
    for name in ("footage", "out", "avatar"):
        if name in arguments:
            arguments[name] = str(Path(arguments[name]).absolute())
    if command in ("create", "refit"):
        arguments["corrections"] = _corrections(arguments)
    request = Request(command, arguments)
    job = new_job_folder(_jobs_folder(request), request)
    events = EventLog(job, echo=_show)
    events.write(_hello())
    return _carry_out(job, request, events)


def _jobs_folder(request: Request) -> Path:
    """Jobs lie in the avatar that they make or are about; others belong to none.

    A folder that is no avatar gets none: it may be the user's own, or a slip of the keyboard.
    """
    made, avatar = request.arguments.get("out"), request.arguments.get("avatar")
    if request.command == "create":
        return Path(str(made)) / JOBS_FOLDER
    if avatar is not None and (Path(str(avatar)) / AVATAR_FILE).is_file():
        return Path(str(avatar)) / JOBS_FOLDER
    return cache_folder() / JOBS_FOLDER


def _carry_out(job: Path, request: Request, events: EventLog) -> int:
    """Run the command; exactly one final event is written, whatever happens."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))
    # Its threads spin while they wait: on a busy machine two of them made the fit 2.5 times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with third_party_packages():
            result = module("commands").carry_out(job, request, events)
    except (JobCancelled, KeyboardInterrupt):
        events.write(Cancelled())
        return 130
    except StudioAvatarError as error:
        return _tell(events, error)
    except MemoryError:
        events.write(
            Failed(
                "EnvironmentProblem",
                "The computer ran out of memory.",
                "Close other programs or choose a lower quality.",
            )
        )
        return 1
    except Exception as error:
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


def _tell(events: EventLog, failure: StudioAvatarError) -> int:
    """The failure as the job's last event; where none can be written, in its log or exit status."""
    try:
        events.write(Failed(type(failure).__name__, failure.problem, failure.remedy))
    except AvatarFolderError:
        with contextlib.suppress(OSError):  # the log lies on the same full disk
            print(f"{failure.problem} {failure.remedy}", file=sys.stderr, flush=True)
        return JOB_FOLDER_UNWRITABLE
    return 1


def _known_failures_in_words(action: Callable[[], int]) -> int:
    try:
        return action()
    except StudioAvatarError as error:
        print(f"{error.problem} {error.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _hello() -> Hello:
    return Hello(PROTOCOL, FORMAT, extension_version(), os.getpid())


def _show(event: Event) -> None:
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
