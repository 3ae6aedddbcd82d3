"""The avatar's materials, and what the Look panel changes about skin and eyes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np

from ..avatar.bundle import HeadData
from ..avatar.errors import AvatarFolderError
from ..avatar.template import IRIS_RADIUS_M, MATERIALS
from . import compat, nodes
from .head import head_scale
from .skin_material import (
    PORE_STRENGTH,
    Maps,
    available_versions,
    base_color_image,
    build_skin,
    load_maps,
    show_version,
)
from .tissue_materials import (
    CLEAR_IOR,
    IRIS_SIZE,
    IRIS_TINT,
    TISSUES,
    build_eye,
    build_tissue,
    build_transparent,
    color_from_atlas,
)

MATERIAL = "studio_avatar_material"  # on a material: which of MATERIALS it is
VERSION = "studio_avatar_version"  # on the skin: the texture version shown
COVERAGE = "studio_avatar_coverage"  # on the skin: whether the overlay is shown


@dataclass(frozen=True)
class LookControl:
    """A value of a material for a panel to draw: `layout.prop(socket, "default_value")`."""

    label: str
    socket: bpy.types.NodeSocket


_CONTROLS = (
    ("skin", "Brightness", "Skin Tone", "Value"),
    ("skin", "Saturation", "Skin Tone", "Saturation"),
    ("skin", "Roughness", "Roughness", 1),
    ("skin", "Subsurface", "Skin", "Subsurface Scale"),
    ("skin", "Relief", "Normal Map", "Strength"),
    ("skin", "Pores", PORE_STRENGTH, nodes.MIX_FACTOR),
    ("skin", "Lip Moisture", "Lip Moisture", 1),
    ("eye", "Iris Tint", IRIS_TINT, nodes.MIX_B),
    ("eye", "Iris Size", IRIS_SIZE, None),  # None: the node's own value
)


def build_materials(
    name: str, fit: HeadData, maps: Maps, former: bpy.types.Object | None
) -> dict[str, bpy.types.Material]:
    """Materials by the names in `MATERIALS`.

    What the `former` head wears is kept, be it ours or the artist's own; our maps are read again.
    """
    current = dict(zip(MATERIALS, former.data.materials, strict=False)) if former else {}
    materials_by_kind = {
        kind: current.get(kind) or _filled_material(name, kind, fit) for kind in MATERIALS
    }
    skin = materials_by_kind["skin"]
    if MATERIAL in skin:
        load_maps(skin, name, maps)
        shown = available_versions(skin)
        if shown:
            _show_version(
                materials_by_kind.values(),
                skin[VERSION] if skin.get(VERSION) in shown else shown[-1],
            )
    return materials_by_kind


def _filled_material(name: str, kind: str, fit: HeadData) -> bpy.types.Material:
    material = new_material(name, kind)
    if kind == "skin":
        build_skin(material, head_scale(fit))
    elif kind == "eye":
        build_eye(material, _iris_angle(fit))
    elif kind in CLEAR_IOR:
        build_transparent(material, CLEAR_IOR[kind])
    else:
        build_tissue(material, TISSUES[kind])
    return material


def new_material(avatar: str, kind: str) -> bpy.types.Material:
    material = bpy.data.materials.new(f"{avatar} {kind}")
    material[MATERIAL] = kind
    return material


def texture_versions(head: bpy.types.Object) -> tuple[str, ...]:
    """Those of "phone", "studio" and "detail" that it has; none on the artist's own material."""
    skin = _skin(head)
    return available_versions(skin) if skin else ()


def texture_version(head: bpy.types.Object) -> str:
    """The version shown, "" for an avatar without textures."""
    skin = _skin(head)
    return str(skin.get(VERSION, "")) if skin else ""


def set_texture_version(head: bpy.types.Object, origin: str) -> None:
    """Show a texture version. Raises AvatarFolderError where the avatar has none of that name."""
    if origin not in texture_versions(head):
        raise AvatarFolderError(
            f"This avatar has no {origin} textures.", "Choose another version, or create it again."
        )
    _show_version(head.data.materials, origin)


def coverage_shown(head: bpy.types.Object) -> bool:
    skin = _skin(head)
    return bool(skin and skin.get(COVERAGE, False))


def show_coverage(head: bpy.types.Object, shown: bool) -> None:
    """Tint the skin by what the footage showed: green was seen, red was made up.

    Raises AvatarFolderError where the head wears another skin material.
    """
    skin = _skin(head)
    if skin is None:
        raise AvatarFolderError(
            f"{head.name} wears a skin material of your own.",
            "Take it out of its slot and load the avatar again to see the coverage.",
        )
    skin[COVERAGE] = shown
    _show_version(head.data.materials, texture_version(head))


def look_controls(head: bpy.types.Object) -> tuple[LookControl, ...]:
    """The values that an artist changes first, as far as our nodes are there."""
    controls = []
    for kind, label, name, socket in _CONTROLS:
        current = _material_of_kind(head, kind)
        node = compat.node_tree(current).nodes.get(name) if current is not None else None
        if node is not None:
            entry = node.outputs[0] if socket is None else node.inputs[socket]
            controls.append(LookControl(label, entry))
    return tuple(controls)


def _skin(head: bpy.types.Object) -> bpy.types.Material | None:
    return _material_of_kind(head, "skin")


def _material_of_kind(head: bpy.types.Object, kind: str) -> bpy.types.Material | None:
    """Our material of a kind on the head; None where the artist put another in its place."""
    current = (m for m in head.data.materials if m is not None and m.get(MATERIAL) == kind)
    return next(current, None)


def _show_version(materials: Iterable[bpy.types.Material], origin: str) -> None:
    """Link the version's maps in all of an avatar's materials."""
    by_kind = {m[MATERIAL]: m for m in materials if m is not None and MATERIAL in m}
    skin = by_kind["skin"]
    skin[VERSION] = origin
    show_version(skin, origin, bool(skin.get(COVERAGE, False)))
    for kind in ("eye", *TISSUES):
        if kind in by_kind:
            color_from_atlas(by_kind[kind], base_color_image(skin, origin))


def _iris_angle(fit: HeadData) -> float:
    """Half the angle (rad) that an iris of usual width spans, seen from the eye's centre."""
    radius = IRIS_RADIUS_M * head_scale(fit) / float(fit.eye_radius_m.mean())
    return float(np.arcsin(min(radius, 0.9)))
