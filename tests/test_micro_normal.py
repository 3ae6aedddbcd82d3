"""Pores and fine furrows: the tile that ships, where it is strong, and how the skin wears it."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from backend.imaging.image_files import read_image
from backend.template_build.micro_normal import SIDE_PX, build_micro_normal
from studio_avatar_addon.avatar.bundle import open_avatar
from studio_avatar_addon.avatar.micro_relief import MICRO_NORMAL, TILE_M, micro_relief_shares
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.scene import head, materials, nodes, skin_material
from studio_avatar_addon.scene.apply import AppliedAvatar, apply_avatar


@pytest.fixture(scope="module")
def tile() -> np.ndarray:
    """Stored integers (512, 512, 3)."""
    return read_image(MICRO_NORMAL).astype(int)


@pytest.fixture
def avatar(small_avatar: Path) -> AppliedAvatar:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return apply_avatar(bpy.context.scene, open_avatar(small_avatar))


def skin_tree(applied: AppliedAvatar) -> bpy.types.NodeTree:
    return applied.head.data.materials[MATERIALS.index("skin")].node_tree


# The tile


def test_tile_is_what_its_maker_makes(tile: np.ndarray, tmp_path: Path) -> None:
    made = read_image(build_micro_normal(tmp_path / "tile.png")).astype(int)
    assert made.shape == (SIDE_PX, SIDE_PX, 3)
    assert np.abs(made - tile).max() <= 1  # the last bit of a Fourier transform may differ
    assert MICRO_NORMAL.stat().st_size < 400e3


def test_tile_has_no_border(tile: np.ndarray) -> None:
    for axis in (0, 1):
        steps = np.abs(tile - np.roll(tile, 1, axis)).mean(axis=(1 - axis, 2))
        assert steps[0] <= steps[1:].max()
        assert steps[0] < 1.25 * steps[1:].mean()


def test_tile_holds_unit_normals_that_point_up(tile: np.ndarray) -> None:
    normals = tile / 127.5 - 1.0
    assert np.abs(np.linalg.norm(normals, axis=-1) - 1.0).max() < 0.01
    mean = normals.mean(axis=(0, 1))
    assert np.abs(mean[:2]).max() < 0.003 and mean[2] > 0.95
    assert normals[..., 2].min() > 0.5


def test_pores_are_pits(tile: np.ndarray) -> None:
    """Hollows are sharper than humps; with Y turned round neither would be."""
    normals = tile / 127.5 - 1.0
    right = np.roll(normals[..., 0], -2, 1) - np.roll(normals[..., 0], 2, 1)
    up = np.roll(normals[..., 1], 2, 0) - np.roll(normals[..., 1], -2, 0)
    hump, hollow = np.abs(np.percentile(-right - up, (0.1, 99.9)))
    assert hollow > 1.4 * hump


# Where it is strong


def test_nose_is_coarse_and_lips_are_smooth(template: HeadTemplate) -> None:
    shares = micro_relief_shares(template)
    assert shares.min() >= 0.0 and shares.max() <= 1.0
    assert np.allclose(shares, shares[template.mirror], atol=1e-3)

    def inside(region: str) -> float:
        return float(shares[template.region(region) > 0.9].mean())

    middle = np.abs(template.vertices_m[:, 0]) < 0.045
    inner_cheeks = float(shares[(template.region("cheeks") > 0.9) & middle].mean())
    assert inside("nose") > inner_cheeks > inside("cheeks") > inside("neck") > inside("scalp")
    assert inside("nose") > 0.9 and min(inside("forehead"), inside("chin")) > 0.6
    assert max(inside("eyelids_L"), inside("ears_R")) < 0.3
    assert inside("lips") < 0.05 and inside("scalp") < 0.1


def test_mesh_carries_the_shares(avatar: AppliedAvatar, template: HeadTemplate) -> None:
    mesh = avatar.head.data
    stored = np.empty(len(mesh.vertices), np.float32)
    mesh.attributes[head.MICRO_RELIEF].data.foreach_get("value", stored)
    assert np.array_equal(stored, micro_relief_shares(template))


def test_tile_has_its_size_on_the_cheeks(avatar: AppliedAvatar, template: HeadTemplate) -> None:
    skin = template.triangle_material == MATERIALS.index("skin")
    cheeks = skin & (template.region("cheeks")[template.triangles] > 0.6).all(axis=1)
    corners, uv = template.vertices_m[template.triangles[cheeks]], template.triangle_uv[cheeks]
    edges, steps = (np.stack([c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]], -1) for c in (corners, uv))
    metres_per_uv = np.linalg.norm(edges @ np.linalg.inv(steps), axis=1)
    tiles = skin_tree(avatar).nodes["Micro Tiles"].inputs[1].default_value
    assert np.median(metres_per_uv, axis=0) / tiles[:2] == pytest.approx(TILE_M, rel=0.05)


# On the skin


def normal_seen(applied: AppliedAvatar, folder: Path) -> np.ndarray:
    """The normal (H, W, 3) that the skin's shader gets, on the cheek in a tiny Cycles picture."""
    tree = skin_tree(applied)
    entry = tree.nodes["Skin"].inputs["Normal"].links[0].from_socket
    glow = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(entry, glow.inputs["Color"])
    tree.links.new(glow.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera, camera.data.lens = camera, 200.0
    eyes = [applied.rig.data.bones[name].head_local for name in ("eye.L", "eye.R")]
    camera.location = 0.5 * (eyes[0] + eyes[1])
    camera.location.x, camera.location.z = eyes[0].x, camera.location.z - 0.045
    camera.location.y -= 0.3
    camera.rotation_euler = (np.pi / 2, 0.0, 0.0)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.filepath = str(folder / "normal.exr")
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scene.render.filepath)
    values = np.empty(48 * 48 * 4, np.float32)
    picture.pixels.foreach_get(values)
    bpy.data.images.remove(picture)
    tree.nodes.remove(glow)
    bpy.data.objects.remove(camera)
    return values.reshape(48, 48, 4)[..., :3]


