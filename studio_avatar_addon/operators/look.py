"""Operators for the avatar as it stands: load, texture version, coverage, studio light."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..avatar.layout import TEXTURE_ORIGINS
from ..avatar_loading import load_avatar
from ..job_timer import SESSION
from ..scene import lights, materials
from .reporting import RUNNING_MODAL, AvatarOperator, ReportingOperator, absolute_path, head_of


class STUDIO_AVATAR_OT_load_avatar(ReportingOperator, bpy.types.Operator):
    """Bring the avatar of a folder into the scene, or refresh the one that stands there"""

    bl_idname = "studio_avatar.load_avatar"
    bl_label = "Load Avatar"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        directory: str
        filter_folder: bool
    else:
        directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
        filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context, event):
        context.window_manager.fileselect_add(self)
        return RUNNING_MODAL

    def run(self, context):
        load_avatar(context.scene, absolute_path(self.directory))
        SESSION.error = None


class STUDIO_AVATAR_OT_set_texture_version(AvatarOperator, bpy.types.Operator):
    """Show the textures as filmed, evenly lit, or evenly lit with the skin's detail"""

    bl_idname = "studio_avatar.set_texture_version"
    bl_label = "Texture Version"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        origin: str
    else:
        origin: EnumProperty(items=[(name, name.title(), "") for name in TEXTURE_ORIGINS])

    def run(self, context):
        materials.set_texture_version(head_of(context), self.origin)


class STUDIO_AVATAR_OT_show_coverage(AvatarOperator, bpy.types.Operator):
    """Tint the skin by what the footage showed: green was seen, red was made up"""

    bl_idname = "studio_avatar.show_coverage"
    bl_label = "Coverage"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        shown: bool
    else:
        shown: BoolProperty(default=True)

    def run(self, context):
        materials.show_coverage(head_of(context), self.shown)


class STUDIO_AVATAR_OT_studio_light(ReportingOperator, bpy.types.Operator):
    """Switch the studio's lights and surroundings on or off"""

    bl_idname = "studio_avatar.studio_light"
    bl_label = "Studio Light"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        on: bool
    else:
        on: BoolProperty(default=True)

    def run(self, context):
        lights.set_studio_light(context.scene, self.on)


CLASSES = (
    STUDIO_AVATAR_OT_load_avatar,
    STUDIO_AVATAR_OT_set_texture_version,
    STUDIO_AVATAR_OT_show_coverage,
    STUDIO_AVATAR_OT_studio_light,
)
