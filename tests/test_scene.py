"""An avatar in Blender: geometry, materials, movement, light and pictures."""

from __future__ import annotations

import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import read_picture

from studio_avatar_addon.avatar.bundle import open_avatar
from studio_avatar_addon.avatar.errors import (
    AvatarFolderError,
    EnvironmentProblem,
    ShapeError,
)
from studio_avatar_addon.avatar.frames import gaze_rotation, rotation_about, transform
from studio_avatar_addon.avatar.performances import MAX_FRAMES
from studio_avatar_addon.avatar.shapes import CORRECTIVES, SHAPE_NAMES, corrective_name
from studio_avatar_addon.avatar.template import BONES, HeadTemplate, pose_vertices
from studio_avatar_addon.avatar.types import Performance
from studio_avatar_addon.scene import animation, head, lights, materials, render, rig, shape_keys
from studio_avatar_addon.scene.apply import AppliedAvatar, apply_avatar
from studio_avatar_addon.scene.parts import active_avatar, avatars


@pytest.fixture
def scene():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context.scene


@pytest.fixture
def avatar(scene, small_avatar: Path) -> AppliedAvatar:
    return apply_avatar(scene, open_avatar(small_avatar))


def evaluated_vertices(applied: AppliedAvatar) -> np.ndarray:
    """World-space vertices (V, 3) of the cage: bones and shapes applied, not subdivided."""
    for modifier in applied.head.modifiers:
        if modifier.type == "SUBSURF":
            modifier.show_viewport = False
    evaluated = applied.head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    vertices = np.empty(len(evaluated.data.vertices) * 3, np.float32)
    evaluated.data.vertices.foreach_get("co", vertices)
    return transform(np.array(evaluated.matrix_world), vertices.reshape(-1, 3))


def still_performance(count: int, fps: float) -> dict[str, np.ndarray]:
    return {
        "time_s": 3.0 + np.arange(count) / fps,
        "weights": np.zeros((count, 52), np.float32),
        "neck_from_head": np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)),
        "gaze_rad": np.zeros((count, 2, 2), np.float32),
    }


# The head


def test_mesh_is_the_template(avatar: AppliedAvatar, template: HeadTemplate) -> None:
    mesh = avatar.head.data
    assert len(mesh.vertices) == len(template.vertices_m)
    assert len(mesh.polygons) == len(template.quads)
    assert np.abs(evaluated_vertices(avatar) - template.vertices_m).max() < 1e-5
    uv = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[head.UV_MAP].uv.foreach_get("vector", uv)
    assert np.array_equal(uv.reshape(-1, 4, 2), template.quad_uv)
    kinds = [material[materials.MATERIAL] for material in mesh.materials]
    assert kinds[mesh.polygons[0].material_index] == "skin"


def test_shapes_have_exact_names_and_deltas(avatar: AppliedAvatar, template: HeadTemplate) -> None:
    blocks = avatar.head.data.shape_keys.key_blocks
    correctives = [corrective_name(*pair) for pair in CORRECTIVES]
    assert [block.name for block in blocks] == ["Basis", *SHAPE_NAMES, *correctives]
    weights = np.zeros(52)
    weights[[17, 30]] = 1.0, 0.5
    blocks[SHAPE_NAMES[17]].value, blocks[SHAPE_NAMES[30]].value = 1.0, 0.5
    wanted = template.vertices_m + np.tensordot(weights, template.shape_deltas_m, axes=1)
    assert np.abs(evaluated_vertices(avatar) - wanted).max() < 2e-5  # stored as half floats
    shape_keys.reset_shapes(avatar.head)
    assert np.abs(evaluated_vertices(avatar) - template.vertices_m).max() < 1e-5


def test_scatter_is_sized_by_the_head(avatar: AppliedAvatar) -> None:
    skin = next(m for m in avatar.head.data.materials if m[materials.MATERIAL] == "skin")
    shader = skin.node_tree.nodes["Skin"]
    assert shader.subsurface_method == "RANDOM_WALK_SKIN"
    assert shader.inputs["Subsurface Scale"].default_value == pytest.approx(0.0025, rel=0.02)
    assert shader.inputs["Subsurface Weight"].default_value == 1.0


def test_every_bone_can_be_grabbed(avatar: AppliedAvatar) -> None:
    bones = {bone.name: bone for bone in avatar.rig.pose.bones}
    assert set(bones) == set(BONES)
    assert {name for name, bone in bones.items() if bone.custom_shape is None} == {"jaw"}
    jaw = avatar.head.vertex_groups["jaw"].index
    assert not any(g.group == jaw for v in avatar.head.data.vertices for g in v.groups)


