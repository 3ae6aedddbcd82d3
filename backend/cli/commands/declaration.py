"""What a command says of itself, and what several of them read from a request's arguments.

Importing a command loads nothing heavy: its options are needed before the first sign of life.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio_avatar_addon.avatar.errors import JobError
from studio_avatar_addon.avatar.layout import DEVICES

if TYPE_CHECKING:
    from ...job.reporter import Reporter

Arguments = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """A command of the command line and of a job folder's request, under the same argument names.

    `run` raises StudioAvatarError for what is known to go wrong. `steps`: what it reports while it
    works, in order. `paths`: the arguments that are paths. `request_of`: options as parsed, to
    arguments of a request.
    """

    help: str
    add_options: Callable[[ArgumentParser], None]
    run: Callable[[Arguments, Reporter], Result]
    steps: tuple[str, ...]
    paths: tuple[str, ...] = ()
    request_of: Callable[[dict[str, Any]], dict[str, Any]] = lambda options: options


def add_device(parser: ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto")


def read_choice(arguments: Arguments, name: str, default: str, choices: tuple[str, ...]) -> str:
    """The argument `name`, one of `choices`. Raises JobError where it is none of them."""
    value = str(arguments.get(name) or default)
    if value not in choices:
        raise JobError(f"There is no {name} called {value!r}.", f"Use {', '.join(choices)}.")
    return value


def read_path(arguments: Arguments, name: str) -> Path:
    """The argument `name`, a path. Raises JobError where it is none."""
    value = arguments[name]
    if not isinstance(value, str) or not value or "\0" in value:
        raise JobError(f"The request's {name} is no path: {value!r}.", "Start the job again.")
    return Path(value)


def costs(reporter: Reporter) -> Result:
    """Seconds and peak memory of each step, for the job's last event."""
    return {
        "stages": [
            {
                "stage": cost.stage,
                "seconds": round(cost.seconds, 2),
                "peak_mb": cost.peak_bytes // 2**20,
                "skipped": cost.skipped,
            }
            for cost in reporter.costs
        ]
    }
