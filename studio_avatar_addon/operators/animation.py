"""Operators for the face's movement: reset, mirror and test the shapes, give the eyes a target."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty

from ..scene import rig, shape_keys, shape_test
from .reporting import AvatarOperator, head_of


class STUDIO_AVATAR_OT_reset_shapes(AvatarOperator, bpy.types.Operator):
    """Set all 52 shapes to zero; keyed ones come back with the next frame.
    While the test is on: end it and bring back the animation, values and frames from before"""

    bl_idname = "studio_avatar.reset_shapes"
    bl_label = "Reset"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context):
        head = head_of(context)
        if shape_test.shape_test_on(head):
            shape_test.end_shape_test(head)
        else:
            shape_keys.reset_shapes(head)


class STUDIO_AVATAR_OT_mirror_shapes(AvatarOperator, bpy.types.Operator):
    """Copy the expression of one side of the face to the other, or exchange them"""

    bl_idname = "studio_avatar.mirror_shapes"
    bl_label = "Mirror"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        direction: str
    else:
        direction: EnumProperty(
            name="Direction",
            items=[
                ("LEFT", "Left to Right", "The subject's left side is copied to the right"),
                ("RIGHT", "Right to Left", "The subject's right side is copied to the left"),
                ("SWAP", "Exchange", "Both sides are exchanged"),
            ],
        )

    def run(self, context):
        shape_keys.mirror_shapes(head_of(context), self.direction)


class STUDIO_AVATAR_OT_test_shapes(AvatarOperator, bpy.types.Operator):
    """Animate every shape one after the other, in Actions of its own, until Reset"""

    bl_idname = "studio_avatar.test_shapes"
    bl_label = "Test"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context):
        shape_test.start_shape_test(context.scene, head_of(context))


class STUDIO_AVATAR_OT_add_gaze_target(AvatarOperator, bpy.types.Operator):
    """Add an empty in front of the face that both eyes follow"""

    bl_idname = "studio_avatar.add_gaze_target"
    bl_label = "Add Gaze Target"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context):
        rig.add_gaze_target(head_of(context))


class STUDIO_AVATAR_OT_remove_gaze_target(AvatarOperator, bpy.types.Operator):
    """Let the eyes move as they are keyed again"""

    bl_idname = "studio_avatar.remove_gaze_target"
    bl_label = "Remove Gaze Target"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context):
        rig.remove_gaze_target(head_of(context))


CLASSES = (
    STUDIO_AVATAR_OT_reset_shapes,
    STUDIO_AVATAR_OT_mirror_shapes,
    STUDIO_AVATAR_OT_test_shapes,
    STUDIO_AVATAR_OT_add_gaze_target,
    STUDIO_AVATAR_OT_remove_gaze_target,
)
