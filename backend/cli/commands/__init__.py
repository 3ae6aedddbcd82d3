"""The commands of a job, by name: one module each, which declares its `COMMAND`.

All that knows them follows from this list: the command line, the help, the job folder's requests.
"""

from __future__ import annotations

from importlib import import_module

from studio_avatar_addon.avatar.errors import JobError

from .declaration import Command

COMMANDS = ("create", "refit", "perform", "view", "report", "tidy", "doctor")


def command_of(name: str) -> Command:
    """The declaration of one of COMMANDS. Raises JobError where there is no such command."""
    if name not in COMMANDS:
        raise JobError(
            f"The backend knows no command {name!r}.", f"It knows {', '.join(COMMANDS)}."
        )
    return import_module(f".{name}", __name__).COMMAND
