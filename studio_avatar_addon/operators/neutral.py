"""Operators that pick something white or grey in a frame, which tells the light's colour."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import FloatProperty, IntProperty

from ..avatar.studio_choices import ChoiceError, NeutralSpot
from ..properties import scene_settings
from .reporting import CANCELLED, FINISHED, RUNNING_MODAL, ReportingOperator

FRAME_FILE = re.compile(r"frame_(\d+)\.png$")
PASS_THROUGH = {"PASS_THROUGH"}


class STUDIO_AVATAR_OT_pick_neutral(ReportingOperator, bpy.types.Operator):
    """Click on something white or grey beside the face, in an Image Editor that shows a frame of
    the avatar (its folder's runs/…/frames): it tells the colour of the light"""

    bl_idname = "studio_avatar.pick_neutral"
    bl_label = "Pick Neutral"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        frame: int
        x_px: float
        y_px: float
    else:
        frame: IntProperty(min=0, options={"SKIP_SAVE"})
        x_px: FloatProperty(description="From the frame's left", options={"SKIP_SAVE"})
        y_px: FloatProperty(description="From the frame's top", options={"SKIP_SAVE"})

    def invoke(self, context, event):
        context.window.cursor_modal_set("EYEDROPPER")
        context.window_manager.modal_handler_add(self)
        return RUNNING_MODAL

    def modal(self, context, event):
        if event.type in ("ESC", "RIGHTMOUSE"):
            context.window.cursor_modal_restore()
            return CANCELLED
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return PASS_THROUGH
        context.window.cursor_modal_restore()
        try:
            spot = _clicked(context.screen, event.mouse_x, event.mouse_y)
        except ChoiceError as error:
            return self.report_error(error)
        self.frame, self.x_px, self.y_px = spot.frame, spot.x_px, spot.y_px
        return self.execute(context)

    def run(self, context):
        settings = scene_settings(context.scene)
        settings.has_neutral = True
        settings.neutral_frame = self.frame
        settings.neutral_px = (self.x_px, self.y_px)


class STUDIO_AVATAR_OT_clear_neutral(bpy.types.Operator):
    """Forget the neutral spot"""

    bl_idname = "studio_avatar.clear_neutral"
    bl_label = "Clear Neutral"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        scene_settings(context.scene).has_neutral = False
        return FINISHED


def spot_in(image: bpy.types.Image, u: float, v: float) -> NeutralSpot:
    """The spot at (u, v) in [0, 1], v up. Raises ChoiceError where the picture is no frame."""
    named = FRAME_FILE.search(Path(image.filepath).name)
    if named is None or not (0.0 <= u < 1.0 and 0.0 < v <= 1.0):
        raise ChoiceError(
            "That is no place in a frame of the avatar.",
            "Open a picture of its runs/…/frames in an Image Editor and click on it there.",
        )
    width, height = cast("tuple[int, int]", image.size)
    return NeutralSpot(int(named[1]), u * width, (1.0 - v) * height)


def _clicked(screen: bpy.types.Screen, x: int, y: int) -> NeutralSpot:
    """Raises ChoiceError where the click was not on a frame in an Image Editor."""
    for area in screen.areas:
        space = area.spaces.active
        if area.type != "IMAGE_EDITOR" or space.image is None:
            continue
        for region in area.regions:
            inside = (
                region.x <= x < region.x + region.width and region.y <= y < region.y + region.height
            )
            if region.type == "WINDOW" and inside:
                place = region.view2d.region_to_view(x - region.x, y - region.y)
                return spot_in(space.image, *cast("tuple[float, float]", place))
    raise ChoiceError(
        "The click was not in an Image Editor that shows a frame.",
        "Open a picture of the avatar's runs/…/frames there first.",
    )


CLASSES = (STUDIO_AVATAR_OT_pick_neutral, STUDIO_AVATAR_OT_clear_neutral)
