"""The operator that brings avatars out of the extension's own folder."""

import bpy

from ..avatar_moving import legacy_files, move_legacy_files
from ..places import unsaved_folder
from .reporting import ReportingOperator, no_job_running


class STUDIO_AVATAR_OT_move_avatars(ReportingOperator, bpy.types.Operator):
    """Move avatars and renders from the extension's own folder, which is deleted with it, to your
    documents. Files that use them find them there"""

    bl_idname = "studio_avatar.move_avatars"
    bl_label = "Move Avatars"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        return no_job_running(cls) and len(legacy_files()) > 0

    def run(self, context):
        moved = move_legacy_files()
        self.report({"INFO"}, f"Moved {moved} to {unsaved_folder()}")


CLASSES = (STUDIO_AVATAR_OT_move_avatars,)
