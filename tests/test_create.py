"""The real backend on the sample clip at draft quality: from the clip to the avatar folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.cli.commands import COMMANDS, command_of
from backend.cli.main import main
from backend.imaging.image_files import read_image
from backend.stages import STAGES
from backend.store.avatar_writer import add_performance
from studio_avatar_addon.avatar.bundle import (
    AvatarFolder,
    open_avatar,
    read_performance,
    verify_files,
)
from studio_avatar_addon.avatar.corrections import (
    CORRECTIONS_FILE,
    Corrections,
    read_corrections,
)
from studio_avatar_addon.avatar.errors import JobBusy, JobCancelled
from studio_avatar_addon.avatar.job import EVENTS_FILE, Done, Request, Stage, parse_event
from studio_avatar_addon.avatar.labels import BACKGROUND, HAIR, SKIN
from studio_avatar_addon.avatar.layout import (
    AVATAR_FILE,
    JOBS_FOLDER,
    MAPS,
    PERFORMANCES_FOLDER,
)
from studio_avatar_addon.avatar.ownership import MADE
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.job_client import Backend, JobSession

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "studio_avatar_addon" / "assets" / "sample" / "sample.mp4"
STEPS = (*STAGES, "avatar")
PATIENCE_S = 240.0
FAULT_TRIES = 24


def start(backend: Backend, avatar: Path, clip: Path = SAMPLE, **skin: float) -> JobSession:
    session = JobSession()
    session.start(backend, create_request(avatar, clip, **skin), backend.cache / JOBS_FOLDER)
    return session


def create_request(avatar: Path, clip: Path = SAMPLE, **skin: float) -> Request:
    """With the fields that the add-on writes."""
    arguments = {"footage": str(clip), "out": str(avatar), "quality": "draft", "device": "cpu"}
    return Request("create", {**arguments, **StudioChoices(**skin).as_arguments()})


def wait_for_stage(session: JobSession, stage: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while session.poll().stage != stage:
        assert time.monotonic() < until, f"{stage} never began"
        time.sleep(0.02)


def skipped_stages(session: JobSession) -> list[str]:
    return [s["stage"] for s in session.poll().result["stages"] if s["skipped"]]


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return Backend(Path(sys.executable), "backend", ROOT, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def avatar(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> AvatarFolder:
    """The sample's avatar, its job cancelled once before it was let through."""
    root = tmp_path_factory.mktemp("out") / "Zoë's first avatar"
    session = start(backend, root)
    wait_for_stage(session, "room_light")
    session.cancel()
    with pytest.raises(JobCancelled):
        session.wait()
    assert not (root / "avatar.json").exists(), "a cancelled job left half an avatar"
    session = start(backend, root)
    session.wait()
    finished = ["footage", "tracking", "fitting"]
    assert skipped_stages(session) == finished, "cancelling lost finished stages"
    return open_avatar(root)


def test_folder_is_whole(avatar: AvatarFolder) -> None:
    verify_files(avatar)
    head, cameras = avatar.head, avatar.cameras
    assert not (avatar.root / CORRECTIONS_FILE).exists(), "nothing was corrected"
    assert np.isfinite(head.neutral_m).all()
    assert head.shape_deltas_m.shape == (52, len(head.neutral_m), 3)
    frames = len(cameras.frame_index)
    assert cameras.camera_from_head.shape == (frames, 4, 4)
    assert len(list((avatar.run / "frames").glob("frame_??????.png"))) == frames
    for name in MAPS:
        assert avatar.texture("detail", name) is not None, name
    for name in ("report.json", "frames.png", "overlay.png", "coverage.png", "versions.png"):
        assert (avatar.run / "report" / name).is_file(), name


def test_second_run_changes_nothing(avatar: AvatarFolder, backend: Backend) -> None:
    (own,) = avatar.performances
    before = own.read_bytes()
    namesake = add_performance(avatar, own.stem, read_performance(own))
    assert namesake.stem == f"{own.stem} 2"
    assert own.read_bytes() == before, "a clip of the same name took a performance's place"
    notes = avatar.run / "notes.txt"
    notes.write_text("the artist's own")
    listed = files_of(avatar.root)
    session = start(backend, avatar.root)
    session.wait()
    assert skipped_stages(session) == list(STAGES)
    assert files_of(avatar.root) == listed
    again = open_avatar(avatar.root)
    assert [path.stem for path in again.performances] == [own.stem, namesake.stem]
    verify_files(again)
    notes.unlink()


def files_of(root: Path) -> dict[Path, tuple[int, int]]:
    """Every file's inode and time of change."""
    found = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_every_file_that_is_made_is_known_as_ours(avatar: AvatarFolder) -> None:
    """Or it would never be removed."""
    places = {path.relative_to(avatar.root).as_posix() for path in files_of(avatar.root)}
    unknown = {place for place in places if "/" in place and not MADE.fullmatch(place)}
    assert unknown == {f"{PERFORMANCES_FOLDER}/sample 2.npz"}, "which other clips' are not"


