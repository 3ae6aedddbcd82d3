"""The extension's preferences: which interpreter, device and cache folder; the system check."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, StringProperty

from .avatar.layout import DEVICES

PACKAGE = __package__ or ""

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
            description="For what can be made again; empty: the extension's own user folder",
            subtype="DIR_PATH",
        )

    def draw(self, context: bpy.types.Context) -> None:
        from .drawing import draw_system_check

        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "backend_python")
        column.prop(self, "device")
        column.prop(self, "cache_folder")
        draw_system_check(self.layout, context)


@dataclass(frozen=True)
class BackendChoice:
    """What the preferences say; "" leaves a path to the defaults of `places`."""

    python: str = ""
    device: str = "auto"
    cache_folder: str = ""


def backend_choice() -> BackendChoice:
    """The preferences, or their defaults where a script registered the classes by itself."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    if addon is None:
        return BackendChoice()
    chosen = addon.preferences
    return BackendChoice(chosen.backend_python, chosen.device, chosen.cache_folder)


CLASSES = (StudioAvatarPreferences,)
