"""All classes of the add-on, and what lives as long as it is enabled: handlers and the job."""

from __future__ import annotations

import atexit
from pathlib import Path

import bpy

from . import avatar_moving, footage_preview, job_timer, panels, preferences, properties
from .operators import animation, jobs, light_render, look, moving, neutral

CLASSES = (
    *preferences.CLASSES,
    *properties.CLASSES,
    *jobs.CLASSES,
    *look.CLASSES,
    *neutral.CLASSES,
    *moving.CLASSES,
    *animation.CLASSES,
    *light_render.CLASSES,
    *panels.CLASSES,
)


@bpy.app.handlers.persistent
def recall(_blend_file: str) -> None:
    """After a file was opened: find moved avatars, show its footage and how its last job ended."""
    avatar_moving.look_again()
    avatar_moving.follow_moved()
    chosen = properties.settings(bpy.context.scene)
    if chosen.footage:
        footage_preview.look_into(Path(bpy.path.abspath(chosen.footage)))
    job_timer.recall(chosen.last_job)


@bpy.app.handlers.persistent
def follow_moved_avatars(_scene: bpy.types.Scene) -> None:
    """Undo brings back the paths from before a move, but not the folders."""
    avatar_moving.follow_moved()


_HANDLERS = (("load_post", recall), ("undo_post", follow_moved_avatars),
             ("redo_post", follow_moved_avatars))  # fmt: skip


def register() -> None:
    for kind in CLASSES:
        bpy.utils.register_class(kind)
    properties.attach()
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)
    avatar_moving.look_again()
    atexit.register(job_timer.SESSION.close)


def unregister() -> None:
    """The running job ends with the add-on."""
    job_timer.SESSION.close()
    atexit.unregister(job_timer.SESSION.close)
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
    properties.detach()
    footage_preview.clear()
    for kind in reversed(CLASSES):
        bpy.utils.unregister_class(kind)