def test_faults_lose_nothing(avatar: AvatarFolder, tmp_path: Path) -> None:
    """A small part of the benchmark; each kind of fault is among its tries."""
    told = tmp_path / "faults.json"
    source, tries = str(avatar.root), str(FAULT_TRIES)
    ended = run_backend(
        "benchmark", "faults", "--tries", tries, "--avatar", source, "--out", str(told)
    )
    assert ended.returncode == 0, ended.stderr
    tried = json.loads(told.read_text("utf-8"))["tries"]
    assert len(tried) == FAULT_TRIES and len({one["kind"] for one in tried}) == 7
    assert not [one for one in tried if one["violations"]]


def test_another_tone_renews_the_last_stages_only(
    avatar: AvatarFolder, backend: Backend, tmp_path: Path
) -> None:
    root = tmp_path / "darker"
    shutil.copytree(avatar.root, root)
    session = start(backend, root, skin_exposure=-1.0)
    session.wait()
    assert set(STEPS) - set(skipped_stages(session)) == {"studio_texture", "detail", "avatar"}
    darker = open_avatar(root)
    assert [path.name for path in darker.performances] == [p.name for p in avatar.performances]
    assert darker.description["provenance"]["skin"]["skin_exposure"] == -1.0
    before, after = (read_image(a.texture("detail", "base_color")) for a in (avatar, darker))
    assert np.median(after) < 0.85 * np.median(before)


def test_killed_backend_leaves_the_last_good_set(avatar: AvatarFolder, backend: Backend) -> None:
    session = JobSession()
    arguments = {"footage": str(SAMPLE), "out": str(avatar.root), "quality": "standard"}
    job = session.start(backend, Request("create", arguments), backend.cache / JOBS_FOLDER)
    wait_for_stage(session, "footage")
    with pytest.raises(JobBusy, match=r"Another job"):
        start(backend, avatar.root).wait()
    job.kill()
    verify_files(open_avatar(avatar.root))
    start(backend, avatar.root).wait()  # the dead job's lock does not block the next


def test_backend_ends_with_its_parent(backend: Backend, tmp_path: Path) -> None:
    """A parent killed without a chance to clean up leaves no orphan behind."""
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from test_create import start\n"
        "from studio_avatar_addon.job_client import Backend\n"
        f"backend = Backend(Path(sys.executable), 'backend', Path({str(ROOT)!r}),\n"
        f"                  Path({str(backend.cache)!r}))\n"
        f"session = start(backend, Path({str(tmp_path)!r}))\n"
        "while not session.poll().stage: time.sleep(0.05)\n"
        "print(session.job._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 10
    while is_running(child):
        assert time.monotonic() < until, "the backend outlived its parent"
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_refit_takes_the_artists_word(avatar: AvatarFolder, tmp_path: Path) -> None:
    root = tmp_path / "corrected"
    shutil.copytree(avatar.root, root)
    frames = avatar.cameras.frame_index.tolist()
    out, kept = frames[1], avatar.cameras.left_out
    words = ["--leave-out", str(out), "--focal-px", "700", "--measure", "interpupillary", "66"]
    assert run_backend("refit", str(root), *words).returncode == 0
    figures = json.loads((root / "preview" / "fit.json").read_text("utf-8"))
    assert figures["frames_left_out"][str(out)] == "by hand" != kept[1]
    assert figures["focal_px"] == 700.0 and figures["measures_mm"]["interpupillary"] == 66.0
    assert (root / "preview" / "overlay.png").is_file()
    corrections = read_corrections(root)
    assert corrections.leave_out == {out} and corrections.focal_px == 700.0
    stored = (root / "corrections.json").read_bytes()
    for nonsense, told in (
        (["--leave-out", "999999"], "999999 is not among the chosen ones"),
        (["--measure", "face_width", "900"], "900 mm is impossible"),
        (["--measure", "nose", "50"], "no known measure"),
        (["--focal-px", "-3"], "impossible"),
        (["--leave-out", *map(str, frames)], "Every chosen frame is left out"),
        (["--put-in", "x"], "invalid int value"),
        (["--landmark", str(out), "9999", "1", "1"], "none of the face"),
    ):
        refused = run_backend("refit", str(root), *nonsense)
        assert refused.returncode in (1, 2) and told in refused.stderr, refused.stderr
        assert "Traceback" not in refused.stderr
        assert (root / "corrections.json").read_bytes() == stored
    verify_files(open_avatar(root))
    assert run_backend("refit", str(root), "--forget").returncode == 0
    forgotten = json.loads((root / "preview" / "fit.json").read_text("utf-8"))
    assert str(out) not in forgotten["frames_left_out"], "a frame left out once never came back"
    assert forgotten["focal_px"] == pytest.approx(avatar.cameras.camera.focal_px[0], rel=0.01)
    assert replace(read_corrections(root), footage_sha256="") == Corrections()


