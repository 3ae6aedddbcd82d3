"""Test and Reset cost the artist nothing: Actions, slots, values and frames come back."""

from __future__ import annotations

from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from panel_drawing import draw_tab  # noqa: E402

from studio_avatar_addon.avatar.shapes import SHAPE_NAMES  # noqa: E402
from studio_avatar_addon.scene.parts import avatars  # noqa: E402
from studio_avatar_addon.scene.rig import rig_of  # noqa: E402

TEST_WORDS = "The test is on: Reset brings back your animation."


@pytest.fixture
def head(operators, scene, avatar) -> bpy.types.Object:
    """A loaded avatar, moved by the artist's own Actions from frame 10 of 1 to 40."""
    operators.load_avatar(directory=str(avatar))
    (head,) = avatars(scene)
    head.data.shape_keys.animation_data.action = None
    rig_of(head).animation_data.action = None
    head.data.shape_keys.key_blocks["jawOpen"].value = 0.6
    key_own(head.data.shape_keys, "Own Face", 'key_blocks["mouthSmileLeft"].value', 0.75)
    key_own(rig_of(head), "Own Pose", 'pose.bones["neck"].rotation_quaternion', (0.5,) * 4)
    scene.frame_end = 40
    scene.frame_set(10)
    return head


def key_own(owner: bpy.types.ID, name: str, path: str, value: object) -> None:
    """An Action whose second slot is the one in use, as an artist may have it."""
    action = bpy.data.actions.new(name)
    animation = owner.animation_data
    if hasattr(action, "slots"):
        action.slots.new(id_type=owner.id_type, name="Other")
        animation.action = action
        animation.action_slot = action.slots.new(id_type=owner.id_type, name="Used")
    else:
        animation.action = action
    target, _, attribute = path.rpartition(".")
    block = owner.path_resolve(target)
    setattr(block, attribute, value)
    block.keyframe_insert(attribute, frame=10)


def state(head: bpy.types.Object) -> dict[str, object]:
    """All that the test must give back, told without pointers."""
    scene, told = bpy.context.scene, {}
    for kind, owner in (("face", head.data.shape_keys), ("pose", rig_of(head))):
        animation = owner.animation_data
        told[kind] = animation.action.name if animation.action else ""
        slot = getattr(animation, "action_slot", None)
        told[f"{kind} slot"] = slot.identifier if slot else ""
    told["values"] = shape_values(head)
    told["neck"] = [round(x, 5) for x in rig_of(head).pose.bones["neck"].rotation_quaternion]
    told["frames"] = (scene.frame_start, scene.frame_end, scene.frame_current)
    told["actions"] = sorted(action.name for action in bpy.data.actions)
    return told


def shape_values(head: bpy.types.Object) -> list[float]:
    return [round(head.data.shape_keys.key_blocks[name].value, 5) for name in SHAPE_NAMES]


def reopen(tmp_path: Path) -> bpy.types.Object:
    """The head after saving and opening the file, which drops what nothing uses."""
    blend = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.wm.open_mainfile(filepath=blend)
    (head,) = avatars(bpy.context.scene)
    return head


def test_reset_brings_back_all_that_the_test_replaced(operators, scene, head):
    before = state(head)
    operators.test_shapes()
    assert state(head)["face"] != before["face"]
    assert scene.frame_end > 600
    assert TEST_WORDS in " ".join(draw_tab())
    scene.frame_set(300)
    operators.reset_shapes()
    assert state(head) == before
    assert TEST_WORDS not in " ".join(draw_tab())


def test_second_press_keeps_what_was_before_the_first(operators, scene, head):
    before = state(head)
    operators.test_shapes()
    scene.frame_set(300)
    operators.test_shapes()
    operators.reset_shapes()
    assert state(head) == before
    operators.reset_shapes()  # the test is over: now it resets the shapes
    assert not any(state(head)["values"])