def test_iris_is_looked_up_about_its_middle(avatar: AppliedAvatar) -> None:
    eye = next(m for m in avatar.head.data.materials if m[materials.MATERIAL] == "eye").node_tree
    assert eye.nodes["Atlas"].inputs["Vector"].links[0].from_node.name == "Iris Place"
    mesh = avatar.head.data
    values = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.attributes["eye_middle"].data.foreach_get("vector", values)
    middles = np.unique(np.round(values.reshape(-1, 3)[:, :2], 5), axis=0)
    middles = middles[middles.any(axis=1)]
    assert len(middles) == 2 and middles[:, 0].sum() == pytest.approx(1.0, abs=1e-4)


def test_color_spaces(avatar: AppliedAvatar) -> None:
    skin = next(m for m in avatar.head.data.materials if m[materials.MATERIAL] == "skin")
    spaces = {
        node.name.split()[-1]: node.image.colorspace_settings.name
        for node in skin.node_tree.nodes
        if node.type == "TEX_IMAGE"
    }
    assert spaces.pop("base_color") == "sRGB"
    assert set(spaces) == {"coverage", "normal", "roughness", "specular", "cavity"}
    assert set(spaces.values()) == {"Non-Color"}


def test_applying_again_keeps_what_the_artist_did(scene, small_avatar: Path) -> None:
    folder = open_avatar(small_avatar)
    first = apply_avatar(scene, folder)
    animation.apply_performance(
        scene, first.head, Performance(**still_performance(4, 24.0)), "clip"
    )
    first.head.name = "Renamed"
    first.rig.location.x = 0.4
    first.head.modifiers.new("Artist's", "SMOOTH").iterations = 3
    own = first.head.shape_key_add(name="Artist's", from_mix=False)
    own.data[7].co.z += 0.01
    own.value = 0.5
    first.head.data.shape_keys.key_blocks["mouthClose"].mute = True
    first.head.data.shape_keys.animation_data.drivers[0].mute = True
    muted_drivers = first.head.data.shape_keys.animation_data.drivers[0].data_path
    skin = next(m for m in first.head.data.materials if m[materials.MATERIAL] == "skin")
    skin.node_tree.nodes.new("ShaderNodeBrightContrast").name = "Artist's"
    kinds = ("objects", "meshes", "materials", "images", "armatures", "shape_keys", "actions")
    before = {kind: len(getattr(bpy.data, kind)) for kind in kinds}

    again = apply_avatar(scene, folder)

    assert {kind: len(getattr(bpy.data, kind)) for kind in kinds} == before
    assert again.head == first.head and again.head.name == "Renamed"
    assert again.rig.location.x == pytest.approx(0.4)
    assert [m.type for m in again.head.modifiers] == ["ARMATURE", "SUBSURF", "SMOOTH"]
    assert "Artist's" in skin.node_tree.nodes
    keys = again.head.data.shape_keys
    kept, basis = keys.key_blocks["Artist's"], keys.key_blocks["Basis"]
    assert kept.value == pytest.approx(0.5)
    assert kept.data[7].co.z - basis.data[7].co.z == pytest.approx(0.01, abs=1e-6)
    assert keys.key_blocks["mouthClose"].mute and not keys.key_blocks["jawOpen"].mute
    assert [c.data_path for c in keys.animation_data.drivers if c.mute] == [muted_drivers]
    assert again.head.data.shape_keys.animation_data.action.name == "clip Face"


def test_applying_again_keeps_the_expression(scene, small_avatar: Path) -> None:
    first = apply_avatar(scene, open_avatar(small_avatar))
    first.head.data.shape_keys.key_blocks["cheekPuff"].value = 0.25
    again = apply_avatar(scene, open_avatar(small_avatar))
    assert again.head.data.shape_keys.key_blocks["cheekPuff"].value == pytest.approx(0.25)


def test_avatars_are_found_by_any_of_their_parts(avatar: AppliedAvatar, scene) -> None:
    assert avatars(scene) == [avatar.head]
    bpy.context.view_layer.objects.active = avatar.bust
    assert active_avatar(bpy.context) == avatar.head


# Materials


def test_texture_versions_switch(avatar: AppliedAvatar) -> None:
    assert materials.texture_versions(avatar.head) == ("phone", "studio", "detail")
    assert materials.texture_version(avatar.head) == "detail"
    materials.set_texture_version(avatar.head, "phone")
    tree = next(m for m in avatar.head.data.materials if m[materials.MATERIAL] == "skin").node_tree
    assert tree.nodes["Skin Tone"].inputs["Color"].links[0].from_node.name == "phone base_color"
    eye = next(m for m in avatar.head.data.materials if m[materials.MATERIAL] == "eye").node_tree
    assert eye.nodes["Atlas"].image == tree.nodes["phone base_color"].image
    with pytest.raises(AvatarFolderError, match="no painted textures"):
        materials.set_texture_version(avatar.head, "painted")


