"""The command line, and the process that runs one job folder.

Imports nothing heavy: the first sign of life comes before Torch, and an interpreter that lacks a
package can still say so in the job's events.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from studio_avatar_addon.avatar.corrections import MEASURES_M, CorrectionError, Corrections
from studio_avatar_addon.avatar.errors import (
    AvatarFolderError,
    EnvironmentProblem,
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
    TEXTURE_ORIGINS,
)
from studio_avatar_addon.avatar.version import extension_version

from .event_log import EventLog

JOB_FOLDER_UNWRITABLE = 4  # exit status

# Commands that make what ships with the code, or show it: module, function and help.
MAKERS = {
    "landmarks": ("head.landmark_table", "store_landmarks", "learn the head's landmarks again"),
    "template": ("head.build", "build_template", "build the head template"),
    "sheet": ("training.corpus.template_sheet", "render_sheet", "draw the head template"),
    "shapes": ("head.shape_sheet", "render_shapes", "draw the 52 shapes"),
    "sample": ("sample_capture.command", "film_sample", "film the sample"),
    "corpus": ("training.pictures", "render_corpus", "draw the training's textures"),
}
# What `benchmark` can measure: module, function and help.
BENCHMARKS = {
    "head": ("benchmark.head", "benchmark_head", "the head template against reference heads"),
    "capture": ("benchmark.capture", "benchmark_capture", "the fit, on captures with known truth"),
    "texture": ("benchmark.texture", "benchmark_texture", "the phone texture, likewise"),
    "shapes": ("benchmark.shapes", "benchmark_shapes", "the 52 shapes: agreement and contact"),
    "simulator": ("benchmark.simulator", "benchmark_simulator", "corpus and simulator, likewise"),
}
# What `train` can train: module, function and help.
TRAININGS = {
    "identity": ("training.identity.command", "train_identities", "who is it, in any light"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a known failure, 2 wrong usage, 3 a bug, 4 a known failure that the
    job's events cannot tell of, 130 cancelled."""
    arguments = vars(_parser().parse_args(argv))
    command = arguments.pop("command")
    if command == "run":
        return _run_from_blender(arguments["job"], arguments["parent_pid"])
    if command in MAKERS:
        return _known_failures_in_words(lambda: _make(command, arguments["out"]))
    if command == "benchmark":
        return _known_failures_in_words(lambda: _measure(**arguments))
    if command == "train":
        return _known_failures_in_words(lambda: _train(**arguments))
    return _known_failures_in_words(lambda: _run_here(command, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backend", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    create = commands.add_parser("create", help="make an avatar folder from a clip")
    create.add_argument("footage", metavar="FOOTAGE", help="a video or a folder of photos")
    create.add_argument("--out", required=True, metavar="DIR", help="the avatar folder")
    create.add_argument("--quality", choices=QUALITIES, default="standard")
    _add_device(create)
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

    for name, (_, _, text) in MAKERS.items():
        maker = commands.add_parser(name, help=text)
        maker.add_argument("--out", type=Path, default=None)

    benchmark = commands.add_parser("benchmark", help="measure the product (in a checkout)")
    measures = benchmark.add_subparsers(dest="measure", required=True)
    for name, (_, _, text) in BENCHMARKS.items():
        measure = measures.add_parser(name, help=text)
        measure.add_argument(
            "--heads", type=Path, default=None, metavar="DIR", help="holds the reference heads"
        )
        measure.add_argument("--out", type=Path, default=None, metavar="FILE", help="as JSON too")

    train = commands.add_parser("train", help="train a network (in a checkout)")
    networks = train.add_subparsers(dest="network", required=True)
    for name, (_, _, text) in TRAININGS.items():
        network = networks.add_parser(name, help=text)
        network.add_argument("--preset", choices=("cpu", "gpu"), default="cpu")
        network.add_argument(
            "--hdris", type=Path, default=None, metavar="DIR", help="panoramas as further light"
        )
        network.add_argument(
            "--studio-textures", type=Path, default=None, metavar="DIR",
            help="evenly lit textures of real people, beside the painted ones",
        )  # fmt: skip
        network.add_argument(
            "--studio-mesh", type=Path, default=None, metavar="FILE",
            help="the Wavefront file that they belong to; the only one in their folder",
        )  # fmt: skip
        network.add_argument("--out", type=Path, default=None, metavar="DIR")

    run = commands.add_parser("run", help="run a job folder, as the add-on does")
    run.add_argument("job", type=Path, metavar="JOB_DIR")
    run.add_argument("--parent-pid", type=int, default=None)
    return parser


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto")


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
            with _third_party_packages():
                _module("parent_watch").end_with_parent(parent_pid)
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


def cache_folder() -> Path:
    """The user's own folder for what can be made again."""
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "studio_avatar"


def _carry_out(job: Path, request: Request, events: EventLog) -> int:
    """Run the command; exactly one final event is written, whatever happens."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))
    # Its threads spin while they wait: on a busy machine two of them made the fit 2.5 times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with _third_party_packages():
            result = _module("commands").carry_out(job, request, events)
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


@contextlib.contextmanager
def _third_party_packages() -> Generator[None]:
    """For work that needs them. Raises EnvironmentProblem where the interpreter lacks one."""
    try:
        yield
    except ImportError as error:
        if (error.name or "").startswith((__package__ or "backend", "studio_avatar_addon")):
            raise
        raise EnvironmentProblem(
            f"The backend's Python interpreter {sys.executable} lacks a package ({error}).",
            "Choose an interpreter with the backend installed, or run `python build.py setup`.",
        ) from error


def _module(name: str) -> Any:
    """One of our modules that needs third-party packages, imported only now."""
    return importlib.import_module(f".{name}", __package__)


def _make(command: str, out: Path | None) -> int:
    """Make one of MAKERS; without `out` at its own place. Raises EnvironmentProblem elsewhere."""
    if not (Path(__file__).parents[1] / "build.py").is_file():
        raise EnvironmentProblem(
            "What ships with the extension is made in a checkout of its sources.",
            f"Run `python -m backend {command}` there.",
        )
    module, function, _ = MAKERS[command]
    with _third_party_packages():
        maker = getattr(_module(module), function)
        print(maker(out) if out else maker())
    return 0


def _measure(measure: str, heads: Path | None, out: Path | None) -> int:
    """Print one of BENCHMARKS. Raises EnvironmentProblem where benchmarks were not shipped."""
    _only_in_a_checkout(".benchmark", "The benchmarks are")
    module, function, _ = BENCHMARKS[measure]
    with _third_party_packages():
        getattr(_module(module), function)(heads, out)
    return 0


def _train(network: str, preset: str, **given: Path | None) -> int:
    """Train one of TRAININGS. Raises EnvironmentProblem where training was not shipped."""
    _only_in_a_checkout(".training", "The training is")
    module, function, _ = TRAININGS[network]
    with _third_party_packages():
        textures, mesh = given["studio_textures"], given["studio_mesh"]
        if mesh and not textures:
            raise EnvironmentProblem(
                f"The mesh {mesh.name} is given without its textures.",
                "Name their folder with --studio-textures.",
            )
        folders = _module("training.corpus.studio_folder")
        studio = folders.open_studio_folder(textures, mesh) if textures else None
        train = getattr(_module(module), function)
        print(train(preset, studio, given["hdris"], cache_folder() / "training", given["out"]))
    return 0


def _only_in_a_checkout(package: str, subject: str) -> None:
    if importlib.util.find_spec(package, __package__) is None:
        raise EnvironmentProblem(
            f"{subject} not part of the installed extension.",
            "Run it from a checkout of its sources.",
        )


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
