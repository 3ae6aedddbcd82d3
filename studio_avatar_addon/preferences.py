"""The extension's preferences: which interpreter, device and cache folder; the system check."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, StringProperty

from .avatar.layout import DEVICES
from .backend_choice import PACKAGE
from .drawing import draw_legacy_files, draw_system_check

_DEVICE_NAMES = {
    "auto": ("Automatic", "The fastest device that works; the report says which and why"),
    "cpu": ("CPU", "Slower, works everywhere"),
    "cuda": ("NVIDIA (CUDA)", "A graphics card by NVIDIA, or AMD's with a ROCm build of Torch"),
    "mps": ("Apple (Metal)", "The graphics processor of Apple's chips"),
    "xpu": ("Intel (XPU)", "A graphics processor by Intel"),
}


class StudioAvatarPreferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    if TYPE_CHECKING:
        backend_python: str
        device: str
        cache_folder: str
    else:
        backend_python: StringProperty(
            name="Backend Interpreter",
            description="Python 3.11 or 3.12 with the backend's packages; empty: the default place",
            subtype="FILE_PATH",
        )
        device: EnumProperty(
            name="Device",
            description="What the networks run on",
            items=[(device, *_DEVICE_NAMES[device]) for device in DEVICES],
        )
        cache_folder: StringProperty(
            name="Cache Folder",
            description="For what can be made again, and the logs of jobs; empty: the extension's "
            "own user folder",
            subtype="DIR_PATH",
        )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "backend_python")
        column.prop(self, "device")
        column.prop(self, "cache_folder")
        draw_legacy_files(self.layout, context)
        draw_system_check(self.layout, context)


CLASSES = (StudioAvatarPreferences,)