def run_backend(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.mark.parametrize("lost", ["frames", "provenance"])
def test_refit_without_what_it_needs_says_so(
    avatar: AvatarFolder, tmp_path: Path, lost: str
) -> None:
    root = tmp_path / "moved"
    shutil.copytree(avatar.root, root, ignore=shutil.ignore_patterns("stages"))
    if lost == "provenance":
        shutil.copytree(avatar.root / "stages", root / "stages")
        description = json.loads((root / AVATAR_FILE).read_text("utf-8"))
        del description["provenance"]
        (root / AVATAR_FILE).write_text(json.dumps(description), "utf-8")
    refused = run_backend("refit", str(root))
    assert refused.returncode == 1
    assert "no longer holds the frames" in refused.stderr and "Create it again" in refused.stderr


def test_a_view_of_the_phone_texture_is_nearest_to_its_own_frame(
    avatar: AvatarFolder, tmp_path: Path
) -> None:
    assert main(["view", str(avatar.root), "--texture", "phone", "--out", str(tmp_path)]) == 0
    names = [f"frame_{index:06d}.png" for index in avatar.cameras.frame_index]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == names
    filmed, shown = (
        [np.asarray(read_image(folder / name), np.float32)[::4, ::4] / 255 for name in names]
        for folder in (avatar.run / "frames", tmp_path)
    )
    error = [
        [np.median(np.abs(view[..., :3] - frame)[view[..., 3] > 0.5]) for frame in filmed]
        for view in shown
    ]
    nearest = np.argmin(error, axis=1)
    assert np.mean(nearest == np.arange(len(names))) > 0.75


def test_a_view_of_the_labels_shows_every_chosen_frame(
    avatar: AvatarFolder, tmp_path: Path
) -> None:
    assert main(["view", str(avatar.root), "--labels", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.png"))) == len(avatar.cameras.frame_index)
    counts = np.zeros(256, int)
    for path in (avatar.run / "frames").glob("*_labels.png"):
        labels = read_image(path)
        centre = labels[labels.shape[0] // 2, labels.shape[1] // 2]
        assert centre == SKIN, "the sample's face fills the middle"
        counts += np.bincount(labels.ravel(), minlength=256)
    assert counts[BACKGROUND] > counts[HAIR] and counts[SKIN] > 5 * counts[HAIR], "cropped"


def test_a_report_tells_the_figures_and_refuses_damaged_files(
    avatar: AvatarFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(avatar.root, root, ignore=shutil.ignore_patterns("stages"))
    assert main(["report", str(root)]) == 0
    told = capsys.readouterr().out
    assert f"frames_chosen: {len(avatar.cameras.frame_index)}" in told
    assert f"focal_px: {avatar.cameras.camera.focal_px[0]:.1f}" in told
    (path,) = root.glob("runs/*/textures/studio/base_color.png")
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["report", str(root)]) == 1
    assert path.name in capsys.readouterr().err


@pytest.fixture(scope="module")
def worked_on(avatar: AvatarFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the avatar that commands may change."""
    return Path(shutil.copytree(avatar.root, tmp_path_factory.mktemp("commands") / "avatar"))


def request_for(command: str, avatar: Path, out: Path) -> Request:
    """With the fields that the add-on writes; the command line's, where it has no button for it."""
    arguments = {
        "create": create_request(avatar).arguments,
        "refit": {"avatar": str(avatar), "corrections": Corrections().as_json(), "forget": False},
        "perform": {"avatar": str(avatar), "footage": str(SAMPLE)},
        "view": {"avatar": str(avatar), "texture": "detail", "out": str(out)},
        "report": {"avatar": str(avatar)},
        "tidy": {"avatar": str(avatar), "remove": True},
        "doctor": {"device": "cpu"},
    }
    assert command in arguments, f"tell this test what a request for {command!r} looks like"
    return Request(command, arguments[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs_from_a_job_folder(
    command: str, worked_on: Path, backend: Backend, tmp_path: Path
) -> None:
    session = JobSession()
    request = request_for(command, worked_on, tmp_path / "out")
    job = session.start(backend, request, backend.cache / JOBS_FOLDER)
    status = session.wait()
    assert isinstance(status.final, Done) and status.result
    lines = (job.folder / EVENTS_FILE).read_text("utf-8").splitlines()
    steps = [event.stage for event in map(parse_event, lines) if isinstance(event, Stage)]
    assert steps == list(command_of(command).steps)
