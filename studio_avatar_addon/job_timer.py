"""The session's job on Blender's side: start it, poll it by a timer or wait, follow it up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import bpy

from .avatar.errors import StudioAvatarError
from .avatar.job import Request
from .avatar.layout import JOBS_FOLDER
from .job_client import Job, JobSession
from .job_status import JobStatus
from .places import cache_folder, configured_backend
from .properties import settings

TICK_S = 0.25
SESSION = JobSession()

Arguments = Mapping[str, str | int | float | bool | None]
FollowUp = Callable[[Mapping[str, Any]], None]


def begin(scene: bpy.types.Scene, command: str, arguments: Arguments, avatar: Path | None) -> Job:
    """Start a job about `avatar`, or about none. Raises as `JobSession.start` does."""
    jobs = (avatar or cache_folder()) / JOBS_FOLDER
    job = SESSION.start(configured_backend(), Request(command, arguments), jobs)
    if avatar is not None:
        settings(scene).last_job = str(job.folder)
    return job


def block() -> Mapping[str, Any]:
    """Wait for the running job, naming its stages in the terminal; returns its result.

    Raises as `JobSession.poll` does; an interruption takes the job with it.
    """
    shown = ""

    def show(status: JobStatus) -> None:
        nonlocal shown
        if status.stage != shown:
            shown = status.stage
            print(f"Studio Avatar: {stage_name(status)} {status.message}", flush=True)

    try:
        return SESSION.wait(show).result
    finally:
        SESSION.close()


def follow(job: Job, on_done: FollowUp) -> None:
    """Poll `job` from a timer; `on_done` gets its result. It may hold names, never bpy pointers."""
    bpy.app.timers.register(partial(_tick, job, on_done), first_interval=TICK_S, persistent=True)


def _tick(job: Job, on_done: FollowUp) -> float | None:
    """Seconds to the next call, None when there is nothing left to follow."""
    if SESSION.job is not job:
        return None
    try:
        status = SESSION.poll()
        if status.finished:
            on_done(status.result)
    except StudioAvatarError as error:
        # The panel shows it with its remedy.
        SESSION.error, status = error, SESSION.status
    redraw()
    return None if status.finished else TICK_S


def redraw() -> None:
    """Bring the panels up to date."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def stage_name(status: JobStatus) -> str:
    return status.stage.replace("_", " ").capitalize() or "Starting"


def recall(last_job: str) -> None:
    """Show how a job of an earlier session ended; nothing where its folder is gone."""
    if last_job and not SESSION.running and Path(last_job).is_dir():
        SESSION.recall(Path(last_job))
