"""`report`: an avatar's files checked, its figures told."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from .declaration import Arguments, Command, Result, read_path

if TYPE_CHECKING:
    from ...job.reporter import Reporter


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("avatar", metavar="AVATAR")


def run(arguments: Arguments, reporter: Reporter) -> Result:
    from studio_avatar_addon.avatar.bundle import open_avatar, verify_files

    from ...store.report import read_report

    reporter.begin("report")
    avatar = open_avatar(read_path(arguments, "avatar"))
    verify_files(avatar)
    reporter.end()
    return {"report": str(avatar.run / "report"), **read_report(avatar)}


COMMAND = Command(
    "check an avatar's files and report its figures",
    add_options,
    run,
    steps=("report",),
    paths=("avatar",),
)
