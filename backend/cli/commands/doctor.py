"""`doctor`: is this machine ready?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .declaration import Arguments, Command, Result, add_device

if TYPE_CHECKING:
    from ...job.reporter import Reporter


def run(arguments: Arguments, reporter: Reporter) -> Result:
    from ..system_check import check_system

    reporter.begin("doctor")
    result = check_system(str(arguments.get("device") or "auto"))
    reporter.end()
    return result


COMMAND = Command(
    "check interpreter, device, packages and weights", add_device, run, steps=("doctor",)
)