def test_artist_material_is_left_in_its_slot(scene, small_avatar: Path) -> None:
    applied = apply_avatar(scene, open_avatar(small_avatar))
    own = bpy.data.materials.new("Own")
    applied.head.data.materials[0] = own
    apply_avatar(scene, open_avatar(small_avatar))
    assert applied.head.data.materials[0] == own
    assert materials.texture_versions(applied.head) == ()
    labels = {control.label for control in materials.look_controls(applied.head)}
    assert labels == {"Iris Tint", "Iris Size"}  # the eyes are still ours
    with pytest.raises(AvatarFolderError, match="of your own"):
        materials.show_coverage(applied.head, True)


def test_coverage_overlay(avatar: AppliedAvatar) -> None:
    tree = next(m for m in avatar.head.data.materials if m[materials.MATERIAL] == "skin").node_tree
    materials.show_coverage(avatar.head, True)
    assert materials.coverage_shown(avatar.head)
    assert tree.nodes["Coverage Colors"].inputs[0].links[0].from_node.name == "detail coverage"
    materials.show_coverage(avatar.head, False)
    assert not tree.nodes["Coverage Colors"].inputs[0].links
    assert tree.nodes["Coverage Overlay"].inputs[0].default_value == 0.0


# Movement


def test_performance_turns_head_and_eyes(
    avatar: AppliedAvatar, scene, template: HeadTemplate
) -> None:
    scene.render.fps = 24
    values = still_performance(31, 30.0)
    turn = rotation_about(np.array([0.2, 0.1, 1.0]), 0.6)
    values["neck_from_head"][30, :3, :3] = turn
    values["gaze_rad"][30] = (0.3, -0.2)
    values["weights"][:, 17] = np.linspace(0.0, 1.0, 31)
    scene.frame_start, scene.frame_end = 1, 10
    applied = animation.apply_performance(scene, avatar.head, Performance(**values), "clip")
    assert (applied.first_frame, applied.last_frame, scene.frame_end) == (1, 25, 25)

    scene.frame_set(25)
    bones = avatar.rig.pose.bones
    rest = {bone.name: np.array(bone.matrix_local) for bone in avatar.rig.data.bones}
    moved = np.array(bones["head"].matrix) @ np.linalg.inv(rest["head"])
    assert np.allclose(moved[:3, :3], turn, atol=1e-5)
    eye = np.array(bones["eye.L"].matrix) @ np.linalg.inv(rest["eye.L"])
    assert np.allclose(eye[:3, :3], turn @ gaze_rotation(np.array([0.3, -0.2])), atol=1e-5)
    scene.frame_set(13)  # half a second
    key = avatar.head.data.shape_keys.key_blocks[SHAPE_NAMES[17]]
    assert key.value == pytest.approx(0.5, abs=1e-5)


def test_gaze_agrees_with_the_fit(avatar: AppliedAvatar, scene, template: HeadTemplate) -> None:
    """Eye bones move the eyeballs as `pose_vertices` does, which the backend fits with."""
    values = still_performance(2, 24.0)
    values["gaze_rad"][:] = ((0.25, 0.1), (0.2, 0.1))
    animation.apply_performance(scene, avatar.head, Performance(**values), "gaze")
    scene.frame_set(1)
    wanted = pose_vertices(
        template, template.vertices_m, template.shape_deltas_m, template.corrective_deltas_m,
        np.zeros(52),
        values["gaze_rad"][0], template.eye_centre_m,
    )  # fmt: skip
    eyes = template.bone_weights[[BONES.index("eye.L"), BONES.index("eye.R")]].sum(0) > 0.99
    joints = template.bone_ends_m[[BONES.index("eye.L"), BONES.index("eye.R")], 0]
    apart = np.abs(joints - template.eye_centre_m).max()
    assert np.abs(evaluated_vertices(avatar) - wanted)[eyes].max() < 1e-4 + apart


def test_long_performance_is_quick_and_replaces_itself(avatar: AppliedAvatar, scene) -> None:
    values = still_performance(595, 30.0)
    values["weights"] = np.random.default_rng(0).random((595, 52)).astype(np.float32)
    scene.render.fps = 30
    start = time.perf_counter()
    for _ in range(2):
        applied = animation.apply_performance(scene, avatar.head, Performance(**values), "clip")
    assert time.perf_counter() - start < 4.0
    assert len(bpy.data.actions) == 2
    assert applied.last_frame == 595


