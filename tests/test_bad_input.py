"""What users get wrong, and what disks do: one sentence with a remedy, nothing else touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from footage_making import write_clip

from backend import command_line
from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.bundle import open_avatar
from studio_avatar_addon.avatar.errors import AvatarFolderError, BackendCrashed
from studio_avatar_addon.avatar.job import Request, new_job_folder
from studio_avatar_addon.job_endings import crash

ROOT = Path(__file__).parents[1]
CLIP = 'Zoë\'s "clip" 頭 ; $HOME.mp4'
NO_SPACE = Path("/dev/full")  # refuses every write as a full disk does


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command line sets defaults for its process, which here is the tests' own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR", str(tmp_path / "nb")))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")


def last_event(jobs: Path) -> dict[str, object]:
    (events,) = jobs.glob("*/events.jsonl")
    return json.loads(events.read_text("utf-8").splitlines()[-1])


def no_file(path: Path) -> None:
    pass


def notes(path: Path) -> None:
    path.write_text("These are notes, not a video.\n" * 50)


def empty_file(path: Path) -> None:
    path.touch()


def only_the_start(path: Path) -> None:
    write_clip(path, [np.full((90, 160, 3), 90, np.uint8)] * 20)
    path.write_bytes(path.read_bytes()[:400])


def single_picture(path: Path) -> None:
    write_clip(path, [np.full((90, 160, 3), 90, np.uint8)])


def no_face(path: Path) -> None:
    write_clip(path, [np.full((90, 160, 3), level, np.uint8) for level in range(60, 100)])


@pytest.mark.parametrize(
    ("make", "problem", "remedy"),
    [
        (no_file, "There is no file", "Choose the clip again"),
        (notes, "is not a video that can be read (", "Choose an mp4"),
        (empty_file, "is an empty file", "Copy it from the phone again"),
        (only_the_start, "cut off", "Copy it from the phone again"),
        (single_picture, "that could be read: 1; at least 8", "film a longer one"),
        (no_face, "No face was found", "Film the face from the front"),
    ],
)
def test_clip_that_cannot_be_used(tmp_path, capfd, make, problem, remedy):
    clip, out = tmp_path / CLIP, tmp_path / "out \"ä' 頭"
    make(clip)
    status = command_line.main(
        ["create", str(clip), "--out", str(out), "--quality", "draft", "--device", "cpu"]
    )
    assert status == 1
    told = last_event(out / "jobs")
    assert told["event"] == "failed"
    assert problem in str(told["problem"])
    assert remedy in str(told["remedy"])
    shown = capfd.readouterr().err
    assert f"{told['problem']} {told['remedy']}\n" in shown
    assert "Traceback" not in shown
    assert "Errno" not in shown
    assert not (out / "avatar.json").exists()


@pytest.mark.parametrize("command", ["report", "view", "perform"])
def test_folder_that_is_no_avatar_stays_as_it_was(tmp_path, capfd, command):
    own, missing = tmp_path / "own", tmp_path / "missing"
    own.mkdir()
    further = {"view": ["--out", str(tmp_path / "views")], "perform": ["clip.mp4"], "report": []}
    for folder in (own, missing):
        assert command_line.main([command, str(folder), *further[command]]) == 1
        assert "Choose the folder that Create Avatar made." in capfd.readouterr().err
    assert not list(own.iterdir())
    assert not missing.exists()


def test_interruption_at_the_terminal(tmp_path, capfd, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.commands.carry_out", interrupted)
    out = tmp_path / "out"
    assert command_line.main(["create", "clip.mp4", "--out", str(out)]) == 130
    assert last_event(out / "jobs")["event"] == "cancelled"
    assert "Finished stages are kept" in capfd.readouterr().err


@pytest.mark.parametrize("package", ["psutil", "cv2", "torch"])
def test_interpreter_that_lacks_a_package(tmp_path, package):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from backend.command_line import main\n"
        f"sys.exit(main(['create', 'clip.mp4', '--out', {str(tmp_path / 'out')!r}]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert package in ended.stderr
    assert "Choose an interpreter with the backend installed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert last_event(tmp_path / "out" / "jobs")["kind"] == "EnvironmentProblem"


@pytest.mark.skipif(not NO_SPACE.exists(), reason="needs a device that is always full")
def test_disk_too_full_even_for_an_event(tmp_path, capfd):
    job = new_job_folder(tmp_path / "jobs", Request("doctor", {}))
    (job / "events.jsonl").symlink_to(NO_SPACE)
    status = command_line.main(["run", str(job)])
    assert "The disk is full" in capfd.readouterr().err
    error = crash(status, "", job / "backend.log", Path(sys.executable), said_hello=False)
    assert isinstance(error, BackendCrashed)
    assert "disk is full" in error.problem
    assert "Free some space" in error.remedy


def test_every_damage_of_stored_arrays_is_a_value_error(tmp_path):
    path = tmp_path / "arrays.npz"
    rng = np.random.default_rng(0)
    write_arrays(path, weights=rng.random((40, 52)), index=np.arange(40))
    whole = path.read_bytes()
    for place in rng.integers(0, len(whole) - 8, 200).tolist():
        path.write_bytes(whole[:place] + rng.bytes(8) + whole[place + 8 :])
        try:
            stored = read_arrays(path)  # a zip holds bytes that nobody looks at
        except ValueError:
            continue
        assert stored["weights"].shape == (40, 52)


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"template": "studio_head_1"},
        {"template": {}},
        {"name": None},
        {"footage": "clip.mp4"},
        {"run": "../elsewhere"},
    ],
)
def test_description_with_a_wrong_entry(small_avatar, tmp_path, change):
    description = json.loads((small_avatar / "avatar.json").read_text("utf-8"))
    (tmp_path / "elsewhere").mkdir()
    root = tmp_path / "avatar"
    shutil.copytree(small_avatar, root)
    (root / "avatar.json").write_text(json.dumps(description | change), "utf-8")
    with pytest.raises(AvatarFolderError, match=r"avatar\.json is damaged"):
        open_avatar(root)


@pytest.mark.parametrize(
    ("name", "kept_bytes"),
    [
        ("textures/detail/base_color.png", None),
        ("textures/phone/base_color.png", -20),
        ("textures/detail/normal.png", -20),
        ("performances/clip.npz", -20),
        ("head.npz", None),
        ("head.npz", -20),
    ],
)
def test_avatar_that_is_not_whole_leaves_the_scene_alone(
    empty_scene, small_avatar, tmp_path, name, kept_bytes
):
    root = tmp_path / "avatar"
    shutil.copytree(small_avatar, root)
    file = root / "runs" / "a1" / name
    if kept_bytes is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:kept_bytes])
    with pytest.raises(RuntimeError, match=f"{file.name} is damaged or missing"):
        bpy.ops.studio_avatar.load_avatar(directory=str(root))
    assert not bpy.context.scene.objects
