"""`create`: a clip to an avatar folder."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from studio_avatar_addon.avatar.layout import QUALITIES, STUDIO_METHODS
from studio_avatar_addon.avatar.studio_choices import StudioChoices

from ...job.device import choose_device
from ...stages import STAGES
from .corrections import add_corrections, correction_request, with_corrections
from .declaration import (
    Arguments,
    Command,
    Result,
    add_device,
    costs,
    read_choice,
    read_path,
)

if TYPE_CHECKING:
    from ...job.reporter import Reporter


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("footage", metavar="FOOTAGE", help="a video or a folder of photos")
    parser.add_argument("--out", required=True, metavar="DIR", help="the avatar folder")
    parser.add_argument("--quality", choices=QUALITIES, default="standard")
    add_device(parser)
    _add_choices(parser)
    add_corrections(parser)


def _add_choices(parser: ArgumentParser) -> None:
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


def run(arguments: Arguments, reporter: Reporter) -> Result:
    from studio_avatar_addon.avatar.bundle import refuse_newer

    from ...job.lock import held_avatar
    from ...pipelines.create import CreateSettings, create_avatar
    from ...stages.footage.open_footage import require_footage

    quality = read_choice(arguments, "quality", "standard", QUALITIES)
    device = choose_device(str(arguments.get("device") or "auto"))
    request = correction_request(arguments)
    settings = CreateSettings(
        read_path(arguments, "footage"),
        read_path(arguments, "out"),
        quality,
        request,
        StudioChoices.of_arguments(arguments),
    )
    require_footage(settings.footage)  # a slip of the keyboard makes no folder
    refuse_newer(settings.out)
    with held_avatar(settings.out):
        avatar = create_avatar(settings, device, reporter)
    return {
        "avatar": str(avatar.root),
        "findings": [finding.message for finding in reporter.findings],
        **costs(reporter),
    }


COMMAND = Command(
    "make an avatar folder from a clip",
    add_options,
    run,
    steps=(*STAGES, "avatar"),
    paths=("footage", "out"),
    request_of=with_corrections,
)
