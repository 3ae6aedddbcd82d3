"""Joints to an armature of seven bones that turns head, neck and eyeballs.

Bone axes: what animation turns is given in the head frame, see `animation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.errors import AvatarFolderError
from ..avatar.template import BONE_PARENTS, BONES, EYE_BONES
from . import parts

_MODIFIER = "Studio Avatar Rig"
_GAZE_CONSTRAINT = "Studio Avatar Gaze"
_GAZE_DISTANCE_M = 0.6  # of the target before the eyes: near enough to see both in one view
_GAZE_SIZE_M = 0.03  # of the drawn circle
_CIRCLE_POINTS = 32


@dataclass(frozen=True)
class _BoneShape:
    """A bone's custom shape; `size` and `along` (from the bone's head) in bone lengths.

    The jaw bone has none: jawOpen moves the jaw, and the bone no skin.
    """

    kind: str  # "ring" or "disc"
    size: float
    along: float
    palette: str


_BONE_SHAPES = {
    "root": _BoneShape("ring", 4.5, 0.0, "THEME01"),
    "neck": _BoneShape("ring", 1.1, 0.5, "THEME09"),
    "head": _BoneShape("ring", 0.75, 0.95, "THEME09"),
    "tongue": _BoneShape("disc", 0.25, 1.6, "THEME03"),
    "eye.L": _BoneShape("disc", 0.55, 2.2, "THEME04"),
    "eye.R": _BoneShape("disc", 0.55, 2.2, "THEME04"),
}


def build_rig(
    scene: bpy.types.Scene,
    name: str,
    joints_m: NDArray[np.floating],
    head: bpy.types.Object,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """The avatar's armature with bones from `joints_m` (B, 2, 3), bound to the head."""
    rig = parts.part_in(collection, name, parts.RIG)
    if rig is None:
        armature = bpy.data.armatures.new(f"{name} Rig")
        rig = parts.new_part(collection, name, parts.RIG, f"{name} Rig", armature)
        rig.show_in_front = True
        armature.display_type = "STICK"
    _bones(scene, rig, joints_m)
    for pose_bone in rig.pose.bones:
        _shape_bone(pose_bone)
    bind(head, rig)
    return rig


def bind(skin: bpy.types.Object, rig: bpy.types.Object) -> None:
    """Let the rig carry and bend a mesh; bones bend the cage before it is subdivided."""
    if skin.parent is None:
        skin.parent = rig
    if _MODIFIER not in skin.modifiers:
        skin.modifiers.new(_MODIFIER, "ARMATURE").object = rig
        skin.modifiers.move(skin.modifiers.find(_MODIFIER), 0)


def rig_of(head: bpy.types.Object) -> bpy.types.Object | None:
    return parts.sibling(head, parts.RIG)


def required_rig(head: bpy.types.Object) -> bpy.types.Object:
    """The head's rig. Raises AvatarFolderError where the artist deleted it."""
    rig = rig_of(head)
    if rig is None:
        raise AvatarFolderError(
            f"{head.name} has lost its rig.", "Load the avatar again to restore it."
        )
    return rig


def add_gaze_target(head: bpy.types.Object) -> bpy.types.Object:
    """An empty before the face that both eyes follow until `remove_gaze_target`.

    Raises AvatarFolderError where the rig was deleted.
    """
    rig = required_rig(head)
    target = parts.sibling(head, parts.GAZE)
    if target is None:
        avatar = head[parts.AVATAR]
        target = parts.new_part(
            head.users_collection[0], avatar, parts.GAZE, f"{avatar} Gaze", None
        )
        eyes = [rig.data.bones[eye].head_local for eye in EYE_BONES]
        target.parent = rig
        target.location = (eyes[0] + eyes[1]) / 2
        target.location.y -= _GAZE_DISTANCE_M
        target.empty_display_type, target.empty_display_size = "CIRCLE", _GAZE_SIZE_M
        target.show_name = True
    for eye in EYE_BONES:
        constraints = rig.pose.bones[eye].constraints
        if _GAZE_CONSTRAINT not in constraints:
            follow = constraints.new("DAMPED_TRACK")
            follow.name, follow.target, follow.track_axis = _GAZE_CONSTRAINT, target, "TRACK_Y"
    return target


def remove_gaze_target(head: bpy.types.Object) -> None:
    """The eyes go back to their keyed rotation. Raises as `add_gaze_target` does."""
    rig = required_rig(head)
    for eye in EYE_BONES:
        constraints = rig.pose.bones[eye].constraints
        if _GAZE_CONSTRAINT in constraints:
            constraints.remove(constraints[_GAZE_CONSTRAINT])
    target = parts.sibling(head, parts.GAZE)
    if target is not None:
        bpy.data.objects.remove(target)


def _bones(scene: bpy.types.Scene, rig: bpy.types.Object, joints_m: NDArray[np.floating]) -> None:
    """Create or move the bones. Edit bones exist in edit mode only, hence the mode switch."""
    layer = scene.view_layers[0]
    former_active = layer.objects.active
    layer.objects.active = rig
    with bpy.context.temp_override(
        scene=scene, view_layer=layer, object=rig, active_object=rig, selected_objects=[rig]
    ):
        bpy.ops.object.mode_set(mode="EDIT")
        edit_bones = rig.data.edit_bones
        for bone, parent, ends in zip(BONES, BONE_PARENTS, joints_m, strict=True):
            edit = edit_bones.get(bone) or edit_bones.new(bone)
            edit.head, edit.tail = ends[0].tolist(), ends[1].tolist()
            edit.parent = edit_bones[BONES[parent]] if parent >= 0 else None
            edit.use_connect = False
            edit.roll = 0.0
        bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = former_active


def _shape_bone(pose_bone: bpy.types.PoseBone) -> None:
    """A wire shape and a colour to grab; an artist's own shape is left alone."""
    pose_bone.rotation_mode = "QUATERNION"
    shape = _BONE_SHAPES.get(pose_bone.name)
    if shape is None or pose_bone.custom_shape is not None:
        return
    pose_bone.custom_shape = _custom_shape(shape.kind)
    pose_bone.use_custom_shape_bone_size = True
    pose_bone.custom_shape_scale_xyz = (shape.size,) * 3
    pose_bone.custom_shape_translation = (0.0, shape.along * pose_bone.bone.length, 0.0)
    pose_bone.color.palette = shape.palette


def _custom_shape(kind: str) -> bpy.types.Object:
    """A circle (or a crossed one) about the bone's axis, in no collection, shared by all rigs."""
    name = f"Studio Avatar {kind}"
    shape = bpy.data.objects.get(name)
    if shape is not None:
        return shape
    count = _CIRCLE_POINTS
    angles = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    points = np.stack([np.cos(angles), np.zeros(count), np.sin(angles)], axis=1)
    edges = [(i, (i + 1) % count) for i in range(count)]
    if kind == "disc":
        edges += [(0, count // 2), (count // 4, 3 * count // 4)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), edges, [])
    return bpy.data.objects.new(name, mesh)