def test_slider_steers_the_relief_and_zero_is_off(avatar: AppliedAvatar, tmp_path: Path) -> None:
    (control,) = (c for c in materials.look_controls(avatar.head) if c.label == "Pores")
    pores = skin_tree(avatar).nodes[skin_material.PORE_STRENGTH]
    assert control.socket == pores.inputs[nodes.MIX_FACTOR]
    assert control.socket.default_value == skin_material.DEFAULT_PORES
    half = normal_seen(avatar, tmp_path)
    control.socket.default_value = 1.0
    full = normal_seen(avatar, tmp_path)
    control.socket.default_value = 0.0
    off = normal_seen(avatar, tmp_path)
    tree = skin_tree(avatar)
    tree.links.new(tree.nodes["Normal Map"].outputs[0], tree.nodes["Skin"].inputs["Normal"])
    assert np.array_equal(off, normal_seen(avatar, tmp_path))
    tilts = [np.linalg.norm(seen - off, axis=-1).mean() for seen in (half, full)]
    assert tilts[0] > 0.02 and tilts[1] == pytest.approx(2.0 * tilts[0], rel=0.02)


def test_wet_lips_show_the_same_relief(avatar: AppliedAvatar) -> None:
    skin = skin_tree(avatar).nodes["Skin"]
    coat, own = (skin.inputs[name].links[0].from_socket for name in ("Coat Normal", "Normal"))
    assert coat == own


def test_tile_is_one_image_of_data_for_all(avatar: AppliedAvatar, small_avatar: Path) -> None:
    image = skin_tree(avatar).nodes[skin_material.MICRO_IMAGE].image
    assert image.colorspace_settings.name == "Non-Color"
    assert Path(image.filepath) == MICRO_NORMAL
    bpy.ops.scene.new(type="EMPTY")
    other = apply_avatar(bpy.context.scene, open_avatar(small_avatar))
    assert skin_tree(other) != skin_tree(avatar)
    assert skin_tree(other).nodes[skin_material.MICRO_IMAGE].image == image


def test_tile_travels_with_the_file(avatar: AppliedAvatar, tmp_path: Path) -> None:
    image = skin_tree(avatar).nodes[skin_material.MICRO_IMAGE].image
    name = image.name
    image.filepath = "//elsewhere/micro_normal.png"  # as on another computer
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    found = bpy.data.images[name]
    assert tuple(found.size) == (SIDE_PX, SIDE_PX)
    assert found.colorspace_settings.name == "Non-Color"
    values = np.empty(4 * SIDE_PX * SIDE_PX, np.float32)
    found.pixels.foreach_get(values)
    stored = np.rint(255.0 * values.reshape(SIDE_PX, SIDE_PX, 4)[::-1, :, :3])
    assert np.array_equal(stored, read_image(MICRO_NORMAL))


def test_skin_of_an_older_file_loads_again(avatar: AppliedAvatar, small_avatar: Path) -> None:
    """Its pores were a bump; its nodes had other names and one had the slider's."""
    tree = skin_tree(avatar)
    for name in (skin_material.PORE_STRENGTH, "Both Reliefs", skin_material.MICRO_IMAGE):
        tree.nodes.remove(tree.nodes[name])
    nodes.add(tree, "TexVoronoi", "Pores", (0, 0))
    bump = nodes.add(tree, "Bump", "Pore Relief", (0, 0))
    nodes.join(tree, bump, "Normal", tree.nodes["Skin"], "Normal")
    count = len(tree.nodes)
    again = apply_avatar(bpy.context.scene, open_avatar(small_avatar))
    assert skin_tree(again) == tree and len(tree.nodes) == count
    assert tree.nodes["Skin"].inputs["Normal"].links[0].from_node == bump
    assert "Pores" not in {control.label for control in materials.look_controls(again.head)}
