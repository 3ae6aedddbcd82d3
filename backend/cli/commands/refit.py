"""`refit`: an avatar's head fitted again, with the artist's corrections."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from .corrections import add_corrections, correction_request, with_corrections
from .declaration import Arguments, Command, Result, costs, read_path

if TYPE_CHECKING:
    from ...job.reporter import Reporter


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("avatar", metavar="AVATAR")
    add_corrections(parser)


def run(arguments: Arguments, reporter: Reporter) -> Result:
    from studio_avatar_addon.avatar.bundle import open_avatar

    from ...job.lock import held_avatar
    from ...pipelines.refit import refit_avatar

    root = read_path(arguments, "avatar")
    open_avatar(root)  # what is no avatar is refused before the folder is claimed
    with held_avatar(root):
        # Opened again: a job that has just ended may have changed it.
        avatar = open_avatar(root)
        refitted = refit_avatar(avatar, correction_request(arguments), reporter)
    return {
        "avatar": str(avatar.root),
        "preview": str(refitted.overlay),
        **refitted.figures,
        "findings": [finding.message for finding in reporter.findings],
        "next": "create the avatar again from its clip to renew its textures",
        **costs(reporter),
    }


COMMAND = Command(
    "fit an avatar's head again, with corrections",
    add_options,
    run,
    steps=("fitting", "preview"),
    paths=("avatar",),
    request_of=with_corrections,
)
