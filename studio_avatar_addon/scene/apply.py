"""An avatar folder to a rigged head in the scene: mesh, materials, bones, bust, one collection.

Applying the same avatar again replaces what the avatar made and nothing else: objects keep their
names, places, modifiers and Actions, materials the artist's own nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ..avatar.bundle import AvatarFolder, HeadData, template_of
from ..avatar.heads import check_head
from ..avatar.template import HeadTemplate
from . import parts
from .bust import build_bust
from .head import build_head
from .materials import build_materials
from .rig import build_rig
from .skin_material import Maps


@dataclass(frozen=True)
class AppliedAvatar:
    """What stands in the scene now."""

    head: bpy.types.Object
    rig: bpy.types.Object
    bust: bpy.types.Object
    collection: bpy.types.Collection


def apply_avatar(scene: bpy.types.Scene, folder: AvatarFolder) -> AppliedAvatar:
    """Build or refresh the avatar of `folder` in the scene.

    Raises TemplateError where its template is missing or of another version, AvatarFolderError
    where the folder is damaged; the scene is then as it was.
    """
    template = template_of(folder)
    return build_avatar(scene, folder.name, template, folder.head, folder.maps, folder.root)


def build_avatar(
    scene: bpy.types.Scene,
    name: str,
    template: HeadTemplate,
    fit: HeadData,
    maps: Maps,
    root: Path | None = None,
) -> AppliedAvatar:
    """Build or refresh an avatar from explicit values; `root`: the folder that they came from.

    Raises AvatarFolderError where `fit` is no head of the template; the scene is then as it was.
    """
    check_head(fit, template)
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    collection = _collection(scene, name)
    former = parts.part_in(collection, name, parts.HEAD)
    materials = build_materials(name, fit, maps, former)
    head = build_head(name, template, fit, materials, collection, root)
    rig = build_rig(scene, name, fit.joints_m, head, collection)
    bust = build_bust(name, template, fit, rig, collection)
    return AppliedAvatar(head, rig, bust, collection)


def _collection(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    """The collection that holds this avatar in the scene, or a new one of its name."""
    for collection in scene.collection.children_recursive:
        if collection.get(parts.AVATAR) == name:
            return collection
    collection = bpy.data.collections.new(name)
    collection[parts.AVATAR] = name
    scene.collection.children.link(collection)
    return collection