def test_own_actions_survive_save_and_reload_in_the_midst(operators, scene, head, tmp_path):
    before = state(head)
    operators.test_shapes()
    scene.frame_set(300)
    head = reopen(tmp_path)
    assert {"Own Face", "Own Pose"} <= set(state(head)["actions"])
    operators.test_shapes()
    head = reopen(tmp_path)
    operators.reset_shapes()
    assert state(head) | {"actions": None} == before | {"actions": None}
    head = reopen(tmp_path)
    assert (state(head)["face"], state(head)["pose"]) == ("Own Face", "Own Pose")
    assert not [name for name in state(head)["actions"] if "Shape Test" in name]


def test_undo_and_redo_of_test_and_reset(operators, scene, head):
    before = state(head)
    bpy.ops.ed.undo_push(message="Before")
    operators.test_shapes()
    bpy.ops.ed.undo_push(message="Test")
    during = state(head)
    operators.reset_shapes()
    bpy.ops.ed.undo_push(message="Reset")
    bpy.ops.ed.undo()
    (head,) = avatars(bpy.context.scene)
    assert state(head) == during
    bpy.ops.ed.undo()
    (head,) = avatars(bpy.context.scene)
    assert state(head) == before
    bpy.ops.ed.redo()
    operators.reset_shapes()
    (head,) = avatars(bpy.context.scene)
    assert state(head) == before


def test_head_without_actions_gets_its_values_back(operators, scene, head):
    head.data.shape_keys.animation_data.action = None
    rig_of(head).animation_data_clear()
    head.data.shape_keys.key_blocks["mouthSmileLeft"].value = 0.3
    before = shape_values(head)
    operators.test_shapes()
    scene.frame_set(200)
    operators.reset_shapes()
    assert shape_values(head) == before
    assert head.data.shape_keys.animation_data.action is None
    assert head.data.shape_keys.animation_data.drivers


def test_what_the_artist_changes_meanwhile_stays(operators, scene, head, tmp_path):
    operators.test_shapes()
    keys = head.data.shape_keys
    chosen = bpy.data.actions.new("Chosen Later")
    keys.animation_data.action = chosen
    scene.frame_end = 90
    operators.reset_shapes()
    assert keys.animation_data.action == chosen
    assert rig_of(head).animation_data.action.name == "Own Pose"
    assert scene.frame_end == 90
    head = reopen(tmp_path)
    assert "Own Face" in bpy.data.actions


def test_test_over_an_action_chosen_meanwhile_gives_that_one_back(operators, head, tmp_path):
    operators.test_shapes()
    keys = head.data.shape_keys
    keys.animation_data.action = bpy.data.actions.new("Chosen Later")
    operators.test_shapes()
    operators.reset_shapes()
    assert keys.animation_data.action.name == "Chosen Later"
    reopen(tmp_path)
    assert "Own Face" in bpy.data.actions


@pytest.mark.parametrize("ended_by", ["apply_performance", "load_avatar"])
def test_other_animation_ends_the_test_and_keeps_own_actions(
    operators, scene, head, avatar, tmp_path, ended_by
):
    operators.test_shapes()
    scene.frame_set(300)
    if ended_by == "load_avatar":
        operators.load_avatar(directory=str(avatar))
    else:
        operators.apply_performance()
    (head,) = avatars(scene)
    assert "clip" in head.data.shape_keys.animation_data.action.name
    assert (scene.frame_end, scene.frame_current) == (40, 10)
    reopen(tmp_path)
    names = {action.name for action in bpy.data.actions}
    assert {"Own Face", "Own Pose"} <= names
    assert not any("Shape Test" in name for name in names)


def test_frames_come_back_with_the_last_of_two_heads(operators, scene, head, small_avatar):
    operators.load_avatar(directory=str(small_avatar))
    before = (scene.frame_end, scene.frame_current)
    second = head.copy()
    second.data = head.data.copy()
    scene.collection.objects.link(second)
    for tested in (head, second):
        bpy.context.view_layer.objects.active = tested
        operators.test_shapes()
    bpy.context.view_layer.objects.active = head
    operators.reset_shapes()
    assert scene.frame_end > 600
    bpy.context.view_layer.objects.active = second
    operators.reset_shapes()
    assert (scene.frame_end, scene.frame_current) == before
