"""A job's request in, its command run, the result out; told through the job's events."""

from __future__ import annotations

from pathlib import Path

from studio_avatar_addon.avatar.errors import JobError
from studio_avatar_addon.avatar.job import Request

from ..job.event_log import EventLog
from ..job.reporter import Reporter
from .commands import command_of
from .commands.declaration import Result


class _Arguments(dict[str, object]):
    """A request's arguments, as the command asks for them."""

    def __missing__(self, name: str) -> object:
        raise JobError(f"The request lacks the argument {name!r}.", "Start the job again.")


def run_request(job: Path, request: Request, events: EventLog) -> Result:
    """Run a request.

    Raises StudioAvatarError as the command does; JobError where there is no such command, or an
    argument is missing or wrong.
    """
    command = command_of(request.command)
    reporter = Reporter(job, events, len(command.steps))
    try:
        return command.run(_Arguments(request.arguments), reporter)
    finally:
        reporter.close()
