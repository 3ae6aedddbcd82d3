"""Operators for light, camera and pictures: rigs, environments, still, turntable."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..places import default_render_folder
from ..properties import scene_settings
from ..scene import lights, render
from .reporting import AvatarOperator, ReportingOperator, absolute_path, head_of


class STUDIO_AVATAR_OT_add_light_rig(AvatarOperator, bpy.types.Operator):
    """Light the head with a studio rig; it takes the place of the one before"""

    bl_idname = "studio_avatar.add_light_rig"
    bl_label = "Add Light Rig"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        rig: str
    else:
        rig: EnumProperty(
            name="Rig",
            items=[(key, rig.label, rig.description) for key, rig in lights.LIGHT_RIGS.items()],
        )

    def run(self, context):
        lights.add_light_rig(context.scene, head_of(context), self.rig)


class STUDIO_AVATAR_OT_remove_light_rig(ReportingOperator, bpy.types.Operator):
    """Take the studio rig out of the scene"""

    bl_idname = "studio_avatar.remove_light_rig"
    bl_label = "Remove Light Rig"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context):
        lights.remove_light_rig(context.scene)


class STUDIO_AVATAR_OT_set_hdri(ReportingOperator, bpy.types.Operator):
    """Light the scene with a real place: one that ships with Blender, or a picture of your own"""

    bl_idname = "studio_avatar.set_hdri"
    bl_label = "Set HDRI"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        environment: str
        filepath: str
        strength: float
        rotation: float
        visible: bool
    else:
        environment: StringProperty(
            name="Environment", description="A name that Blender ships; empty: none of them"
        )
        filepath: StringProperty(
            description="A picture of your own, .hdr or .exr",
            subtype="FILE_PATH",
            options={"SKIP_SAVE"},
        )
        strength: FloatProperty(name="Strength", default=1.0, min=0.0, soft_max=5.0)
        rotation: FloatProperty(name="Rotation", subtype="ANGLE")
        visible: BoolProperty(name="Visible", description="Show the place behind the head")

    def run(self, context):
        source = absolute_path(self.filepath) if self.filepath else self.environment or None
        lights.set_environment(context.scene, source, self.strength, self.rotation, self.visible)


class STUDIO_AVATAR_OT_add_camera(AvatarOperator, bpy.types.Operator):
    """Frame the head with an 85 mm camera"""

    bl_idname = "studio_avatar.add_camera"
    bl_label = "Frame Head"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context):
        render.studio_camera(context.scene, head_of(context))


class RenderOperator(AvatarOperator):
    """Renders into `filepath`, by default in the scene's folder for renders."""

    suffix: str

    def output_path(self, context):
        if self.filepath:
            return absolute_path(self.filepath)
        chosen = scene_settings(context.scene).render_folder
        folder = absolute_path(chosen) if chosen else default_render_folder()
        return folder / f"{head_of(context).name}{self.suffix}"

    def report_file(self, path):
        self.report({"INFO"}, f"Rendered {path}")


class STUDIO_AVATAR_OT_render_still(RenderOperator, bpy.types.Operator):
    """Render the head in Cycles, 640 x 640 px"""

    bl_idname = "studio_avatar.render_still"
    bl_label = "Render Still"
    suffix = ".png"

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})

    def run(self, context):
        self.report_file(
            render.render_still(context.scene, head_of(context), self.output_path(context))
        )


class STUDIO_AVATAR_OT_render_turntable(RenderOperator, bpy.types.Operator):
    """Render the head turning once round in Cycles: 24 frames, 320 x 320 px"""

    bl_idname = "studio_avatar.render_turntable"
    bl_label = "Render Turntable"
    suffix = ".mp4"

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})

    def run(self, context):
        self.report_file(
            render.render_turntable(context.scene, head_of(context), self.output_path(context))
        )


CLASSES = (
    STUDIO_AVATAR_OT_add_light_rig,
    STUDIO_AVATAR_OT_remove_light_rig,
    STUDIO_AVATAR_OT_set_hdri,
    STUDIO_AVATAR_OT_add_camera,
    STUDIO_AVATAR_OT_render_still,
    STUDIO_AVATAR_OT_render_turntable,
)
