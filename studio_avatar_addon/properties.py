"""What the artist sets per scene, and where it lives: `Scene.studio_avatar`."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .avatar.layout import STUDIO_METHODS
from .avatar.studio_choices import RANGES
from .footage_preview import load_preview
from .scene import lights

_METHOD_ITEMS = {
    "hybrid": ("Guided", "A network tells skin from light, and physics takes the light out"),
    "stylegan": ("Network", "The network's own smooth skin everywhere: for heads hardly seen"),
    "physical": ("Physical", "The fitted light is taken out, without a network"),
}
_ENVIRONMENT_ITEMS: list[tuple[str, str, str]] = []


def _environment_items(
    _settings: bpy.types.bpy_struct, _context: bpy.types.Context | None
) -> list[tuple[str, str, str]]:
    """Blender keeps no reference to the strings of a computed list, so this module does."""
    if not _ENVIRONMENT_ITEMS:
        _ENVIRONMENT_ITEMS.append(("NONE", "Own World", "The scene's own world"))
        _ENVIRONMENT_ITEMS.extend(
            (name, name.replace("_", " ").title(), "A real place's light, shipped with Blender")
            for name in lights.environments()
        )
    return _ENVIRONMENT_ITEMS


def _range(name: str) -> dict[str, float]:
    low, high = RANGES[name]
    return {"min": low, "max": high}


def _on_footage_changed(settings: "StudioAvatarSettings", _context: bpy.types.Context) -> None:
    if settings.footage:
        load_preview(Path(bpy.path.abspath(settings.footage)))


class StudioAvatarSettings(bpy.types.PropertyGroup):
    if TYPE_CHECKING:
        footage: str
        directory: str
        quality: str
        studio_method: str
        light_removal: float
        skin_exposure: float
        skin_warmth: float
        refine_seconds: float
        has_neutral: bool
        neutral_frame: int
        neutral_px: tuple[float, float]
        neutral_is: str
        last_job: str
        performance: str
        light_rig: str
        environment: str
        environment_strength: float
        environment_visible: bool
        render_folder: str
    else:
        footage: StringProperty(
            name="Footage",
            description="The phone clip of a person turning the head, or a folder of photos",
            subtype="FILE_PATH",
            update=_on_footage_changed,
        )
        directory: StringProperty(
            name="Avatar Folder",
            description="Where the avatar is kept; empty: avatars/<clip> beside the saved file, "
            "else in your documents",
            subtype="DIR_PATH",
        )
        quality: EnumProperty(
            name="Quality",
            items=[
                ("draft", "Draft", "1024 px textures from fewer frames: a quick look"),
                ("standard", "Standard", "2048 px textures"),
                ("high", "High", "4096 px textures from more frames"),
            ],
            default="standard",
        )
        studio_method: EnumProperty(
            name="Skin",
            description="How the skin's own colour is told from the room's light",
            items=[(name, *_METHOD_ITEMS[name]) for name in STUDIO_METHODS],
            default=STUDIO_METHODS[0],
        )
        light_removal: FloatProperty(
            name="Light Removal",
            description="How much of the room's light is taken out of the skin",
            subtype="FACTOR",
            default=1.0,
            **_range("light_removal"),
        )
        skin_exposure: FloatProperty(
            name="Skin Exposure",
            description="Stops by which the skin is made lighter: one clip cannot tell a bright "
            "lamp on dark skin from a dim one on light skin",
            default=0.0,
            **_range("skin_exposure"),
        )
        skin_warmth: FloatProperty(
            name="Skin Warmth",
            description="From cooler to warmer skin",
            default=0.0,
            **_range("skin_warmth"),
        )
        refine_seconds: FloatProperty(
            name="Refine Network",
            description="Seconds in which the network's idea of the face is moved towards what the "
            "footage shows; without it the network answers at once",
            default=0.0,
            **_range("refine_seconds"),
        )
        has_neutral: BoolProperty(options={"HIDDEN"})
        neutral_frame: IntProperty(options={"HIDDEN"})
        neutral_px: FloatVectorProperty(size=2, options={"HIDDEN"})
        neutral_is: EnumProperty(
            name="Neutral",
            description="What it is: a known reflectance tells how light the skin is, too",
            items=[
                ("0", "Something Grey", "Its colour is neutral, how light it is is not known"),
                ("0.85", "White Paper", "Reflects 85 % of the light"),
                ("0.18", "Grey Card", "Reflects 18 % of the light"),
            ],
        )
        last_job: StringProperty(options={"HIDDEN"})  # its folder's name in the cache
        performance: StringProperty(
            name="Performance",
            description="A clip, a finished performance or a Live Link Face CSV; "
            "empty: the avatar's own footage",
            subtype="FILE_PATH",
        )
        light_rig: EnumProperty(
            name="Rig",
            items=[(key, rig.label, rig.description) for key, rig in lights.LIGHT_RIGS.items()],
        )
        environment: EnumProperty(name="Environment", items=_environment_items)
        environment_strength: FloatProperty(name="Strength", default=1.0, min=0.0, soft_max=5.0)
        environment_visible: BoolProperty(
            name="Visible Background", description="Show the place behind the head", default=False
        )
        render_folder: StringProperty(
            name="Renders",
            description="Where pictures go; empty: renders beside the saved file, else in your "
            "documents",
            subtype="DIR_PATH",
        )


def scene_settings(scene: bpy.types.Scene) -> StudioAvatarSettings:
    return scene.studio_avatar


def add_scene_property() -> None:
    bpy.types.Scene.studio_avatar = PointerProperty(type=StudioAvatarSettings)


def remove_scene_property() -> None:
    del bpy.types.Scene.studio_avatar


CLASSES = (StudioAvatarSettings,)
