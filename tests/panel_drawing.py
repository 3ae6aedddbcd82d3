"""Panels in, what they draw out: stand-ins for the window that Blender's module lacks."""

from __future__ import annotations

from types import SimpleNamespace

import bpy

from studio_avatar_addon import panels


class Layout:
    """Stands in for Blender's layout, which needs a window: takes every call that a panel makes
    and holds it against what is really registered."""

    def __init__(self, drawn: list[str]) -> None:
        self.drawn = drawn

    def row(self, **_: object) -> Layout:
        return self

    column = box = row

    def panel(self, name: str, default_closed: bool) -> tuple[Layout, Layout]:
        self.drawn.append(name)
        return self, self

    def label(self, text: str = "", icon: str = "NONE") -> None:
        self.drawn.append(text)

    def prop(self, owner: bpy.types.bpy_struct, name: str, **_: object) -> None:
        assert name in owner.bl_rna.properties
        self.drawn.append(name)

    def operator(self, name: str, **_: object) -> SimpleNamespace:
        assert hasattr(bpy.types, f"STUDIO_AVATAR_OT_{name.removeprefix('studio_avatar.')}")
        self.drawn.append(name)
        return SimpleNamespace()

    def operator_menu_enum(self, name: str, choice: str, **_: object) -> None:
        operator = getattr(bpy.ops.studio_avatar, name.removeprefix("studio_avatar."))
        assert choice in operator.get_rna_type().properties
        self.drawn.append(name)

    def progress(self, factor: float, type: str, text: str) -> None:
        assert 0.0 <= factor <= 1.0
        self.drawn.append(text)

    def template_icon(self, icon: int, scale: float) -> None:
        self.drawn.append("picture")


def window_context() -> SimpleNamespace:
    """What panels ask of the context; the bpy module has no window."""
    return SimpleNamespace(
        scene=bpy.context.scene,
        active_object=bpy.context.active_object,
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
        region=SimpleNamespace(width=300),
    )


def draw_tab() -> list[str]:
    drawn: list[str] = []
    context = window_context()
    for panel in panels.CLASSES:
        if not hasattr(panel, "poll") or panel.poll(context):
            panel.draw(SimpleNamespace(layout=Layout(drawn)), context)
    return drawn
