"""Operators on a loaded avatar, and their panels, on a real Blender with real files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from operator_calls import refused  # noqa: E402
from panel_drawing import draw_tab  # noqa: E402

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays  # noqa: E402
from studio_avatar_addon.avatar.layout import FORMAT  # noqa: E402
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES  # noqa: E402
from studio_avatar_addon.job_timer import SESSION  # noqa: E402
from studio_avatar_addon.scene.parts import avatars  # noqa: E402

LOAD_CPU_S = 1.0  # four times what it takes; Blender stands still meanwhile
SAMPLE = Path(__file__).parents[1] / "studio_avatar_addon" / "assets" / "sample" / "sample.mp4"


def test_load_builds_the_stored_head_at_once_and_without_a_process(
    operators, scene, avatar, monkeypatch
):
    def refuse(*_, **__):
        raise AssertionError("a process was started")

    stored = avatar / "runs" / "a1" / "head.npz"
    arrays = read_arrays(stored)
    neutral_m = np.float32(1.05) * arrays["neutral_m"]  # another head than the template's
    write_arrays(stored, **(arrays | {"neutral_m": neutral_m}))
    with monkeypatch.context() as patched:
        patched.setattr(subprocess.Popen, "__init__", refuse)
        began = time.process_time()
        operators.load_avatar(directory=str(avatar))
        assert time.process_time() - began < LOAD_CPU_S
    (head,) = avatars(scene)
    basis_m = np.empty(neutral_m.size, np.float32)
    head.data.shape_keys.key_blocks["Basis"].data.foreach_get("co", basis_m)
    np.testing.assert_allclose(basis_m.reshape(-1, 3), neutral_m, atol=1e-6)
    assert SESSION.job is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": FORMAT + 1}, "Update the extension"),
        ({"run": "gone"}, "Create the avatar again"),
        ({"run": ".."}, "Create the avatar again"),
        ({"run": "../../elsewhere"}, "Create the avatar again"),
        ({"name": 3}, "Create the avatar again"),
        ({"name": "\ud800"}, "Create the avatar again"),
        ({"files": {"head.npz": 3}}, "Create the avatar again"),
        ({"template": {"name": "studio_head_1", "sha256": "other"}}, "Create the avatar again"),
        ({"template": {"name": "studio_head_0", "sha256": "other"}}, "Create the avatar again"),
    ],
)
def test_avatar_folder_that_does_not_fit(operators, scene, avatar, change, words):
    description = json.loads((avatar / "avatar.json").read_text())
    (avatar / "avatar.json").write_text(json.dumps(description | change))
    assert words in refused(lambda: operators.load_avatar(directory=str(avatar)))
    assert not avatars(scene)


ABOUT = "avatar.json"
HEAD, CLIP = "runs/a1/head.npz", "runs/a1/performances/clip.npz"
MAP = "runs/a1/textures/detail/roughness.png"


def changed_array(file: str, name: str, change: Callable[[np.ndarray], object]):
    """`change` works in place, or returns another array."""

    def damage(avatar: Path) -> None:
        arrays = read_arrays(avatar / file)
        other = change(arrays[name])
        write_arrays(avatar / file, **(arrays | ({} if other is None else {name: other})))

    return damage


def changed_bytes(file: str, change: Callable[[bytearray], object]):
    def damage(avatar: Path) -> None:
        content = bytearray((avatar / file).read_bytes())
        change(content)
        (avatar / file).write_bytes(content)

    return damage


def pipe(file: str):
    """Whoever opens it to read would wait for ever."""

    def damage(avatar: Path) -> None:
        (avatar / file).unlink()
        os.mkfifo(avatar / file)

    return damage


def link(file: str):
    """To what lies outside the avatar."""

    def damage(avatar: Path) -> None:
        (avatar / file).rename(avatar.parent / "outside")
        (avatar / file).symlink_to(avatar.parent / "outside")

    return damage


def flip_bit(content: bytearray) -> None:
    content[len(content) // 2] ^= 1


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (changed_bytes(HEAD, bytearray.clear), "head.npz is damaged"),
        (changed_array(HEAD, "neutral_m", lambda m: m[0].fill(np.nan)), "neutral_m .* finite"),
        (changed_array(HEAD, "neutral_m", lambda m: m[:-1]), "neutral_m are not"),
        (
            changed_array(HEAD, "shape_deltas_m", lambda m: np.full(m.shape, "x")),
            "head.npz is damaged",
        ),
        (changed_array(HEAD, "joints_m", lambda m: m.fill(0.0)), "has no size"),
        (changed_array(CLIP, "time_s", lambda t: t.fill(np.nan)), "time_s .* finite"),
        (changed_array(CLIP, "time_s", lambda t: 7200.0 * (t > 0.5) + t), "gap of 120:00"),
        (changed_array(CLIP, "time_s", lambda t: 1700.0 * t), "At the scene's 240 frames"),
        (changed_bytes(MAP, flip_bit), "roughness.png is damaged.*checksum"),
        (changed_bytes(MAP, lambda png: png.__delitem__(slice(-12, None))), "cut off"),
        (changed_bytes(MAP, lambda png: png.__setitem__(slice(0, 9), b"GIF89a---")), "no PNG"),
        (changed_bytes(ABOUT, lambda text: text.__init__(b"[" * 100_000)), "nested too deeply"),
        (pipe(ABOUT), "is not an avatar folder"),
        (link(HEAD), "outside its folder"),
        (link(CLIP), "outside its folder"),
        (link("runs/a1/textures"), "outside its folder"),
        (link("runs"), "outside its folder"),
        (pipe(HEAD), "head.npz is damaged.*no regular file"),
        (pipe(CLIP), "clip.npz is damaged.*no regular file"),
        (pipe(MAP), "roughness.png is damaged.*no regular file"),
    ],
)
def test_damaged_avatar_leaves_the_scene_as_it_was(operators, scene, avatar, damage, words):
    damage(avatar)
    scene.render.fps_base = 0.1
    before = data_blocks()
    assert re.search(words, refused(lambda: operators.load_avatar(directory=str(avatar))))
    assert data_blocks() == before


def data_blocks() -> dict[str, int]:
    """How many there are of each kind."""
    kinds = (prop for prop in bpy.data.bl_rna.properties if prop.type == "COLLECTION")
    return {kind.identifier: len(getattr(bpy.data, kind.identifier)) for kind in kinds}


def test_map_that_another_program_wrote_is_loaded(operators, scene, avatar):
    edited = bpy.data.images.new("edited", 48, 16, alpha=True)
    edited.file_format, edited.filepath_raw = "PNG", str(avatar / MAP)
    edited.save()
    operators.load_avatar(directory=str(avatar))
    shown = next(i for i in bpy.data.images if Path(i.filepath).resolve() == avatar / MAP)
    assert tuple(shown.size) == (48, 16)


def test_performances(operators, scene, avatar, fake, clip):
    fake("work")
    operators.load_avatar(directory=str(avatar))
    (head,) = avatars(scene)
    keys = head.data.shape_keys
    keys.animation_data_clear()
    operators.apply_performance()
    own = keys.animation_data.action
    operators.apply_performance(filepath=str(clip))
    other = keys.animation_data.action
    assert own != other
    assert "other" in other.name
    operators.apply_performance(filepath=str(avatar / "runs/a1/performances/clip.npz"))
    assert keys.animation_data.action == own
    assert "damaged" in refused(
        lambda: operators.apply_performance(filepath=str(avatar / "gone.npz"))
    )


def test_recording_is_applied_or_refused_in_words(operators, scene, avatar, tmp_path):
    operators.load_avatar(directory=str(avatar))
    (head,) = avatars(scene)
    names = [name[0].upper() + name[1:] for name in SHAPE_NAMES]
    rows = ["Timecode,BlendShapeCount," + ",".join(names)]
    rows += [f"00:00:0{second}:00,52," + ",".join(["0.5"] * 52) for second in (1, 2)]
    take = tmp_path / "Take.CSV"
    take.write_text("\n".join(rows), "utf-8")
    operators.apply_performance(filepath=str(take))
    assert "Take" in head.data.shape_keys.animation_data.action.name
    scene.frame_set(scene.frame_start)
    assert head.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.5)
    missing = str(tmp_path / "gone.csv")
    assert "cannot be read" in refused(lambda: operators.apply_performance(filepath=missing))
    take.write_text("no recording", "utf-8")
    assert "columns are missing" in refused(lambda: operators.apply_performance(filepath=str(take)))


def test_shape_test_moves_every_shape(operators, scene, avatar):
    operators.load_avatar(directory=str(avatar))
    (head,) = avatars(scene)
    operators.test_shapes()
    blocks = head.data.shape_keys.key_blocks
    peaks = dict.fromkeys(SHAPE_NAMES, 0.0)
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        for name in SHAPE_NAMES:
            peaks[name] = max(peaks[name], blocks[name].value)
    assert all(peaks[name] > 0.9 for name in SHAPE_NAMES)
    operators.reset_shapes()
    assert all(blocks[name].value == 0.0 for name in SHAPE_NAMES)


def test_look_and_light(operators, scene, avatar):
    operators.load_avatar(directory=str(avatar))
    own_world = scene.world
    for origin in ("phone", "studio", "detail"):
        operators.set_texture_version(origin=origin)
    operators.show_coverage(shown=True)
    operators.add_light_rig(rig="three_point")
    operators.set_hdri(environment="city", strength=0.5, visible=True)
    assert scene.world != own_world
    operators.studio_light(on=False)
    assert scene.world == own_world
    operators.remove_light_rig()
    operators.add_camera()
    operators.add_gaze_target()
    operators.remove_gaze_target()
    assert "no environment" in refused(lambda: operators.set_hdri(environment="atlantis"))


def test_still_is_rendered_where_it_was_asked_for(operators, avatar, tmp_path, monkeypatch):
    from studio_avatar_addon.scene import render

    quick = partial(render.render_still, size_px=(32, 32), samples=1)
    monkeypatch.setattr(render, "render_still", quick)
    operators.load_avatar(directory=str(avatar))
    operators.add_light_rig(rig="soft_box")
    operators.render_still(filepath=str(tmp_path / "new folder" / "still.png"))
    assert (tmp_path / "new folder" / "still.png").read_bytes().startswith(b"\x89PNG")


def test_operators_without_an_avatar_say_what_is_missing(operators):
    for name in ("apply_performance", "set_texture_version", "add_light_rig", "render_still"):
        assert "Create or load an avatar first" in refused(getattr(operators, name))


def test_clip_is_described_without_adding_to_the_file(operators, scene):
    from studio_avatar_addon.footage_preview import loaded_preview

    operators.choose_footage(filepath=str(SAMPLE))
    assert loaded_preview(SAMPLE).summary == "432 x 768 px, 4.2 s"
    assert not bpy.data.movieclips


def test_panels_of_an_empty_scene(operators):
    drawn = draw_tab()
    assert "studio_avatar.create_avatar" in drawn
    assert "studio_avatar.render_still" not in drawn


def test_panels_with_an_avatar(operators, avatar):
    operators.load_avatar(directory=str(avatar))
    drawn = draw_tab()
    assert drawn.count("value") == len(SHAPE_NAMES)
    assert drawn.count("studio_avatar.set_texture_version") == 3
    assert "studio_avatar.render_turntable" in drawn


def test_mirror_copies_one_side_to_the_other(operators, scene, avatar):
    operators.load_avatar(directory=str(avatar))
    (head,) = avatars(scene)
    blocks = head.data.shape_keys.key_blocks
    blocks["mouthSmileLeft"].value, blocks["jawOpen"].value = 0.8, 0.3
    operators.mirror_shapes(direction="LEFT")
    assert blocks["mouthSmileRight"].value == pytest.approx(0.8)
    blocks["mouthSmileRight"].value = 0.2
    operators.mirror_shapes(direction="SWAP")
    values = [blocks[name].value for name in ("mouthSmileLeft", "mouthSmileRight", "jawOpen")]
    assert values == pytest.approx([0.2, 0.8, 0.3])
    blocks["jawLeft"].value = 0.6
    operators.mirror_shapes(direction="LEFT")
    assert (blocks["jawLeft"].value, blocks["jawRight"].value) == pytest.approx((0.6, 0.0))
    operators.mirror_shapes(direction="SWAP")
    assert (blocks["jawLeft"].value, blocks["jawRight"].value) == pytest.approx((0.0, 0.6))
    blocks["mouthSmileRight"].value = 0.8
    operators.mirror_shapes(direction="RIGHT")
    assert blocks["mouthSmileLeft"].value == pytest.approx(0.8)


def test_correctives_follow_the_weaker_of_their_pair(operators, scene, avatar):
    operators.load_avatar(directory=str(avatar))
    (head,) = avatars(scene)
    blocks = head.data.shape_keys.key_blocks
    driven = {curve.data_path for curve in head.data.shape_keys.animation_data.drivers}
    assert not any(f'"{name}"' in path for path in driven for name in SHAPE_NAMES)
    blocks["eyeBlinkLeft"].value, blocks["eyeSquintLeft"].value = 1.0, 0.4
    bpy.context.view_layer.update()
    corrected = blocks["corrective eyeBlinkLeft eyeSquintLeft"]
    keys = head.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert keys.key_blocks[corrected.name].value == pytest.approx(0.4)
