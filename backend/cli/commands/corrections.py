"""What the artist knows better: options and arguments that `create` and `refit` share."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from studio_avatar_addon.avatar.corrections import (
    MEASURES_M,
    CorrectionError,
    Corrections,
    corrections_from_json,
)
from studio_avatar_addon.avatar.errors import JobError

from .declaration import Arguments

if TYPE_CHECKING:
    from ...pipelines.corrections import CorrectionRequest


def add_corrections(parser: ArgumentParser) -> None:
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


def with_corrections(options: dict[str, Any]) -> dict[str, Any]:
    """The options with those of `add_corrections` put together as `corrections`.

    Raises CorrectionError for what cannot be meant.
    """
    others = dict(options)
    landmarks: dict[int, dict[int, tuple[float, float]]] = {}
    measure = others.pop("measure")
    try:
        for frame, number, x, y in others.pop("landmark"):
            landmarks.setdefault(int(frame), {})[int(number)] = (float(x), float(y))
        measures = {measure[0]: float(measure[1]) / 1000.0} if measure else {}
    except ValueError as error:
        raise CorrectionError(
            f"A landmark or measure is no number ({error}).",
            "Write --landmark FRAME NUMBER X Y and --measure NAME MM.",
        ) from error
    corrections = Corrections(
        frozenset(others.pop("leave_out")),
        frozenset(others.pop("put_in")),
        landmarks,
        others.pop("focal_px"),
        measures,
    )
    return {**others, "corrections": corrections.as_json()}


def correction_request(arguments: Arguments) -> CorrectionRequest:
    """Raises CorrectionError for what cannot be meant, JobError for what is none at all."""
    from ...pipelines.corrections import CorrectionRequest

    try:
        corrections = corrections_from_json(arguments.get("corrections") or {})
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise JobError(
            f"The request's corrections cannot be read ({error}).", "Start the job again."
        ) from error
    return CorrectionRequest(corrections, bool(arguments.get("forget")))