@pytest.mark.parametrize(
    ("field", "frame", "value", "words"),
    [
        ("weights", 1, 5.0, "run from 0 to 5"),
        ("weights", 1, np.nan, "weights .* finite numbers"),
        ("time_s", 1, np.nan, "time_s .* finite numbers"),
        ("time_s", 2, np.inf, "time_s .* finite numbers"),
        ("time_s", 2, 1e300, "time_s .* finite numbers"),
        ("time_s", 2, 3.0, "do not increase at frame 2"),
        ("time_s", 2, 3.0 + 3 * 3600.0, r"gap of 180:00 \(min:s\) at 0:00.*Split it there"),
        ("neck_from_head", 1, 2.0, "rotations"),
        ("gaze_rad", 1, 4.0, "half a turn"),
    ],
)
def test_performance_that_cannot_be_keyed_is_refused(
    avatar: AppliedAvatar, scene, field: str, frame: int, value: float, words: str
) -> None:
    values = still_performance(3, 30.0)
    values[field][frame] = value
    with pytest.raises(ShapeError, match=words):
        animation.apply_performance(scene, avatar.head, Performance(**values), "bad")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": np.zeros((3, 51))}, "weights"),
        ({"time_s": np.zeros(())}, "time_s"),
        ({"weights": np.full((3, 52), "0.5")}, "weights"),
        (still_performance(MAX_FRAMES + 1, 60.0), "Split it into takes"),
        ({"time_s": np.array([0.0, 59.0, 118.0])}, "Lower the scene's frame rate"),
    ],
)
def test_performance_of_another_size_is_refused(avatar, scene, change, words) -> None:
    scene.render.fps, scene.render.fps_base = 24, 0.01
    with pytest.raises(ShapeError, match=words):
        animation.apply_performance(
            scene, avatar.head, Performance(**still_performance(3, 30.0) | change), "bad"
        )


def test_gaze_target_comes_and_goes(avatar: AppliedAvatar) -> None:
    target = rig.add_gaze_target(avatar.head)
    assert rig.add_gaze_target(avatar.head) == target
    assert len(avatar.rig.pose.bones["eye.L"].constraints) == 1
    target.location.x += 0.3
    bpy.context.view_layer.update()
    looks = avatar.rig.pose.bones["eye.L"].matrix.to_3x3().col[1]
    assert looks.x > 0.2
    rig.remove_gaze_target(avatar.head)
    assert not avatar.rig.pose.bones["eye.L"].constraints


# Light and pictures


def test_artist_light_and_world_come_back(avatar: AppliedAvatar, scene) -> None:
    own = bpy.data.worlds.new("Own")
    scene.world = own
    area_light = bpy.data.objects.new("Own Lamp", bpy.data.lights.new("Own Lamp", "POINT"))
    scene.collection.objects.link(area_light)
    lights.add_light_rig(scene, avatar.head, "three_point")
    lights.add_light_rig(scene, avatar.head, "soft_box")
    lights.set_environment(scene, "forest", 0.5, 1.0)
    assert scene.world != own and lights.studio_light_on(scene)
    assert sum(o.type == "LIGHT" for o in scene.objects) == 1 + 3
    lights.set_studio_light(scene, False)
    assert scene.world == own and not lights.studio_light_on(scene)
    lights.set_studio_light(scene, True)
    assert scene.world != own and lights.studio_light_on(scene)
    lights.set_environment(scene, None)
    lights.remove_light_rig(scene)
    assert scene.world == own and area_light.name in scene.objects


def test_unknown_light_is_refused(avatar: AppliedAvatar, scene) -> None:
    with pytest.raises(EnvironmentProblem, match="three_point"):
        lights.add_light_rig(scene, avatar.head, "candle")
    with pytest.raises(EnvironmentProblem, match="studio"):
        lights.set_environment(scene, "moon")


def test_still_leaves_the_scene_alone(avatar: AppliedAvatar, scene, tmp_path: Path) -> None:
    lights.add_light_rig(scene, avatar.head, "three_point")
    scene.render.resolution_percentage = 37
    scene.render.use_border = True
    scene.view_settings.view_transform = "Filmic"
    before = (scene.render.engine, scene.camera, scene.frame_current, len(bpy.data.objects))
    path = render.render_still(scene, avatar.head, tmp_path / "é still.png", (40, 32), samples=2)
    after = (scene.render.engine, scene.camera, scene.frame_current, len(bpy.data.objects))
    assert after == before and len(bpy.data.scenes) == 1
    assert scene.render.resolution_percentage == 37
    assert scene.view_settings.view_transform == "Filmic"
    pixels = read_picture(path)
    assert pixels.shape == (32, 40, 4)
    middle = pixels[8:20, 14:26, :3]
    assert middle.mean() > 2 * pixels[:6, :6, :3].mean()  # a lit face before a dark ground
    assert not list(tmp_path.glob("*.partial"))


def test_turntable_has_all_frames(avatar: AppliedAvatar, scene, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "turn.mp4"
    render.render_turntable(scene, avatar.head, path, frames=3, size_px=(32, 32), samples=1)
    with av.open(str(path)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 3 and frames[0].shape == (32, 32, 3)
