"""All classes of the add-on, and what lives as long as it is enabled: handlers and the job."""

from __future__ import annotations

import atexit
from pathlib import Path

import bpy

from . import footage_preview, job_timer, panels, preferences, properties
from .operators import animation, jobs, light_render, look, neutral

CLASSES = (
    *preferences.CLASSES,
    *properties.CLASSES,
    *jobs.CLASSES,
    *look.CLASSES,
    *neutral.CLASSES,
    *animation.CLASSES,
    *light_render.CLASSES,
    *panels.CLASSES,
)


@bpy.app.handlers.persistent
def recall(_blend_file: str) -> None:
    """After a file was opened: show its footage and how its last job ended."""
    chosen = properties.settings(bpy.context.scene)
    if chosen.footage:
        footage_preview.look_into(Path(bpy.path.abspath(chosen.footage)))
    job_timer.recall(chosen.last_job)


def register() -> None:
    for kind in CLASSES:
        bpy.utils.register_class(kind)
    properties.attach()
    bpy.app.handlers.load_post.append(recall)
    atexit.register(job_timer.SESSION.close)


def unregister() -> None:
    """The running job ends with the add-on."""
    job_timer.SESSION.close()
    atexit.unregister(job_timer.SESSION.close)
    bpy.app.handlers.load_post.remove(recall)
    properties.detach()
    footage_preview.clear()
    for kind in reversed(CLASSES):
        bpy.utils.unregister_class(kind)
