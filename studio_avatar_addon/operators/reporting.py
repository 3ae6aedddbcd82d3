"""What all operators share: known failures become a report and stay visible in the panel."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..avatar.errors import AvatarFolderError, StudioAvatarError
from ..job_timer import SESSION, redraw_panels
from ..scene.parts import active_avatar

# What an operator answers Blender with.
FINISHED = {"FINISHED"}
CANCELLED = {"CANCELLED"}
RUNNING_MODAL = {"RUNNING_MODAL"}  # the file browser is open and will call `execute`


class ReportingOperator:
    """Base of our operators: subclasses write `run`, which may raise StudioAvatarError."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.run(context)
        except StudioAvatarError as error:
            return self.report_error(error)
        return FINISHED

    def run(self, context: bpy.types.Context) -> None:
        raise NotImplementedError

    def report_error(self, error: StudioAvatarError) -> set[str]:
        """Report an error. Called from Python, Blender raises it as RuntimeError."""
        SESSION.error = error
        redraw_panels()
        self.report({"ERROR"}, f"{error.problem} {error.remedy}")
        return CANCELLED


class AvatarOperator(ReportingOperator):
    """Base of operators that need an avatar in the scene."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_avatar(cls, context)


def has_avatar(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    """For `poll`: is there an avatar to work on? The button says what is missing."""
    if active_avatar(context) is None:
        operator.poll_message_set("Create or load an avatar first")
        return False
    return True


def no_job_running(operator: type[bpy.types.Operator]) -> bool:
    """For `poll`: is there no other job? The button says what to wait for."""
    if SESSION.running:
        operator.poll_message_set("Another job is still running: wait for its end or cancel it")
    return not SESSION.running


def head_of(context: bpy.types.Context) -> bpy.types.Object:
    """The active avatar's head. Raises AvatarFolderError where the scene has none."""
    head = active_avatar(context)
    if head is None:
        raise AvatarFolderError("The scene holds no avatar.", "Create or load an avatar first.")
    return head


def absolute_path(path: str) -> Path:
    """An artist's path, `//` being the .blend file's folder."""
    return Path(bpy.path.abspath(path)).absolute()
