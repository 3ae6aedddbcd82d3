"""The avatar's eight materials, and what the Look panel changes about the skin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np

from ..avatar.bundle import HeadData
from ..avatar.errors import AvatarFolderError
from ..avatar.template import MATERIALS
from . import compat
from .head import head_scale
from .skin_material import Maps, build_skin, image_of, link_version, load_maps, versions
from .tissue_materials import TISSUES, build_cornea, build_eye, build_tissue, color_from_atlas

IRIS_RADIUS_M = 0.00585
MATERIAL = "studio_avatar_material"  # on a material: which of MATERIALS it is
VERSION = "studio_avatar_version"  # on the skin: the texture version shown
COVERAGE = "studio_avatar_coverage"  # on the skin: whether the overlay is shown


@dataclass(frozen=True)
class SkinControl:
    """A number of the skin for a panel to draw: `layout.prop(socket, "default_value")`."""

    label: str
    socket: bpy.types.NodeSocket


_CONTROLS = (
    ("Brightness", "Skin Tone", "Value"),
    ("Saturation", "Skin Tone", "Saturation"),
    ("Roughness", "Roughness", 1),
    ("Subsurface", "Skin", "Subsurface Scale"),
    ("Relief", "Normal Map", "Strength"),
    ("Pores", "Pore Relief", "Strength"),
    ("Lip Moisture", "Lip Moisture", 1),
)


def build_materials(
    name: str, fit: HeadData, maps: Maps, former: bpy.types.Object | None
) -> dict[str, bpy.types.Material]:
    """Materials by the names in `MATERIALS`.

    Those of the `former` head are kept as the artist left them, with their maps read again.
    """
    kept = {m[MATERIAL]: m for m in former.data.materials if m and MATERIAL in m} if former else {}
    made = {kind: kept.get(kind) or _filled_material(name, kind, fit) for kind in MATERIALS}
    load_maps(made["skin"], maps)
    shown = versions(made["skin"])
    if shown:
        wanted = made["skin"].get(VERSION)
        _show(made.values(), wanted if wanted in shown else shown[-1])
    return made


def _filled_material(name: str, kind: str, fit: HeadData) -> bpy.types.Material:
    material = new_material(name, kind)
    if kind == "skin":
        build_skin(material, head_scale(fit))
    elif kind == "eye":
        build_eye(material, _iris_angle(fit))
    elif kind == "cornea":
        build_cornea(material)
    else:
        build_tissue(material, TISSUES[kind])
    return material


def new_material(avatar: str, kind: str) -> bpy.types.Material:
    material = bpy.data.materials.new(f"{avatar} {kind}")
    material[MATERIAL] = kind
    return material


def texture_versions(head: bpy.types.Object) -> tuple[str, ...]:
    """Those of "phone", "studio" and "detail" that the avatar has."""
    return versions(_skin(head))


def texture_version(head: bpy.types.Object) -> str:
    """The version shown, "" for an avatar without textures."""
    return str(_skin(head).get(VERSION, ""))


def set_texture_version(head: bpy.types.Object, origin: str) -> None:
    """Show a texture version. Raises AvatarFolderError where the avatar has none of that name."""
    if origin not in texture_versions(head):
        raise AvatarFolderError(
            f"This avatar has no {origin} textures.", "Choose another version, or create it again."
        )
    _show(head.data.materials, origin)


def coverage_shown(head: bpy.types.Object) -> bool:
    return bool(_skin(head).get(COVERAGE, False))


def show_coverage(head: bpy.types.Object, shown: bool) -> None:
    """Tint the skin by what the footage showed: green was seen, red was made up."""
    _skin(head)[COVERAGE] = shown
    _show(head.data.materials, texture_version(head))


def skin_controls(head: bpy.types.Object) -> tuple[SkinControl, ...]:
    """The numbers of the skin that an artist changes first, as far as their nodes are there."""
    present = compat.node_tree(_skin(head)).nodes
    return tuple(
        SkinControl(label, present[node].inputs[socket])
        for label, node, socket in _CONTROLS
        if node in present
    )


def _skin(head: bpy.types.Object) -> bpy.types.Material:
    for material in head.data.materials:
        if material is not None and material.get(MATERIAL) == "skin":
            return material
    raise AvatarFolderError(
        f"{head.name} has lost its skin material.", "Load the avatar again to restore it."
    )


def _show(materials: Iterable[bpy.types.Material], origin: str) -> None:
    """Link the version's maps in all of an avatar's materials."""
    by_kind = {m[MATERIAL]: m for m in materials if m is not None and MATERIAL in m}
    skin = by_kind["skin"]
    skin[VERSION] = origin
    link_version(skin, origin, bool(skin.get(COVERAGE, False)))
    for kind in ("eye", *TISSUES):
        if kind in by_kind:
            color_from_atlas(by_kind[kind], image_of(skin, origin))


def _iris_angle(fit: HeadData) -> float:
    """Half the angle (rad) that an iris of usual width spans, seen from the eye's centre."""
    radius = IRIS_RADIUS_M * head_scale(fit) / float(fit.eye_radius_m.mean())
    return float(np.arcsin(min(radius, 0.9)))
