"""`view`: an avatar seen unlit through its capture's cameras, or what its frames' pixels show."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from studio_avatar_addon.avatar.layout import TEXTURE_ORIGINS

from .declaration import Arguments, Command, Result, read_choice, read_path

if TYPE_CHECKING:
    from ...job.reporter import Reporter


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("avatar", metavar="AVATAR")
    parser.add_argument("--texture", choices=TEXTURE_ORIGINS, default="detail")
    parser.add_argument(
        "--labels", action="store_true", help="the frames with hair, skin and clothes told apart"
    )
    parser.add_argument("--out", required=True, metavar="DIR")


def run(arguments: Arguments, reporter: Reporter) -> Result:
    from studio_avatar_addon.avatar.bundle import open_avatar
    from studio_avatar_addon.avatar.ownership import claim_folder

    from ...pipelines.view import render_labels, render_views

    origin = read_choice(arguments, "texture", "detail", TEXTURE_ORIGINS)
    out = read_path(arguments, "out")
    reporter.begin("view")
    avatar = open_avatar(read_path(arguments, "avatar"))
    claim_folder(out)  # the artist's own pictures may have the same names
    if arguments.get("labels"):
        frames = render_labels(avatar, out, reporter)
    else:
        frames = render_views(avatar, origin, out, reporter)
    reporter.end()
    return {"out": str(out), "frames": len(frames)}


COMMAND = Command(
    "see an avatar unlit through its capture's cameras, or its frames' labels",
    add_options,
    run,
    steps=("view",),
    paths=("avatar", "out"),
)
