"""The add-on's operators on a real Blender with real files; only the slow process is scripted."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from panel_drawing import Layout, draw_tab, window_context  # noqa: E402

from studio_avatar_addon import job_timer  # noqa: E402
from studio_avatar_addon.avatar.errors import (  # noqa: E402
    BackendCrashed,
    FaceNotFound,
    JobBusy,
    JobCancelled,
    JobError,
)
from studio_avatar_addon.avatar.layout import FORMAT  # noqa: E402
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES  # noqa: E402
from studio_avatar_addon.job_client import Backend  # noqa: E402
from studio_avatar_addon.job_status import JobStatus  # noqa: E402
from studio_avatar_addon.job_timer import SESSION  # noqa: E402
from studio_avatar_addon.operators.jobs import apply_later, load_result  # noqa: E402
from studio_avatar_addon.scene.parts import avatar_root, avatars  # noqa: E402
from studio_avatar_addon.scene.rig import rig_of  # noqa: E402

APPLY_BOUND_S = 3.0
POLL_BOUND_S = 0.020


@pytest.fixture
def scene(empty_scene) -> Iterator[bpy.types.Scene]:
    yield empty_scene
    forget_jobs()


def forget_jobs() -> None:
    """As after a restart of Blender."""
    SESSION.close()
    SESSION.status, SESSION.error = JobStatus(), None
    SESSION.results.clear()


@pytest.fixture
def operators(scene):
    return bpy.ops.studio_avatar


@pytest.fixture
def fake(monkeypatch, small_avatar, tmp_path) -> Callable[[str], None]:
    """Put the scripted backend in the real one's place, behaving as named."""
    backend = Backend(Path(sys.executable), "fake_backend", Path(__file__).parent, tmp_path)
    monkeypatch.setattr(job_timer, "configured_backend", lambda: backend)
    monkeypatch.setenv("FAKE_AVATAR", str(small_avatar))
    return partial(monkeypatch.setenv, "FAKE")


@pytest.fixture
def clip(tmp_path) -> Path:
    """A file is all that the scripted backend needs; its name is a hard one."""
    path = tmp_path / 'my "first" clip\'s näme.mp4'
    path.write_bytes(b"no video")
    return path


@pytest.fixture
def avatar(small_avatar, tmp_path) -> Path:
    return Path(shutil.copytree(small_avatar, tmp_path / small_avatar.name))


def face_curves(head: bpy.types.Object) -> int:
    """Number of curves that key the head's shapes, in any version of Blender."""
    data = head.data.shape_keys.animation_data
    if hasattr(data, "action_slot"):
        return len(data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves)
    return len(data.action.fcurves)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(RuntimeError) as caught:
        call()
    return str(caught.value)


def test_create_brings_the_whole_avatar(operators, scene, fake, clip, tmp_path):
    fake("work")
    out = tmp_path / "avatars" / "näme with 'quotes'"
    operators.create_avatar(filepath=str(clip), directory=str(out), quality="draft")
    (head,) = avatars(scene)
    assert avatar_root(head) == out
    names = [block.name for block in head.data.shape_keys.key_blocks]
    assert names[:53] == ["Basis", *SHAPE_NAMES]
    assert face_curves(head) > 0
    assert rig_of(head).animation_data.action is not None
    assert bpy.context.view_layer.objects.active == head
    assert SESSION.error is None
    request = json.loads((Path(scene.studio_avatar.last_job) / "request.json").read_text())
    assert request["command"] == "create"
    assert request["arguments"] == {
        "footage": str(clip),
        "out": str(out),
        "quality": "draft",
        "device": "auto",
    }


def test_create_takes_what_the_panel_holds(operators, scene, fake, clip, tmp_path):
    fake("work")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    operators.choose_footage(filepath=str(clip))
    scene.studio_avatar.quality = "high"
    operators.create_avatar()
    arguments = json.loads((Path(scene.studio_avatar.last_job) / "request.json").read_text())
    assert arguments["arguments"]["quality"] == "high"
    assert avatar_root(avatars(scene)[0]) == tmp_path / "avatars" / clip.stem


