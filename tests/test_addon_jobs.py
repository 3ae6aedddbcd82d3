"""Operators that start jobs, and their panels; only the slow process is scripted."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from operator_calls import forget_jobs, refused  # noqa: E402
from panel_drawing import Layout, draw_tab, window_context  # noqa: E402

from studio_avatar_addon import job_timer  # noqa: E402
from studio_avatar_addon.avatar.errors import (  # noqa: E402
    BackendCrashed,
    FaceNotFound,
    JobBusy,
    JobCancelled,
    JobError,
)
from studio_avatar_addon.avatar.files import sha256_file  # noqa: E402
from studio_avatar_addon.avatar.job import Request, read_request  # noqa: E402
from studio_avatar_addon.avatar.sealed import write_sealed  # noqa: E402
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES  # noqa: E402
from studio_avatar_addon.avatar.studio_choices import (  # noqa: E402
    ChoiceError,
    NeutralSpot,
    StudioChoices,
)
from studio_avatar_addon.job_timer import SESSION  # noqa: E402
from studio_avatar_addon.operators.jobs import apply_result, load_created_avatar  # noqa: E402
from studio_avatar_addon.operators.neutral import spot_in  # noqa: E402
from studio_avatar_addon.operators.tidying import old_run_lines, removable_runs  # noqa: E402
from studio_avatar_addon.scene.parts import avatar_root, avatars  # noqa: E402
from studio_avatar_addon.scene.rig import rig_of  # noqa: E402

POLL_BOUND_S = 0.020


def face_curves(head: bpy.types.Object) -> int:
    """Number of curves that key the head's shapes, in any version of Blender."""
    data = head.data.shape_keys.animation_data
    if hasattr(data, "action_slot"):
        return len(data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves)
    return len(data.action.fcurves)


def request_of_last_job(scene: bpy.types.Scene, cache: Path) -> dict:
    return json.loads((cache / "jobs" / scene.studio_avatar.last_job / "request.json").read_text())


def test_create_brings_the_whole_avatar(operators, scene, fake, clip, tmp_path):
    fake("work")
    out = tmp_path / "avatars" / "näme with 'quotes'"
    operators.create_avatar(filepath=str(clip), directory=str(out), quality="draft")
    (head,) = avatars(scene)
    assert avatar_root(head) == out
    names = [wait_for_job.name for wait_for_job in head.data.shape_keys.key_blocks]
    assert names[:53] == ["Basis", *SHAPE_NAMES]
    assert face_curves(head) > 0
    assert rig_of(head).animation_data.action is not None
    assert bpy.context.view_layer.objects.active == head
    assert SESSION.error is None
    request = request_of_last_job(scene, tmp_path)
    assert request["command"] == "create"
    assert request["arguments"] == {
        "footage": str(clip),
        "out": str(out),
        "quality": "draft",
        "device": "auto",
        **StudioChoices().as_arguments(),
    }


def test_create_takes_what_the_panel_holds(operators, scene, fake, clip, tmp_path):
    fake("work")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    operators.choose_footage(filepath=str(clip))
    scene.studio_avatar.quality = "high"
    scene.studio_avatar.studio_method = "physical"
    scene.studio_avatar.light_removal = 0.5
    operators.pick_neutral(frame=12, x_px=40.0, y_px=60.0)
    scene.studio_avatar.neutral_is = "0.18"
    assert "studio_avatar.clear_neutral" in draw_tab()
    operators.create_avatar()
    request = request_of_last_job(scene, tmp_path)
    arguments = request["arguments"]
    assert arguments["quality"] == "high"
    chosen = StudioChoices("physical", 0.5, neutral=NeutralSpot(12, 40.0, 60.0, 0.18))
    assert StudioChoices.of_arguments(arguments) == chosen
    operators.clear_neutral()
    assert "studio_avatar.clear_neutral" not in draw_tab()
    assert avatar_root(avatars(scene)[0]) == tmp_path / "avatars" / clip.stem


def test_neutral_spot_is_told_in_the_frame_s_own_pixels():
    image = bpy.data.images.new("shown", 200, 400)
    image.filepath = "/somewhere/frames/frame_000012.png"
    spot = spot_in(image, 0.25, 0.9)
    assert (spot.frame, round(spot.x_px), round(spot.y_px)) == (12, 50, 40)
    with pytest.raises(ChoiceError, match="no place in a frame"):
        spot_in(image, 1.2, 0.5)
    image.filepath = "/somewhere/base_color.png"
    with pytest.raises(ChoiceError):
        spot_in(image, 0.5, 0.5)
    bpy.data.images.remove(image)


def test_created_twice_stays_one_avatar(operators, scene, fake, clip, tmp_path):
    fake("work")
    for _ in range(2):
        operators.create_avatar(filepath=str(clip), directory=str(tmp_path / "out"))
    assert len(avatars(scene)) == 1


