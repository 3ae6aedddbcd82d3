"""The operator that removes what earlier runs left in an avatar's folder."""

from collections.abc import Iterator
from pathlib import Path

import bpy

from ..avatar.bundle import open_avatar
from ..avatar.errors import AvatarFolderError, StudioAvatarError
from ..avatar.old_runs import OldRuns, find_old_runs
from ..job_timer import start_job
from ..scene.parts import avatar_root
from .jobs import JobOperator
from .reporting import CANCELLED, has_avatar, head_of, no_job_running

_DIALOG_PX = 420
_MOST_LINES = 12  # of the dialog


class STUDIO_AVATAR_OT_tidy_avatar(JobOperator, bpy.types.Operator):
    """Remove what earlier runs left in the avatar's folder. The avatar stays as it is, and so does
    what Studio Avatar did not make"""

    bl_idname = "studio_avatar.tidy_avatar"
    bl_label = "Remove Old Results"

    lines: tuple[str, ...] = ()  # of the dialog; none where there is no dialog

    @classmethod
    def poll(cls, context):
        return no_job_running(cls) and has_avatar(cls, context)

    def invoke(self, context, event):
        """Ask first. The folder is looked through here, once, and not while the dialog is drawn."""
        if bpy.app.background:
            return self.execute(context)
        try:
            found = removable_runs(head_of(context))
        except StudioAvatarError as error:
            return self.report_error(error)
        self.lines = old_run_lines(found)
        if not found.removable_bytes:
            self.report({"INFO"}, ". ".join(self.lines))
            return CANCELLED
        return context.window_manager.invoke_props_dialog(
            self, width=_DIALOG_PX, confirm_text="Remove"
        )

    def draw(self, context):
        column = self.layout.column(align=True)
        for line in self.lines[:_MOST_LINES]:
            column.label(text=line)
        if len(self.lines) > _MOST_LINES:
            column.label(text=f"and {len(self.lines) - _MOST_LINES} more")
        column.separator()
        column.label(
            text="Other .blend files that show old results lose their textures.", icon="ERROR"
        )

    def execute(self, context):
        """What the dialog confirmed runs beside Blender; a script's call waits for the end."""
        return super().invoke(context, None) if self.lines else super().execute(context)

    def start(self, context):
        head = head_of(context)
        removable_runs(head)
        return start_job(None, "tidy", {"avatar": str(avatar_root(head)), "remove": True})


def removable_runs(head: bpy.types.Object) -> OldRuns:
    """Raises AvatarFolderError where the folder is damaged, or the open file shows an old run."""
    folder = open_avatar(avatar_root(head))
    found = find_old_runs(folder)
    removable = {path.resolve() for run in found.runs if not run.kept_because for path in run.made}
    if removable.intersection(_shown_files()):
        raise AvatarFolderError(
            f"This file still shows old results of {folder.name}.",
            "Load the avatar again, then remove them.",
        )
    return found


def _shown_files() -> Iterator[Path]:
    for image in bpy.data.images:
        if image.filepath and image.packed_file is None:
            yield Path(bpy.path.abspath(image.filepath, library=image.library)).resolve()


def old_run_lines(found: OldRuns) -> tuple[str, ...]:
    """E.g. "a1b2c3: 120.4 MB" for each of the old results, with why it stays where it does."""
    described = [
        f"{run.name}: {run.bytes / 1e6:.1f} MB"
        + (f", stays: {run.kept_because}" if run.kept_because else "")
        for run in found.runs
    ]
    megabytes = found.removable_bytes / 1e6
    total = f"{megabytes:.1f} MB can be removed" if megabytes else "Nothing can be removed"
    return (total, *described)


CLASSES = (STUDIO_AVATAR_OT_tidy_avatar,)
