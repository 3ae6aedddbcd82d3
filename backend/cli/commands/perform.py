"""`perform`: the movement of another clip for an avatar."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from .declaration import Arguments, Command, Result, costs, read_path

if TYPE_CHECKING:
    from ...job.reporter import Reporter


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("avatar", metavar="AVATAR")
    parser.add_argument("footage", metavar="CLIP")


def run(arguments: Arguments, reporter: Reporter) -> Result:
    from studio_avatar_addon.avatar.bundle import open_avatar

    from ...job.lock import held_avatar
    from ...pipelines.perform import perform_clip

    root = read_path(arguments, "avatar")
    open_avatar(root)  # what is no avatar is refused before the folder is claimed
    with held_avatar(root):
        # Opened again: a job that has just ended may have changed it.
        avatar = open_avatar(root)
        path = perform_clip(avatar, read_path(arguments, "footage"), reporter)
    return {"avatar": str(avatar.root), "performance": str(path), **costs(reporter)}


COMMAND = Command(
    "add the movement in another clip to an avatar",
    add_options,
    run,
    steps=("footage", "performance"),
    paths=("avatar", "footage"),
)
