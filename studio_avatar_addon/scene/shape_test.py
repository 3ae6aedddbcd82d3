"""The shape test: every shape from 0 to 1 and back in turn, until its end brings back all before.

What the test replaces is kept in custom properties of head and scene: they follow undo and are
saved with the file, and an Action that they point to counts as used, so that it is never dropped.
An Action of the test that the artist renames is the artist's from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np

from ..avatar.shapes import SHAPE_NAMES
from ..avatar.types import Performance
from .animation import FACE_ACTION, POSE_ACTION, AppliedPerformance, apply_performance
from .parts import AVATAR, avatars
from .rig import rig_of

SAVED_STATE = "studio_avatar_before_test"  # on head and scene, while the test is on
_SHAPE_S = 0.5  # from rest over the full shape back to rest: quick, and still to be followed


def start_shape_test(scene: bpy.types.Scene, head: bpy.types.Object) -> AppliedPerformance:
    """Animate every shape from the scene's first frame on, in Actions of the test's own.

    Where the test is on already, it starts anew, and `end_shape_test` still brings back what was
    there before the first one.
    """
    name = _test_name(head)
    before = _saved(head)
    for kind, (owner, action_name) in _animated_owners(head, name).items():
        if _action_name(owner) != action_name:
            before[kind] = _state(owner)
    former = _saved_actions(head)
    head[SAVED_STATE] = before
    _protect(former)
    frames = _saved(scene) or _frames(scene)
    applied = apply_performance(scene, head, _performance(), name)
    scene[SAVED_STATE] = frames | {"test_end": scene.frame_end}
    return applied


def shape_test_on(head: bpy.types.Object) -> bool:
    return SAVED_STATE in head


def end_shape_test(head: bpy.types.Object) -> None:
    """Bring back the Actions, values and frames from before the test; nothing where none is on.

    What the artist replaced while it was on stays as the artist left it.
    """
    if not shape_test_on(head):
        return
    before = _saved(head)
    kept = _saved_actions(head)
    for kind, (owner, action_name) in _animated_owners(head, _test_name(head)).items():
        if _action_name(owner) == action_name:
            _restore(owner, before.get(kind, {}))
            test = bpy.data.actions[action_name]
            if test.users == 0:
                bpy.data.actions.remove(test)
    del head[SAVED_STATE]
    _protect(kept)
    for scene in bpy.data.scenes:
        if SAVED_STATE in scene and not any(map(shape_test_on, avatars(scene))):
            _restore_frames(scene)


def _test_name(head: bpy.types.Object) -> str:
    return f"{head[AVATAR]} Shape Test"


def _performance() -> Performance:
    count = 2 * len(SHAPE_NAMES) + 1
    weights = np.zeros((count, len(SHAPE_NAMES)), np.float32)
    weights[1::2] = np.eye(len(SHAPE_NAMES))
    return Performance(
        time_s=np.arange(count) * _SHAPE_S / 2,
        weights=weights,
        neck_from_head=np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)),
        gaze_rad=np.zeros((count, 2, 2), np.float32),
    )


def _animated_owners(head: bpy.types.Object, name: str) -> dict[str, tuple[bpy.types.ID, str]]:
    """What a performance animates, and the name of its Action for it."""
    owners = {"face": (head.data.shape_keys, FACE_ACTION), "pose": (rig_of(head), POSE_ACTION)}
    return {
        kind: (owner, action_name.format(name))
        for kind, (owner, action_name) in owners.items()
        if owner is not None
    }


def _saved(owner: bpy.types.ID) -> dict[str, Any]:
    """A copy of the state saved on head or scene: Blender frees the property that is replaced."""
    return owner[SAVED_STATE].to_dict() if SAVED_STATE in owner else {}


def _action_name(owner: bpy.types.ID) -> str:
    animation = owner.animation_data
    return animation.action.name if animation and animation.action else ""


def _state(owner: bpy.types.Key | bpy.types.Object) -> dict[str, Any]:
    """Action and slot, and the values that shapes or bones have without them."""
    state: dict[str, Any] = {"values": _values(owner)}
    animation = owner.animation_data
    if animation is not None and animation.action is not None:
        state["action"] = animation.action
        if getattr(animation, "action_slot", None) is not None:
            state["slot"] = animation.action_slot.handle
    return state


def _values(owner: bpy.types.Key | bpy.types.Object) -> dict[str, list[float]]:
    if isinstance(owner, bpy.types.Key):
        return {key.name: [key.value] for key in owner.key_blocks if key.name in SHAPE_NAMES}
    return {bone.name: list(bone.rotation_quaternion) for bone in owner.pose.bones}


def _restore(owner: bpy.types.Key | bpy.types.Object, state: Mapping[str, Any]) -> None:
    animation = owner.animation_data
    action = state.get("action")
    animation.action = action
    if action is not None and hasattr(action, "slots"):
        handle = state.get("slot")
        animation.action_slot = next((s for s in action.slots if s.handle == handle), None)
    for name, values in state.get("values", {}).items():
        if isinstance(owner, bpy.types.Object) and name in owner.pose.bones:
            owner.pose.bones[name].rotation_quaternion = values
        elif isinstance(owner, bpy.types.Key) and name in owner.key_blocks:
            owner.key_blocks[name].value = values[0]


def _saved_actions(head: bpy.types.Object) -> list[bpy.types.Action]:
    """The Actions that only the head's custom properties may hold."""
    states = _saved(head).values()
    return [state["action"] for state in states if state.get("action") is not None]


def _protect(actions: list[bpy.types.Action]) -> None:
    """Where the artist chose others in their place, nothing else would use them."""
    for action in actions:
        if action.users == 0:
            action.use_fake_user = True


def _frames(scene: bpy.types.Scene) -> dict[str, float]:
    return {
        "end": scene.frame_end,
        "current": scene.frame_current,
        "subframe": scene.frame_subframe,
    }


def _restore_frames(scene: bpy.types.Scene) -> None:
    """An end that the artist set meanwhile stays."""
    frames = _saved(scene)
    if scene.frame_end == frames["test_end"]:
        scene.frame_end = frames["end"]
    scene.frame_set(frames["current"], subframe=frames["subframe"])
    del scene[SAVED_STATE]
