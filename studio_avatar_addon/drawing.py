"""Pieces that several panels draw: wrapped text, the running job, the last error, the check-up."""

from __future__ import annotations

import textwrap
from typing import Literal

import bpy

from .avatar.errors import JobCancelled
from .avatar_moving import legacy_files
from .job_status import JobStatus
from .job_timer import SESSION, stage_name
from .places import unsaved_folder

Icon = Literal["NONE", "INFO", "ERROR", "FORWARD"]

# At interface scale 1: a letter of Blender's font on average, and icon, box and scroll bar beside
# the text.
_PIXELS_PER_LETTER = 6.5
_MARGIN_PX = 50.0
_FEWEST_LETTERS = 20  # a line, however narrow the sidebar is


def draw_text(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: Icon = "NONE"
) -> None:
    """A text broken to the region's width, since labels do not wrap by themselves."""
    scale = context.preferences.system.ui_scale
    letters = int((context.region.width / scale - _MARGIN_PX) / _PIXELS_PER_LETTER)
    column = layout.column(align=True)
    column.scale_y = 0.8
    indent = "NONE" if icon == "NONE" else "BLANK1"
    for number, line in enumerate(textwrap.wrap(text, max(letters, _FEWEST_LETTERS))):
        column.label(text=line, icon=icon if number == 0 else indent)


def draw_job(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Stage, bar, time left and a way to cancel."""
    status = SESSION.status
    column = layout.column()
    column.progress(factor=status.fraction, type="BAR", text=stage_text(status))
    draw_text(column, context, progress_text(status))
    column.operator("studio_avatar.cancel_job", icon="X")


def stage_text(status: JobStatus) -> str:
    """E.g. "Fitting, 3 of 8"."""
    if status.stage_count < 2:
        return stage_name(status)
    return f"{stage_name(status)}, {status.stage_index + 1} of {status.stage_count}"


def progress_text(status: JobStatus) -> str:
    """What is being done and for how long yet, e.g. "view 12 of 28, 14 s left"."""
    if status.no_news:
        return f"No news for {status.quiet_s:.0f} s; it may still be working"
    left = "" if status.eta_s is None else f"{status.eta_s:.0f} s left"
    return ", ".join(filter(None, (status.message, left))) or "working"


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What went wrong last and what to do about it, until it is put away."""
    error = SESSION.error
    if error is None:
        return
    box = layout.box()
    row = box.row()
    cancelled = isinstance(error, JobCancelled)
    row.label(text="Cancelled" if cancelled else "Problem", icon="INFO" if cancelled else "ERROR")
    row.operator("studio_avatar.dismiss_error", text="", icon="X", emboss=False)
    draw_text(box, context, error.problem)
    draw_text(box, context, error.remedy, icon="FORWARD")


def draw_legacy_files(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What uninstalling would delete, and the way out; nothing where all is well."""
    found = legacy_files()
    if not len(found):
        return
    box = layout.box()
    verb = "lies" if len(found) == 1 else "lie"
    text = f"{found} {verb} in the extension's own folder, which is deleted when you uninstall it."
    draw_text(box, context, text, icon="ERROR")
    draw_text(box, context, f"Move to {unsaved_folder()}", icon="FORWARD")
    box.operator("studio_avatar.move_avatars", icon="FILE_FOLDER")


def draw_system_check(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button and what the last check found."""
    if SESSION.running and SESSION.command == "doctor":
        draw_job(layout, context)
    else:
        layout.operator("studio_avatar.check_system", icon="CHECKMARK")
    draw_error(layout, context)
    found = SESSION.results.get("doctor")
    if found is None:
        return
    column = layout.box().column(align=True)
    column.label(text=f"Backend {found.get('version')}, Python {found.get('python')}")
    column.label(text=str(found.get("interpreter")))
    column.label(text=f"Device: {found.get('device_reason')}")
    free, total = found.get("memory_free_mb"), found.get("memory_total_mb")
    column.label(text=f"Memory: {free} MB free of {total} MB")
    if found.get("device_memory_free_mb") is not None:
        column.label(text=f"Graphics memory: {found['device_memory_free_mb']} MB free")
    packages = found.get("packages") or {}
    draw_text(column, context, ", ".join(f"{name} {version}" for name, version in packages.items()))
    weights = found.get("weights") or {}
    column.label(text=f"Weights: {', '.join(weights) or 'none needed yet'}")
