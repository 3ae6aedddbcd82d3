"""`tidy`: what earlier runs left in an avatar folder, and its removal."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from .declaration import Arguments, Command, Result, read_path

if TYPE_CHECKING:
    from ...job.reporter import Reporter


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("avatar", metavar="AVATAR")
    parser.add_argument(
        "--remove", action="store_true", help="remove it; without, only tell what it weighs"
    )


def run(arguments: Arguments, reporter: Reporter) -> Result:
    from studio_avatar_addon.avatar.bundle import open_avatar
    from studio_avatar_addon.avatar.old_runs import find_old_runs, remove_old_runs

    from ...job.lock import held_avatar

    reporter.begin("tidy")
    avatar = open_avatar(read_path(arguments, "avatar"))
    if arguments.get("remove"):
        with held_avatar(avatar.root):
            avatar = open_avatar(avatar.root)
            found = remove_old_runs(avatar)
    else:
        found = find_old_runs(avatar)
    reporter.end()
    told = {run.name: _describe(run.bytes, run.kept_because) for run in found.runs}
    total = "removed_mb" if arguments.get("remove") else "removable_mb"
    return {"avatar": str(avatar.root), **told, total: round(found.removable_bytes / 1e6, 1)}


def _describe(size: int, kept_because: str) -> str:
    kept = f", kept: {kept_because}" if kept_because else ""
    return f"{size / 1e6:.1f} MB{kept}"


COMMAND = Command(
    "tell what earlier runs left in an avatar's folder, or remove it",
    add_options,
    run,
    steps=("tidy",),
    paths=("avatar",),
)
