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
from .properties import scene_settings

POLL_INTERVAL_S = 0.25  # a bar that moves smoothly enough, at no cost that can be felt
SESSION = JobSession()

Arguments = Mapping[str, str | int | float | bool | None]
FollowUp = Callable[[Mapping[str, Any]], None]


def start_job(
    scene: bpy.types.Scene, command: str, arguments: Arguments, avatar: Path | None
) -> Job:
    """Start a job in `avatar`'s folder of jobs, or in the cache's where it is about none.

    Raises EnvironmentProblem where no interpreter is set, and as `JobSession.start` does.
    """
    jobs = (avatar or cache_folder()) / JOBS_FOLDER
    job = SESSION.start(configured_backend(), Request(command, arguments), jobs)
    if avatar is not None:
        scene_settings(scene).last_job = str(job.folder)
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
    """Show how a job of an earlier session ended; nothing where its folder is gone."""
    if last_job and not SESSION.running and Path(last_job).is_dir():
        SESSION.load_record(Path(last_job))
