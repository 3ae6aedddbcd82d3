"""What all operators share: known failures become a report and stay visible in the panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..avatar.errors import AvatarFolderError, StudioAvatarError
from ..job_timer import SESSION, redraw
from ..scene.parts import active_avatar

# Values of Blender's enum for an operator's end.
FINISHED = {"FINISHED"}
CANCELLED = {"CANCELLED"}
BROWSING = {"RUNNING_MODAL"}  # the file browser is open and will call `execute`


class Reporting:
    """Base of our operators: subclasses write `carry_out`, which may raise StudioAvatarError."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.carry_out(context)
        except StudioAvatarError as error:
            return self.refuse(error)
        return FINISHED

    def carry_out(self, context: bpy.types.Context) -> None:
        raise NotImplementedError

    def refuse(self, error: StudioAvatarError) -> set[str]:
        """Report an error. Called from Python, Blender raises it as RuntimeError."""
        SESSION.error = error
        redraw()
        self.report({"ERROR"}, f"{error.problem} {error.remedy}")
        return CANCELLED


class ForAvatar(Reporting):
    """Base of operators that need an avatar in the scene."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_avatar(cls, context)


def has_avatar(kind: type[Any], context: bpy.types.Context) -> bool:
    """For `poll`: is there an avatar to work on? The button says what is missing."""
    if active_avatar(context) is None:
        kind.poll_message_set("Create or load an avatar first")
        return False
    return True


def not_busy(kind: type[Any]) -> bool:
    """For `poll`: is there no other job? The button says what to wait for."""
    if SESSION.running:
        kind.poll_message_set("Another job is still running: wait for its end or cancel it")
    return not SESSION.running


def head_of(context: bpy.types.Context) -> bpy.types.Object:
    """The active avatar's head. Raises AvatarFolderError where the scene has none."""
    head = active_avatar(context)
    if head is None:
        raise AvatarFolderError("The scene holds no avatar.", "Create or load an avatar first.")
    return head


def absolute(path: str) -> Path:
    """An artist's path, `//` being the .blend file's folder."""
    return Path(bpy.path.abspath(path)).absolute()
