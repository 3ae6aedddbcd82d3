"""What users get wrong, and what disks do: one sentence with a remedy, nothing else touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import bpy
import cv2
import numpy as np
import pytest
from footage_making import (
    NoProgress,
    gone_aside,
    sample_frames,
    smeared,
    with_spectacles,
    write_clip,
    zoomed,
)
from PIL import Image

from backend.cli import main
from backend.detector.landmark_indices import LEFT_IRIS, RIGHT_IRIS
from backend.job.memory import require_memory
from backend.stages.footage import read_footage
from backend.stages.footage.zoom import zoom_share
from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.bundle import open_avatar
from studio_avatar_addon.avatar.errors import (
    AvatarFolderError,
    BackendCrashed,
    EnvironmentProblem,
    FootageUnreadable,
)
from studio_avatar_addon.avatar.job import Request, new_job_folder
from studio_avatar_addon.avatar.types import QUALITY, Capture
from studio_avatar_addon.job_endings import crash

ROOT = Path(__file__).parents[1]
CLIP = 'Zoë\'s "clip" 頭 ; $HOME.mp4'
JOBS = Path("cache/studio_avatar/jobs")
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


def pause(path: Path) -> None:
    stamps = [40 * k + 3_600_000 * (k > 9) for k in range(20)]
    write_clip(path.with_suffix(".mkv"), [np.full((90, 160, 3), 90, np.uint8)] * 20, stamps=stamps)
    path.with_suffix(".mkv").rename(path)


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
        (pause, "pauses for 60:00 (min:s) at 0:00", "Cut it there into two clips"),
        (single_picture, "that could be read: 1; at least 8", "film a longer one"),
        (no_face, "No face was found", "Film the face from the front"),
    ],
)
def test_clip_that_cannot_be_used(tmp_path, capfd, make, problem, remedy):
    clip, out = tmp_path / CLIP, tmp_path / "out \"ä' 頭"
    make(clip)
    status = main.main(
        ["create", str(clip), "--out", str(out), "--quality", "draft", "--device", "cpu"]
    )
    assert status == 1
    told = last_event(tmp_path / JOBS)
    assert told["event"] == "failed"
    assert problem in str(told["problem"])
    assert remedy in str(told["remedy"])
    shown = capfd.readouterr().err
    assert f"{told['problem']} {told['remedy']}\n" in shown
    assert "Traceback" not in shown
    assert "Errno" not in shown
    assert not (out / "avatar.json").exists()


@pytest.fixture(scope="module")
def sample() -> list[np.ndarray]:
    return sample_frames()


def read(source: Path, frames_dir: Path) -> Capture:
    return read_footage(source, frames_dir, QUALITY["draft"], NoProgress())


def other_room(picture: np.ndarray) -> np.ndarray:
    return picture[:, ::-1] // 2 + np.array([90, 40, 0], np.uint8)


def brighter(picture: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(picture * factor, 0, 255).astype(np.uint8)


def ironed(picture: np.ndarray) -> np.ndarray:
    for _ in range(2):
        picture = cv2.bilateralFilter(picture, 15, 40, 8)
    return picture


def tinted(picture: np.ndarray, gains: tuple[float, float, float]) -> np.ndarray:
    return np.clip(picture * np.array(gains), 0, 255).astype(np.uint8)


def noisy(frames: list[np.ndarray]) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [np.clip(f + random.normal(0.0, 30.0, f.shape), 0, 255).astype(np.uint8) for f in frames]


def wide_views(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [frames[i] for i in (12, 13, 14, 15, 16, 17, 27, 28, 29, 30, 31)]


USABLE_CLIPS = {
    "as it is": (lambda frames: frames, set()),
    "cut": (lambda f: f[:28] + [other_room(x) for x in f[28:]], {"cuts"}),
    "leaves for a while": (
        lambda f: [gone_aside(x, max(0, 432 - 54 * abs(i - 20))) for i, x in enumerate(f)],
        {"face_lost"},
    ),
    "gone for good": (
        lambda f: [gone_aside(x, min(432, max(0, 27 * (i - 20)))) for i, x in enumerate(f)],
        {"face_lost"},
    ),
    "blurred": (lambda f: [smeared(x, 41) for x in f], {"blurred"}),
    "partly blurred": (lambda f: f[:14] + [smeared(x, 41) for x in f[14:28]] + f[28:], set()),
    "zoom": (lambda f: [zoomed(x, 1 + 0.3 * i / len(f)) for i, x in enumerate(f)], {"zoom"}),
    "mirrored": (lambda f: [np.ascontiguousarray(x[:, ::-1]) for x in f], set()),
    "profile": (wide_views, {"never_frontal"}),
    "lamp switched on": (lambda f: f[:20] + [brighter(x, 1.4) for x in f[20:]], {"light_changed"}),
    "beauty filter": (lambda f: [ironed(x) for x in f], {"beauty_filter"}),
    "night": (lambda f: [brighter(x, 0.25) for x in f], {"too_dark"}),
    "without colour": (lambda f: [np.repeat(x[..., 1:2], 3, 2) for x in f], {"no_colour"}),
    "red lamp": (lambda f: [tinted(x, (1.8, 0.8, 0.3)) for x in f], {"strange_colour"}),
    "blue lamp": (lambda f: [tinted(x, (0.4, 0.8, 1.4)) for x in f], {"strange_colour"}),
    "inverted": (lambda f: [255 - x for x in f], {"face_lost", "strange_colour"}),
    "noise": (noisy, {"noisy"}),
    "still": (lambda f: [f[0]] * 16, {"hardly_any_turn"}),
}


@pytest.mark.parametrize("name", USABLE_CLIPS)
def test_clip_that_is_used_and_judged(sample, tmp_path, name):
    change, expected = USABLE_CLIPS[name]
    capture = read(write_clip(tmp_path / "clip.mp4", change(sample), crf="18"), tmp_path)
    assert {finding.code for finding in capture.findings} == expected
    assert len(capture.frame_index) >= 8
    if name == "partly blurred":
        assert not ((capture.frame_index >= 14) & (capture.frame_index < 28)).any()
    if name == "gone for good":
        (told,) = (f.message for f in capture.findings if f.code == "face_lost")
        assert "to the end" in told
        assert capture.frame_index.max() < 34


def test_glasses_are_told(sample, tmp_path):
    bare = read(write_clip(tmp_path / "bare.mp4", sample[:8]), tmp_path / "bare")
    eyes = bare.detections_px[:, [RIGHT_IRIS[0], LEFT_IRIS[0]]]
    worn = [with_spectacles(*pair) for pair in zip(sample[:8], eyes, strict=True)]
    capture = read(write_clip(tmp_path / "worn.mp4", worn), tmp_path / "worn")
    assert "glasses" not in {finding.code for finding in bare.findings}
    assert "glasses" in {finding.code for finding in capture.findings}


@pytest.mark.parametrize(
    ("in_folder", "problem"), [(False, "is a single photo"), (True, "could be read: 1; at least 8")]
)
def test_single_photo(sample, tmp_path, in_folder, problem):
    photo = tmp_path / "photo.jpg"
    Image.fromarray(sample[0]).save(photo)
    with pytest.raises(FootageUnreadable, match=problem) as raised:
        read(tmp_path if in_folder else photo, tmp_path / "frames")
    assert "8" in raised.value.remedy
    assert "from all sides" in raised.value.remedy


@pytest.mark.parametrize(
    ("background", "head", "zoomed_by"),
    [(1.3, 1.3, 0.3), (1.1, 1.1, 0.0), (1.2, 1.9, 0.0), (1.3, 1.0, 0.0), (1.0, 1.5, 0.0)],
)
def test_zoom_is_told_from_a_phone_or_head_that_comes_closer(background, head, zoomed_by):
    time = np.linspace(0.0, 1.0, 200)
    wobble = 1.0 + 0.01 * np.sin(40.0 * time)
    growth = np.diff(time * np.log(background), prepend=np.nan)
    growth[50:60] = np.nan  # a stretch without features
    assert zoom_share(growth, head**time * wobble) == pytest.approx(zoomed_by, abs=0.03)


@pytest.mark.parametrize("command", ["report", "view", "perform"])
def test_folder_that_is_no_avatar_stays_as_it_was(tmp_path, capfd, command):
    own, missing = tmp_path / "own", tmp_path / "missing"
    own.mkdir()
    further = {"view": ["--out", str(tmp_path / "views")], "perform": ["clip.mp4"], "report": []}
    for folder in (own, missing):
        assert main.main([command, str(folder), *further[command]]) == 1
        assert "Choose the folder that Create Avatar made." in capfd.readouterr().err
    assert not list(own.iterdir())
    assert not missing.exists()


def test_interruption_at_the_terminal(tmp_path, capfd, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.cli.run_request.run_request", interrupted)
    out = tmp_path / "out"
    assert main.main(["create", "clip.mp4", "--out", str(out)]) == 130
    assert last_event(tmp_path / JOBS)["event"] == "cancelled"
    assert "Finished stages are kept" in capfd.readouterr().err


@pytest.mark.parametrize("package", ["psutil", "cv2", "torch"])
def test_interpreter_that_lacks_a_package(tmp_path, package):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from backend.cli.main import main\n"
        f"sys.exit(main(['create', 'clip.mp4', '--out', {str(tmp_path / 'out')!r}]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert package in ended.stderr
    assert "Choose an interpreter with the backend installed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert last_event(tmp_path / JOBS)["kind"] == "EnvironmentProblem"


@pytest.mark.skipif(not NO_SPACE.exists(), reason="needs a device that is always full")
def test_disk_too_full_even_for_an_event(tmp_path, capfd):
    job = new_job_folder(tmp_path / "jobs", Request("doctor", {}))
    (job / "events.jsonl").symlink_to(NO_SPACE)
    status = main.main(["run", str(job)])
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
    "header",
    ["{'descr': '<U0', 'fortran_order': False, 'shape': (3000000000,), }",
     "{'descr': '<f8', 'fortran_order': False, 'shape': (3000000000,), }",
     "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1000000000000000000000000000000), }",
     "{'descr': '|b1', 'fortran_order': False, 'shape': (True,), }",
     "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
     "{'descr': '<f8', 'shape': (" + "(" * 300],
)  # fmt: skip
def test_arrays_that_promise_more_than_they_hold(tmp_path, header):
    path = tmp_path / "arrays.npz"
    text = header.encode().ljust(117) + b"\n"
    with ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
    with pytest.raises(ValueError, match="array"):
        read_arrays(path)


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"template": "studio_head_1"},
        {"template": {}},
        {"name": None},
        {"footage": "clip.mp4"},
        {"run": "../elsewhere"},
        {"run": "x" * 300},
        {"files": {"../elsewhere": ""}},
        {"files": {f"runs/a1/{'x' * 300}": ""}},
        {"template": {"name": "../studio_head_1", "sha256": ""}},
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


def test_lack_of_memory_is_told(tmp_path):
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))\n"
        "from backend.cli.main import main\n"
        f"sys.exit(main(['create', 'clip.mp4', '--out', {str(tmp_path / 'out')!r}]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "ran out of memory. Close other programs or choose a lower quality." in ended.stderr
    with pytest.raises(EnvironmentProblem, match=r"Fitting needs about 1000.0 GB of memory, \d"):
        require_memory(10**12, "Fitting")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "The disk is full; settings could not be written to /home/zoe. Free"),
        (errno.EROFS, "settings in /home/zoe could not be read or written (Read-only"),
    ],
)
def test_disk_that_refuses_what_nobody_foresaw(tmp_path, capfd, monkeypatch, number, told):
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number), "/home/zoe/settings")

    monkeypatch.setattr("backend.cli.run_request.run_request", refused)
    assert main.main(["create", "clip.mp4", "--out", str(tmp_path / "out")]) == 1
    assert told in capfd.readouterr().err


NOISE = """
import sys
from pathlib import Path
from backend.job.kernel_cache import checked_kernels
with checked_kernels(Path(sys.argv[1]), print):
    import numpy as np
    from backend.atlas import solid_noise
    print(solid_noise.solid_noise(np.full((1, 3), 0.5), 1.0, 0))
    print("compiled", sum(solid_noise._noise.stats.cache_misses.values()))
"""


def noise(kernels: Path) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", NOISE, str(kernels)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout.splitlines()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 4
    path.write_bytes(stored)


@pytest.mark.parametrize(
    ("damage", "pattern"),
    [
        (cut_short, "*/*_noise-*.nbc"),
        (flip_a_bit, "*/*_noise-*.nbc"),
        (Path.unlink, "*/*_noise-*.nbi"),
        (cut_short, "hashes.json"),
    ],
)
def test_damaged_machine_code_is_never_loaded(compiled, tmp_path, damage, pattern):
    (folder, value), kernels = compiled, tmp_path / "kernels"
    shutil.copytree(folder, kernels)
    (damaged,) = kernels.glob(pattern)
    damage(damaged)
    assert noise(kernels) == [value, "compiled 1"]
    assert noise(kernels) == [value, "compiled 0"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    kernels = tmp_path_factory.mktemp("compiled") / "numba"
    value, count = noise(kernels)
    assert count == "compiled 1"
    return kernels, value


def test_machine_code_that_cannot_be_kept(tmp_path):
    kernels = tmp_path / "kernels"
    kernels.touch()
    told, _, count = noise(kernels)
    assert str(kernels) in told
    assert "a folder that you may write to" in told
    assert count == "compiled 1"