def test_created_twice_stays_one_avatar(operators, scene, fake, clip, tmp_path):
    fake("work")
    for _ in range(2):
        operators.create_avatar(filepath=str(clip), directory=str(tmp_path / "out"))
    assert len(avatars(scene)) == 1


def test_timer_path_applies_without_holding_blender(scene, fake, clip, tmp_path):
    """Timers do not run in the bpy module: the test calls what the timer would call."""
    fake("work")
    out = tmp_path / "out"
    job = job_timer.begin(scene, "create", {"footage": str(clip), "out": str(out)}, out)
    with pytest.raises(JobBusy):
        job_timer.begin(scene, "create", {}, out)
    applied = []

    def on_done(result):
        applied.append(result)
        apply_later(scene.session_uid, load_result, "Create Avatar", result)

    waits = []
    while True:
        began = time.thread_time()
        if job_timer._tick(job, on_done) is None:
            break
        waits.append(time.thread_time() - began)
        time.sleep(0.01)
    assert max(waits) < POLL_BOUND_S
    assert len(applied) == 1
    assert len(avatars(scene)) == 1
    assert not SESSION.running


def test_timer_keeps_a_failure_for_the_panel(scene, fake, clip, tmp_path):
    fake("fail")
    job = job_timer.begin(scene, "create", {"footage": str(clip)}, tmp_path / "out")
    while job_timer._tick(job, pytest.fail) is not None:
        time.sleep(0.01)
    assert isinstance(SESSION.error, FaceNotFound)


def test_result_for_a_scene_that_is_gone_says_where_it_lies(scene, small_avatar):
    result = {"avatar": str(small_avatar)}
    with pytest.raises(JobError, match="Load the avatar from"):
        apply_later(-1, load_result, "Create Avatar", result)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("fail", "No face was found in the clip. Film the face from the front"),
        ("killed", "Close other programs"),
        ("missing_package", "lacks the package torch_that_nobody_has"),
        ("newer_protocol", "Update the add-on"),
        ("garbage", "no event"),
    ],
)
def test_failure_reaches_caller_and_panel_and_leaves_the_scene(
    operators, scene, fake, clip, tmp_path, mode, words
):
    fake(mode)
    before = set(scene.objects)
    message = refused(
        lambda: operators.create_avatar(filepath=str(clip), directory=str(tmp_path / "out"))
    )
    assert words in message
    assert SESSION.error is not None
    assert words in str(SESSION.error)
    assert set(scene.objects) == before
    assert not SESSION.running
    operators.dismiss_error()
    assert SESSION.error is None


def test_footage_that_is_missing_or_not_chosen(operators, scene, tmp_path):
    assert "No footage is chosen" in refused(operators.create_avatar)
    gone = str(tmp_path / "gone.mp4")
    assert "Choose the clip again" in refused(lambda: operators.create_avatar(filepath=gone))
    assert "Choose the clip again" in refused(lambda: operators.choose_footage(filepath=gone))


def test_output_folder_that_cannot_be_written(operators, fake, clip, tmp_path):
    fake("work")
    (tmp_path / "taken").write_text("a file")
    message = refused(
        lambda: operators.create_avatar(filepath=str(clip), directory=str(tmp_path / "taken"))
    )
    assert "Choose an output folder" in message


def test_second_job_is_refused_while_one_runs(operators, scene, fake, clip, tmp_path):
    fake("hang")
    job_timer.begin(scene, "create", {"footage": str(clip)}, tmp_path / "out")
    assert "still running" in refused(lambda: operators.create_avatar(filepath=str(clip)))
    assert SESSION.running


def test_cancel(operators, scene, fake, clip, tmp_path):
    fake("work")
    job_timer.begin(scene, "create", {"footage": str(clip)}, tmp_path / "out")
    operators.cancel_job()
    with pytest.raises(JobCancelled):
        job_timer.block()
    assert isinstance(SESSION.error, JobCancelled)
    assert not operators.cancel_job.poll()


