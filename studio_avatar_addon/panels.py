"""The sidebar tab "Studio Avatar": panels in the order of work. They only draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .avatar.shapes import REGIONS, SHAPE_NAMES, shape_region
from .avatar.studio_choices import RANGES
from .drawing import draw_error, draw_job, draw_legacy_files, draw_text
from .footage_preview import loaded_preview
from .job_timer import SESSION
from .operators.reporting import absolute_path, head_of
from .places import default_avatar_folder
from .properties import StudioAvatarSettings, scene_settings
from .scene import lights, materials
from .scene.parts import GAZE, active_avatar, avatar_root, sibling
from .scene.shape_test import shape_test_on

_VERSION_LABELS = {"phone": "Phone", "studio": "Studio", "detail": "Detail"}


class SidebarPanel:
    """Base of our panels; Blender sets `layout` before it calls `draw`."""

    if TYPE_CHECKING:
        layout: bpy.types.UILayout

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Studio Avatar"


class AvatarPanel(SidebarPanel):
    @classmethod
    def poll(cls, context):
        return active_avatar(context) is not None


class STUDIO_AVATAR_PT_footage(SidebarPanel, bpy.types.Panel):
    bl_label = "Footage"
    bl_order = 0

    def draw(self, context):
        layout = self.layout
        settings = scene_settings(context.scene)
        layout.prop(settings, "footage", text="")
        if not settings.footage:
            draw_text(layout, context, "Drop a phone clip of a face on the viewport, or pick one.")
            return
        footage = absolute_path(settings.footage)
        if footage.is_file():
            preview = loaded_preview(footage)
            if preview is not None:
                layout.template_icon(preview.icon_id, scale=6.0)
                draw_text(layout, context, preview.summary)
        elif not footage.is_dir():
            draw_text(layout, context, "This file does not exist.", icon="ERROR")
        for finding in SESSION.status.warnings:
            draw_text(layout, context, finding.message, icon="INFO")


class STUDIO_AVATAR_PT_avatar(SidebarPanel, bpy.types.Panel):
    bl_label = "Avatar"
    bl_order = 1

    def draw(self, context):
        layout = self.layout
        settings = scene_settings(context.scene)
        draw_legacy_files(layout, context)
        column = layout.column()
        column.enabled = not SESSION.running
        column.prop(settings, "quality", text="")
        column.prop(settings, "directory", text="", placeholder=_default_folder(settings.footage))
        _draw_skin_choices(layout, context, settings)
        if SESSION.running:
            draw_job(layout, context)
        else:
            button = layout.column()
            button.scale_y = 1.6
            button.operator("studio_avatar.create_avatar", icon="USER")
        draw_error(layout, context)
        layout.operator("studio_avatar.load_avatar", icon="FILE_FOLDER")
        head = active_avatar(context)
        if head is not None:
            root = avatar_root(head)
            draw_text(layout, context, f"{head.name} from {root.parent.name}/{root.name}")
            layout.operator("studio_avatar.tidy_avatar", icon="TRASH")
            removed = SESSION.status.result
            if SESSION.command == "tidy" and removed.get("avatar") == str(root):
                text = f"{removed.get('removed_mb')} MB of old results were removed."
                draw_text(layout, context, text, icon="INFO")


class STUDIO_AVATAR_PT_look(AvatarPanel, bpy.types.Panel):
    bl_label = "Look"
    bl_order = 2

    def draw(self, context):
        layout = self.layout
        head = head_of(context)
        light_on = lights.studio_light_on(context.scene)
        layout.operator(
            "studio_avatar.studio_light", depress=light_on, icon="LIGHT_AREA", text="Studio Light"
        ).on = not light_on
        shown = materials.texture_version(head)
        row = layout.row(align=True)
        for origin in materials.texture_versions(head):
            row.operator(
                "studio_avatar.set_texture_version",
                text=_VERSION_LABELS[origin],
                depress=origin == shown,
            ).origin = origin
        covered = materials.coverage_shown(head)
        layout.operator(
            "studio_avatar.show_coverage", depress=covered, icon="OVERLAY", text="Coverage"
        ).shown = not covered
        column = layout.column(align=True)
        for control in materials.look_controls(head):
            column.prop(control.socket, "default_value", text=control.label)
        draw_text(
            layout,
            context,
            "Hair is not rebuilt: where it hid the scalp, that is drawn cropped short. "
            "Put a groom of your own on it.",
            icon="INFO",
        )


class STUDIO_AVATAR_PT_animation(AvatarPanel, bpy.types.Panel):
    bl_label = "Animation"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout = self.layout
        head = head_of(context)
        source = scene_settings(context.scene).performance
        column = layout.column(align=True)
        column.prop(
            scene_settings(context.scene),
            "performance",
            text="",
            placeholder="The avatar's own footage",
        )
        column.operator("studio_avatar.apply_performance").filepath = source
        row = layout.row(align=True)
        row.operator("studio_avatar.test_shapes", icon="PLAY")
        row.operator("studio_avatar.reset_shapes", icon="LOOP_BACK")
        row.operator_menu_enum("studio_avatar.mirror_shapes", "direction", icon="MOD_MIRROR")
        if shape_test_on(head):
            text = "The test is on: Reset brings back your animation."
            draw_text(layout, context, text, icon="INFO")
        if sibling(head, GAZE) is None:
            layout.operator("studio_avatar.add_gaze_target", icon="HIDE_OFF")
        else:
            layout.operator("studio_avatar.remove_gaze_target", icon="HIDE_ON")
        _draw_sliders(layout, head)


class STUDIO_AVATAR_PT_light_render(AvatarPanel, bpy.types.Panel):
    bl_label = "Light & Render"
    bl_order = 4

    def draw(self, context):
        layout = self.layout
        settings = scene_settings(context.scene)
        column = layout.column(align=True)
        column.prop(settings, "light_rig", text="")
        row = column.row(align=True)
        row.operator("studio_avatar.add_light_rig").rig = settings.light_rig
        row.operator("studio_avatar.remove_light_rig", text="", icon="X")
        column = layout.column(align=True)
        column.prop(settings, "environment", text="")
        column.prop(settings, "environment_strength")
        column.prop(settings, "environment_visible", toggle=True)
        button = column.operator("studio_avatar.set_hdri", text="Set Environment")
        button.environment = "" if settings.environment == "NONE" else settings.environment
        button.strength = settings.environment_strength
        button.visible = settings.environment_visible
        layout.operator("studio_avatar.add_camera", icon="CAMERA_DATA")
        layout.prop(settings, "render_folder", text="", placeholder="renders")
        row = layout.row(align=True)
        row.operator("studio_avatar.render_still", icon="RENDER_STILL", text="Still")
        row.operator("studio_avatar.render_turntable", icon="RENDER_ANIMATION", text="Turntable")


def _draw_skin_choices(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: StudioAvatarSettings
) -> None:
    """Closed at first: one click must do."""
    header, body = layout.panel("studio_avatar_skin", default_closed=True)
    header.label(text="Skin")
    if body is None:
        return
    column = body.column(align=True)
    column.enabled = not SESSION.running
    column.prop(settings, "studio_method", text="")
    for name in RANGES:
        column.prop(settings, name, slider=True)
    row = body.row(align=True)
    row.operator("studio_avatar.pick_neutral", icon="EYEDROPPER")
    if settings.has_neutral:
        row.operator("studio_avatar.clear_neutral", icon="X", text="")
        body.prop(settings, "neutral_is", text="")
        x, y = settings.neutral_px
        draw_text(body, context, f"Neutral: frame {settings.neutral_frame} at {x:.0f}, {y:.0f} px")
    draw_text(body, context, "Create again to see a change: only the last stages run.")


def _draw_sliders(layout: bpy.types.UILayout, head: bpy.types.Object) -> None:
    """All 52 shapes by region of the face."""
    blocks = head.data.shape_keys.key_blocks
    for region in REGIONS:
        header, body = layout.panel(f"studio_avatar_{region}", default_closed=True)
        header.label(text=region.capitalize())
        if body is None:
            continue
        column = body.column(align=True)
        for name in SHAPE_NAMES:
            if shape_region(name) == region and name in blocks:
                column.prop(blocks[name], "value", text=name, slider=True)


def _default_folder(footage: str) -> str:
    return str(default_avatar_folder(absolute_path(footage))) if footage else "Avatar folder"


CLASSES = (
    STUDIO_AVATAR_PT_footage,
    STUDIO_AVATAR_PT_avatar,
    STUDIO_AVATAR_PT_look,
    STUDIO_AVATAR_PT_animation,
    STUDIO_AVATAR_PT_light_render,
)
