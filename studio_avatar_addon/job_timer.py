"""The session's job on Blender's side: start it, poll it by a timer or wait, follow it up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import bpy

from .avatar.errors import StudioAvatarError
from .avatar.job import Request, is_job_name
from .avatar.layout import JOBS_FOLDER
from .job_client import Job, JobSession
from .job_status import JobStatus
from .places import cache_folder, configured_backend
from .properties import scene_settings

POLL_INTERVAL_S = 0.25  # a bar that moves smoothly enough, at no cost that can be felt
SESSION = JobSession()

Arguments = Mapping[str, str | int | float | bool | None]
FollowUp = Callable[[Mapping[str, Any]], None]


def start_job(scene: bpy.types.Scene | None, command: str, arguments: Arguments) -> Job:
    """Start a job; `scene` remembers it as its last one, None where it is about no avatar.

    Raises EnvironmentProblem where no interpreter is set, and as `JobSession.start` does.
    """
    request = Request(command, arguments)
    job = SESSION.start(configured_backend(), request, cache_folder() / JOBS_FOLDER)
    if scene is not None:
        scene_settings(scene).last_job = job.folder.name
    return job


def wait_for_job() -> Mapping[str, Any]:
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


def watch_job(job: Job, on_done: FollowUp) -> None:
    """Poll `job` from a timer; `on_done` gets its result. It may hold names, never bpy pointers."""
    bpy.app.timers.register(
        partial(_poll_job, job, on_done), first_interval=POLL_INTERVAL_S, persistent=True
    )


def _poll_job(job: Job, on_done: FollowUp) -> float | None:
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
    redraw_panels()
    return None if status.finished else POLL_INTERVAL_S


def redraw_panels() -> None:
    """Bring the panels up to date."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def stage_name(status: JobStatus) -> str:
    """E.g. "Phone texture"; "Starting" before the first stage."""
    return status.stage.replace("_", " ").capitalize() or "Starting"


def show_last_job(last_job: str) -> None:
    """Show how a job of an earlier session ended; nothing where its folder is gone.

    Only its name is told by the .blend, which may be a stranger's: no path of it is followed.
    """
    folder = cache_folder() / JOBS_FOLDER / last_job
    if is_job_name(last_job) and not SESSION.running and folder.is_dir():
        SESSION.load_record(folder)
