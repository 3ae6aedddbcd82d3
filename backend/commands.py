"""The commands of a job: arguments in, result out, told through the job's events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio_avatar_addon.avatar.bundle import open_avatar, verify_files
from studio_avatar_addon.avatar.corrections import corrections_from_json
from studio_avatar_addon.avatar.errors import JobError
from studio_avatar_addon.avatar.job import Request
from studio_avatar_addon.avatar.layout import QUALITIES, STAGES, TEXTURE_ORIGINS
from studio_avatar_addon.avatar.studio_choices import StudioChoices

from .avatar_lock import AvatarLock
from .device import choose_device
from .event_log import EventLog
from .reporter import Reporter

if TYPE_CHECKING:
    from .fit_stage import Asked

Arguments = Mapping[str, Any]
Result = dict[str, Any]


def carry_out(job: Path, request: Request, events: EventLog) -> Result:
    """Run a request. Raises StudioAvatarError; JobError where an argument is missing or wrong."""
    command, stage_count = COMMANDS[request.command]
    reporter = Reporter(job, events, stage_count)
    try:
        return command(request.arguments, reporter)
    except KeyError as error:
        if error.args and error.args[0] in ("footage", "out", "avatar", "texture"):
            raise JobError(
                f"The request lacks the argument {error}.", "Start the job again."
            ) from error
        raise
    finally:
        reporter.close()


def _create(arguments: Arguments, reporter: Reporter) -> Result:
    from .pipeline import CreateSettings, create_avatar

    quality = _choice(arguments, "quality", "standard", QUALITIES)
    device = choose_device(str(arguments.get("device") or "auto"))
    asked = _asked(arguments)
    settings = CreateSettings(
        Path(arguments["footage"]),
        Path(arguments["out"]),
        quality,
        asked,
        StudioChoices.of_arguments(arguments),
    )
    with AvatarLock(settings.out):
        avatar = create_avatar(settings, device, reporter)
    return {
        "avatar": str(avatar.root),
        "findings": [finding.message for finding in reporter.findings],
        **_costs(reporter),
    }


def _refit(arguments: Arguments, reporter: Reporter) -> Result:
    from .fit_stage import refit_avatar

    avatar = open_avatar(Path(arguments["avatar"]))
    with AvatarLock(avatar.root):
        refitted = refit_avatar(avatar, _asked(arguments), reporter)
    return {
        "avatar": str(avatar.root),
        "preview": str(refitted.overlay),
        **refitted.figures,
        "findings": [finding.message for finding in reporter.findings],
        "next": "create the avatar again from its clip to renew its textures",
        **_costs(reporter),
    }


def _perform(arguments: Arguments, reporter: Reporter) -> Result:
    from .perform import perform_clip

    avatar = open_avatar(Path(arguments["avatar"]))
    with AvatarLock(avatar.root):
        path = perform_clip(avatar, Path(arguments["footage"]), reporter)
    return {"avatar": str(avatar.root), "performance": str(path), **_costs(reporter)}


def _view(arguments: Arguments, reporter: Reporter) -> Result:
    from .view import render_views

    origin = _choice(arguments, "texture", "detail", TEXTURE_ORIGINS)
    reporter.begin("view")
    frames = render_views(
        open_avatar(Path(arguments["avatar"])), origin, Path(arguments["out"]), reporter
    )
    reporter.end()
    return {"out": str(arguments["out"]), "frames": len(frames)}


def _report(arguments: Arguments, reporter: Reporter) -> Result:
    from .report import read_report

    reporter.begin("report")
    avatar = open_avatar(Path(arguments["avatar"]))
    verify_files(avatar)
    reporter.end()
    return {"report": str(avatar.run / "report"), **read_report(avatar)}


def _doctor(arguments: Arguments, reporter: Reporter) -> Result:
    from .doctor import examine

    reporter.begin("doctor")
    result = examine(str(arguments.get("device") or "auto"))
    reporter.end()
    return result


def _asked(arguments: Arguments) -> Asked:
    """Raises CorrectionError for what cannot be meant, JobError for what is none at all."""
    from .fit_stage import Asked

    try:
        corrections = corrections_from_json(arguments.get("corrections") or {})
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise JobError(
            f"The request's corrections cannot be read ({error}).", "Start the job again."
        ) from error
    return Asked(corrections, bool(arguments.get("forget")))


def _choice(arguments: Arguments, name: str, default: str, choices: tuple[str, ...]) -> str:
    value = str(arguments.get(name) or default)
    if value not in choices:
        raise JobError(f"There is no {name} called {value!r}.", f"Use {', '.join(choices)}.")
    return value


def _costs(reporter: Reporter) -> Result:
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


COMMANDS: dict[str, tuple[Callable[[Arguments, Reporter], Result], int]] = {
    "create": (_create, len(STAGES)),
    "refit": (_refit, 2),
    "perform": (_perform, 2),
    "view": (_view, 1),
    "report": (_report, 1),
    "doctor": (_doctor, 1),
}
