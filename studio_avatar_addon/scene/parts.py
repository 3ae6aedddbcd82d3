"""Which Blender objects belong to an avatar: found by custom properties, never by name.

An artist may rename or move anything; every object of an avatar carries the avatar's name and
its part in it.
"""

from __future__ import annotations

from pathlib import Path

import bpy

AVATAR = "studio_avatar"  # on every object of an avatar: the avatar's name
PART = "studio_avatar_part"  # and which part of it this is
FOLDER = "studio_avatar_folder"  # on the head: where the avatar lies on disk

HEAD, RIG, BUST, GAZE = "head", "rig", "bust", "gaze"


def part_in(collection: bpy.types.Collection, avatar: str, part: str) -> bpy.types.Object | None:
    """The avatar's `part` in this collection, if it is there."""
    for candidate in collection.all_objects:
        if candidate.get(AVATAR) == avatar and candidate.get(PART) == part:
            return candidate
    return None


def sibling(member: bpy.types.Object, part: str) -> bpy.types.Object | None:
    """Another part of the avatar that `member` belongs to, in the same collections."""
    for collection in member.users_collection:
        found = part_in(collection, member.get(AVATAR, ""), part)
        if found is not None:
            return found
    return None


def new_part(
    collection: bpy.types.Collection,
    avatar: str,
    part: str,
    name: str,
    data: bpy.types.ID | None,
) -> bpy.types.Object:
    """Make and link an object, marked as this avatar's `part`."""
    created = bpy.data.objects.new(name, data)
    created[AVATAR], created[PART] = avatar, part
    collection.objects.link(created)
    return created


def avatars(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The heads of all avatars in the scene."""
    return [candidate for candidate in scene.objects if candidate.get(PART) == HEAD]


def active_avatar(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head that the active object belongs to, else the scene's first avatar."""
    active = context.active_object
    if active is not None and AVATAR in active:
        return active if active.get(PART) == HEAD else sibling(active, HEAD)
    return next(iter(avatars(context.scene)), None)


def avatar_root(head: bpy.types.Object) -> Path:
    """The avatar folder that this head was made from."""
    return Path(bpy.path.abspath(str(head[FOLDER])))
