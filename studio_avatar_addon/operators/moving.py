"""The operator that brings avatars out of the extension's own folder."""

import bpy

from ..avatar_moving import endangered, move_endangered
from ..places import unsaved_folder
from .reporting import Reporting, not_busy


class STUDIO_AVATAR_OT_move_avatars(Reporting, bpy.types.Operator):
    """Move avatars and renders from the extension's own folder, which is deleted with it, to your
    documents. Files that use them find them there"""

    bl_idname = "studio_avatar.move_avatars"
    bl_label = "Move Avatars"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        return not_busy(cls) and len(endangered()) > 0

    def carry_out(self, context):
        moved = move_endangered()
        self.report({"INFO"}, f"Moved {moved} to {unsaved_folder()}")


CLASSES = (STUDIO_AVATAR_OT_move_avatars,)
