"""All classes of the add-on, and what lives as long as it is enabled: handlers and the job."""

from __future__ import annotations

import atexit
from pathlib import Path

import bpy

from . import avatar_moving, footage_preview, job_timer, panels, preferences, properties
from .operators import animation, jobs, light_render, look, moving, neutral, tidying

CLASSES = (
    *preferences.CLASSES,
    *properties.CLASSES,
    *jobs.CLASSES,
    *look.CLASSES,
    *neutral.CLASSES,
    *moving.CLASSES,
    *tidying.CLASSES,
    *animation.CLASSES,
    *light_render.CLASSES,
    *panels.CLASSES,
)


@bpy.app.handlers.persistent
def on_file_opened(_blend_file: str) -> None:
    """After a file was opened: find moved avatars, show its footage and how its last job ended."""
    avatar_moving.clear_caches()
    avatar_moving.update_moved_paths()
    settings = properties.scene_settings(bpy.context.scene)
    if settings.footage:
        footage_preview.load_preview(Path(bpy.path.abspath(settings.footage)))
    job_timer.show_last_job(settings.last_job)


@bpy.app.handlers.persistent
def on_undo(_scene: bpy.types.Scene) -> None:
    """Undo brings back the paths from before a move, but not the folders."""
    avatar_moving.update_moved_paths()


_HANDLERS = (("load_post", on_file_opened), ("undo_post", on_undo),
             ("redo_post", on_undo))  # fmt: skip


def register() -> None:
    for kind in CLASSES:
        bpy.utils.register_class(kind)
    properties.add_scene_property()
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)
    avatar_moving.clear_caches()
    atexit.register(job_timer.SESSION.close)


def unregister() -> None:
    """The running job ends with the add-on."""
    job_timer.SESSION.close()
    atexit.unregister(job_timer.SESSION.close)
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
    properties.remove_scene_property()
    footage_preview.clear()
    for kind in reversed(CLASSES):
        bpy.utils.unregister_class(kind)