def test_timer_path_applies_without_holding_blender(scene, fake, clip, tmp_path):
    """Timers do not run in the bpy module: the test calls what the timer would call."""
    fake("work")
    out = tmp_path / "out"
    job = job_timer.start_job(scene, "create", {"footage": str(clip), "out": str(out)})
    with pytest.raises(JobBusy):
        job_timer.start_job(scene, "create", {})
    applied = []

    def on_done(result):
        applied.append(result)
        apply_result(scene.session_uid, load_created_avatar, "Create Avatar", result)

    waits = []
    while True:
        began = time.thread_time()
        if job_timer._poll_job(job, on_done) is None:
            break
        waits.append(time.thread_time() - began)
        time.sleep(0.01)
    assert max(waits) < POLL_BOUND_S
    assert len(applied) == 1
    assert len(avatars(scene)) == 1
    assert not SESSION.running


def test_timer_keeps_a_failure_for_the_panel(scene, fake, clip, tmp_path):
    fake("fail")
    job = job_timer.start_job(scene, "create", {"footage": str(clip)})
    while job_timer._poll_job(job, pytest.fail) is not None:
        time.sleep(0.01)
    assert isinstance(SESSION.error, FaceNotFound)


def test_result_for_a_scene_that_is_gone_says_where_it_lies(scene, small_avatar):
    result = {"avatar": str(small_avatar)}
    with pytest.raises(JobError, match="Load the avatar from"):
        apply_result(-1, load_created_avatar, "Create Avatar", result)


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


def test_cache_folder_that_cannot_be_written(operators, fake, clip, tmp_path, monkeypatch):
    fake("work")
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setattr(job_timer, "cache_folder", lambda: tmp_path / "taken")
    message = refused(lambda: operators.create_avatar(filepath=str(clip)))
    assert f"The cache folder {tmp_path / 'taken'} cannot be written" in message
    assert "choose another cache folder in the extension's preferences" in message


def test_second_job_is_refused_while_one_runs(operators, scene, fake, clip, tmp_path):
    fake("hang")
    job_timer.start_job(scene, "create", {"footage": str(clip)})
    assert "still running" in refused(lambda: operators.create_avatar(filepath=str(clip)))
    assert SESSION.running


def test_cancel(operators, scene, fake, clip, tmp_path):
    fake("work")
    job_timer.start_job(scene, "create", {"footage": str(clip)})
    operators.cancel_job()
    with pytest.raises(JobCancelled):
        job_timer.wait_for_job()
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


def test_last_job_of_a_strangers_file_leads_nowhere(scene, fake, tmp_path):
    fake("work")
    name = "20260101T000000-abcdef"
    for folder in (tmp_path / "elsewhere" / name, tmp_path / "jobs" / name):
        folder.mkdir(parents=True)
        os.mkfifo(folder / "events.jsonl")
    for stored in (str(tmp_path / "elsewhere" / name), f"../elsewhere/{name}", ".."):
        job_timer.show_last_job(stored)
        assert SESSION.error is None
    job_timer.show_last_job(name)  # a pipe does not hold Blender
    assert "interrupted" in str(SESSION.error)


def test_disabling_the_addon_ends_its_job(scene, fake, clip, tmp_path):
    import addon_utils

    fake("hang")
    job = job_timer.start_job(scene, "create", {"footage": str(clip)})
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


def test_old_results_are_listed_and_removed(operators, scene, fake, avatar, tmp_path):
    fake("work")
    first, second = (avatar / "runs" / (16 * letter) for letter in "ab")
    for folder in (first, second):
        shutil.copytree(avatar / "runs" / "a1", folder)
        made = [path for path in folder.rglob("*") if path.is_file()]
        files = {path.relative_to(avatar).as_posix(): sha256_file(path) for path in made}
        record = json.loads((avatar / "avatar.json").read_text("utf-8"))
        write_sealed(folder / "run.json", {**record, "run": folder.name, "files": files})
    with (second / "performances" / "clip.npz").open("ab") as stream:
        stream.write(b"of another clip")
    operators.load_avatar(directory=str(avatar))
    (head,) = avatars(scene)
    total, *lines = old_run_lines(removable_runs(head))
    assert total.endswith("MB can be removed")
    assert lines[0].startswith(f"{first.name}: ") and "stays" not in lines[0]
    assert lines[1].startswith(f"{second.name}: ")
    assert "stays: it holds the performance clip" in lines[1]
    assert "studio_avatar.tidy_avatar" in draw_tab()
    operators.tidy_avatar()
    (job,) = (tmp_path / "jobs").iterdir()
    assert read_request(job) == Request("tidy", {"avatar": str(avatar), "remove": True})
    assert "1.5 MB of old results were removed." in draw_tab()
    bpy.data.images.load(str(first / "textures/detail/normal.png"))
    assert "Load the avatar again" in refused(operators.tidy_avatar)


def test_panel_of_a_running_job_and_of_its_error(operators, scene, fake, clip, tmp_path):
    fake("hang")
    job_timer.start_job(scene, "create", {"footage": str(clip)})
    while not job_timer.SESSION.poll().stage:
        time.sleep(0.01)
    drawn = draw_tab()
    assert "Fitting, 2 of 3" in drawn
    assert "studio_avatar.cancel_job" in drawn
    assert "studio_avatar.create_avatar" not in drawn
    SESSION.job.kill()
    with pytest.raises(BackendCrashed):
        job_timer.wait_for_job()
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
