"""Operators that choose footage and run the backend: create, perform, cancel, check the system."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ..avatar.errors import FootageUnreadable, JobError, StudioAvatarError
from ..avatar.layout import QUALITIES
from ..avatar.live_link import RECORDING_SUFFIX
from ..avatar.studio_choices import NeutralSpot, StudioChoices
from ..avatar_loading import apply_performance_file, load_avatar
from ..backend_choice import backend_choice
from ..footage_preview import VIDEO_SUFFIXES
from ..job_client import Job
from ..job_timer import SESSION, start_job, wait_for_job, watch_job
from ..places import default_avatar_folder
from ..properties import StudioAvatarSettings, scene_settings
from ..scene.parts import avatar_root, avatars
from .reporting import (
    FINISHED,
    RUNNING_MODAL,
    ReportingOperator,
    absolute_path,
    has_avatar,
    head_of,
    no_job_running,
)

CLIPS = ";".join(f"*{suffix}" for suffix in VIDEO_SUFFIXES)

ResultHandler = Callable[[bpy.types.Scene, Mapping[str, Any]], None]


class STUDIO_AVATAR_OT_choose_footage(ReportingOperator, bpy.types.Operator):
    """Choose the clip that the avatar is made from"""

    bl_idname = "studio_avatar.choose_footage"
    bl_label = "Choose Footage"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
    else:
        filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
        filter_glob: StringProperty(default=CLIPS, options={"HIDDEN"})

    def invoke(self, context, event):
        """A drop brings its path along; a click opens the file browser."""
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return RUNNING_MODAL

    def run(self, context):
        scene_settings(context.scene).footage = str(existing_footage(self.filepath))


class STUDIO_AVATAR_FH_clip(bpy.types.FileHandler):
    """Takes a clip that is dropped on the viewport."""

    bl_idname = "STUDIO_AVATAR_FH_clip"
    bl_label = "Footage for Studio Avatar"
    bl_import_operator = STUDIO_AVATAR_OT_choose_footage.bl_idname
    bl_file_extensions = ";".join(VIDEO_SUFFIXES)

    @classmethod
    def poll_drop(cls, context):
        return context.area is not None and context.area.type == "VIEW_3D"


class JobOperator(ReportingOperator):
    """`invoke` starts the job and lets a timer follow it, `execute` blocks until its end."""

    def start(self, context: bpy.types.Context) -> Job:
        raise NotImplementedError

    def result_handler(self) -> ResultHandler:
        """What brings the result into the scene; outlives the operator."""
        return ignore_result

    def invoke(self, context, event):
        if bpy.app.background:
            return self.execute(context)
        try:
            job = self.start(context)
        except StudioAvatarError as error:
            return self.report_error(error)
        watch_job(
            job,
            partial(apply_result, context.scene.session_uid, self.result_handler(), self.bl_label),
        )
        return FINISHED

    def run(self, context):
        self.start(context)
        self.result_handler()(context.scene, wait_for_job())


class STUDIO_AVATAR_OT_create_avatar(JobOperator, bpy.types.Operator):
    """Make a rigged, evenly lit head from the clip; the work runs beside Blender"""

    bl_idname = "studio_avatar.create_avatar"
    bl_label = "Create Avatar"

    if TYPE_CHECKING:
        filepath: str
        directory: str
        quality: str
    else:
        filepath: StringProperty(
            description="Clip or folder of photos; empty: the scene's footage",
            subtype="FILE_PATH",
            options={"SKIP_SAVE"},
        )
        directory: StringProperty(
            description="The avatar folder; empty: the scene's, else avatars/<clip>",
            subtype="DIR_PATH",
            options={"SKIP_SAVE"},
        )
        quality: EnumProperty(
            items=[(name, name.title(), "") for name in QUALITIES],
            default="standard",
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context):
        return no_job_running(cls)

    def start(self, context):
        settings = scene_settings(context.scene)
        footage = existing_footage(self.filepath or settings.footage)
        directory = self.directory or settings.directory
        avatar = absolute_path(directory) if directory else default_avatar_folder(footage)
        quality = self.quality if self.properties.is_property_set("quality") else settings.quality
        arguments = {
            "footage": str(footage),
            "out": str(avatar),
            "quality": quality,
            "device": backend_choice().device,
            **skin_choices(settings).as_arguments(),
        }
        return start_job(context.scene, "create", arguments)

    def result_handler(self):
        return load_created_avatar


class STUDIO_AVATAR_OT_apply_performance(JobOperator, bpy.types.Operator):
    """Animate the avatar from its own footage, another clip, a performance or a recording"""

    bl_idname = "studio_avatar.apply_performance"
    bl_label = "Apply Performance"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: StringProperty(
            description="A clip, a performance of an avatar folder or a Live Link Face CSV; "
            "empty: the avatar's own",
            subtype="FILE_PATH",
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context):
        return no_job_running(cls) and has_avatar(cls, context)

    def invoke(self, context, event):
        if self.filepath and not self.is_finished_performance():
            return super().invoke(context, event)
        return self.execute(context)

    def is_finished_performance(self) -> bool:
        return not self.filepath or Path(self.filepath).suffix.lower() in (
            ".npz",
            RECORDING_SUFFIX,
        )

    def run(self, context):
        if self.is_finished_performance():
            path = absolute_path(self.filepath) if self.filepath else None
            apply_performance_file(context.scene, head_of(context), path)
        else:
            super().run(context)

    def start(self, context):
        footage = existing_footage(self.filepath)
        avatar = avatar_root(head_of(context))
        arguments = {"avatar": str(avatar), "footage": str(footage)}
        return start_job(context.scene, "perform", arguments)

    def result_handler(self):
        return apply_created_performance


class STUDIO_AVATAR_OT_cancel_job(bpy.types.Operator):
    """Stop the running job; the stages that it finished are kept"""

    bl_idname = "studio_avatar.cancel_job"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context):
        return SESSION.running

    def execute(self, context):
        SESSION.cancel()
        return FINISHED


class STUDIO_AVATAR_OT_check_system(JobOperator, bpy.types.Operator):
    """Start the backend and list its interpreter, device and the reason for it, memory, packages"""

    bl_idname = "studio_avatar.check_system"
    bl_label = "Check System"

    @classmethod
    def poll(cls, context):
        return no_job_running(cls)

    def start(self, context):
        return start_job(None, "doctor", {"device": backend_choice().device})


class STUDIO_AVATAR_OT_dismiss_error(bpy.types.Operator):
    """Put the message away"""

    bl_idname = "studio_avatar.dismiss_error"
    bl_label = "Dismiss"

    def execute(self, context):
        SESSION.error = None
        return FINISHED


def existing_footage(path: str) -> Path:
    """The clip or folder of photos behind an artist's path. Raises FootageUnreadable."""
    if not path:
        raise FootageUnreadable(
            "No footage is chosen.", "Drop a clip on the viewport or choose one in the panel."
        )
    footage = absolute_path(path)
    if not footage.exists():
        raise FootageUnreadable(
            f"There is no file {footage}.",
            "Choose the clip again; it may have been moved or renamed.",
        )
    return footage