def test_reopened_file_tells_of_its_interrupted_job(operators, scene, fake, clip, tmp_path):
    fake("killed")
    refused(lambda: operators.create_avatar(filepath=str(clip), directory=str(tmp_path / "out")))
    blend = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    forget_jobs()
    bpy.ops.wm.open_mainfile(filepath=blend)
    assert "interrupted" in str(SESSION.error)
    assert SESSION.status.stage == "fitting"


def test_disabling_the_addon_ends_its_job(scene, fake, clip, tmp_path):
    import addon_utils

    fake("hang")
    job = job_timer.begin(scene, "create", {"footage": str(clip)}, tmp_path / "out")
    addon_utils.disable("studio_avatar_addon")
    try:
        assert job._process.poll() is not None
        assert not hasattr(bpy.types.Scene, "studio_avatar")
    finally:
        addon_utils.enable("studio_avatar_addon")


def test_check_system(operators, fake):
    fake("work")
    operators.check_system()
    assert SESSION.results["doctor"]["device"] == "cpu"


def test_load_is_quick_and_starts_no_process(operators, scene, avatar):
    began = time.perf_counter()
    operators.load_avatar(directory=str(avatar))
    assert time.perf_counter() - began < APPLY_BOUND_S
    assert len(avatars(scene)) == 1
    assert SESSION.job is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": FORMAT + 1}, "Update the extension"),
        ({"run": "gone"}, "Create the avatar again"),
        ({"template": {"name": "studio_head_1", "sha256": "other"}}, "Create the avatar again"),
        ({"template": {"name": "studio_head_0", "sha256": "other"}}, "Create the avatar again"),
    ],
)
def test_avatar_folder_that_does_not_fit(operators, scene, avatar, change, words):
    description = json.loads((avatar / "avatar.json").read_text())
    (avatar / "avatar.json").write_text(json.dumps(description | change))
    assert words in refused(lambda: operators.load_avatar(directory=str(avatar)))
    assert not avatars(scene)


def test_damaged_head_leaves_the_scene_as_it_was(operators, scene, avatar):
    (avatar / "runs" / "a1" / "head.npz").write_bytes(b"PK damaged")
    assert "damaged" in refused(lambda: operators.load_avatar(directory=str(avatar)))
    assert not scene.objects


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


def test_clip_is_described_without_adding_to_the_file(operators, scene, shared_data):
    from studio_avatar_addon.footage_preview import known_preview

    clip = shared_data / "clips" / "phone_selfie_glasses_720p.mp4"
    operators.choose_footage(filepath=str(clip))
    assert known_preview(clip).summary == "720 x 1280 px, 11.7 s"
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


def test_panel_of_a_running_job_and_of_its_error(operators, scene, fake, clip, tmp_path):
    fake("hang")
    job_timer.begin(scene, "create", {"footage": str(clip)}, tmp_path / "out")
    while not job_timer.SESSION.poll().stage:
        time.sleep(0.01)
    drawn = draw_tab()
    assert "Fitting, 2 of 3" in drawn
    assert "studio_avatar.cancel_job" in drawn
    assert "studio_avatar.create_avatar" not in drawn
    SESSION.job.kill()
    with pytest.raises(BackendCrashed):
        job_timer.block()
    shown = " ".join(draw_tab())
    assert "The system killed the backend" in shown
    assert "Close other programs" in shown
    assert "studio_avatar.dismiss_error" in shown


def test_preferences_show_what_the_check_found(operators, scene, fake):
    fake("work")
    operators.check_system()
    drawn: list[str] = []
    addon = bpy.context.preferences.addons["studio_avatar_addon"].preferences
    stand_in = SimpleNamespace(layout=Layout(drawn), bl_rna=addon.bl_rna)
    type(addon).draw(stand_in, window_context())
    assert {"backend_python", "device", "cache_folder"} <= set(drawn)
    assert "Device: cpu, as requested" in drawn


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