def skin_choices(settings: StudioAvatarSettings) -> StudioChoices:
    """What the panel says of the skin."""
    neutral = None
    if settings.has_neutral:
        reflectance = float(settings.neutral_is) or None
        neutral = NeutralSpot(settings.neutral_frame, *settings.neutral_px, reflectance)
    return StudioChoices(
        settings.studio_method,
        settings.light_removal,
        settings.skin_exposure,
        settings.skin_warmth,
        settings.refine_seconds,
        neutral,
    )


def ignore_result(scene: bpy.types.Scene, result: Mapping[str, Any]) -> None:
    """For jobs whose result is only shown in a panel."""


def load_created_avatar(scene: bpy.types.Scene, result: Mapping[str, Any]) -> None:
    load_avatar(scene, Path(result["avatar"]))


def apply_created_performance(scene: bpy.types.Scene, result: Mapping[str, Any]) -> None:
    """A performance belongs to the head whose avatar folder it lies in."""
    root = Path(result["avatar"])
    for head in avatars(scene):
        if avatar_root(head) == root:
            apply_performance_file(scene, head, Path(result["performance"]))


def apply_result(
    scene_uid: int, apply: ResultHandler, label: str, result: Mapping[str, Any]
) -> None:
    """Apply a result as one undo step. Raises JobError where the scene is gone by now."""
    scene = next((s for s in bpy.data.scenes if s.session_uid == scene_uid), None)
    if scene is None:
        raise JobError(
            "The job is done, but the scene it was for is no longer open.",
            f"Load the avatar from {result.get('avatar', 'its folder')}.",
        )
    apply(scene, result)
    bpy.ops.ed.undo_push(message=label)


CLASSES = (
    STUDIO_AVATAR_OT_choose_footage,
    STUDIO_AVATAR_FH_clip,
    STUDIO_AVATAR_OT_create_avatar,
    STUDIO_AVATAR_OT_apply_performance,
    STUDIO_AVATAR_OT_cancel_job,
    STUDIO_AVATAR_OT_check_system,
    STUDIO_AVATAR_OT_dismiss_error,
)
