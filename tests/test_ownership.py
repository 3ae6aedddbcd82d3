"""Whose a folder is: only ours are written to, and only what we made is removed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from backend.cli import main
from backend.job.event_log import EventLog
from backend.job.lock import held_avatar
from backend.job.reporter import Reporter
from backend.stages.declaration import Stage
from backend.store.stage_cache import StageCache
from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.bundle import open_avatar, performance_stem
from studio_avatar_addon.avatar.corrections import read_corrections
from studio_avatar_addon.avatar.errors import AvatarFolderError, FitError, JobBusy
from studio_avatar_addon.avatar.files import sha256_file, write_json
from studio_avatar_addon.avatar.job import Failed, event_line
from studio_avatar_addon.avatar.layout import FORMAT
from studio_avatar_addon.avatar.old_runs import find_old_runs, remove_old_runs
from studio_avatar_addon.avatar.ownership import claim_folder
from studio_avatar_addon.avatar.sealed import read_sealed, write_sealed

ROOT = Path(__file__).parents[1]
PARTIAL = "studio_avatar_0123456789abcdef.partial"
SAMPLE = ROOT / "studio_avatar_addon" / "assets" / "sample" / "sample.mp4"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command line sets defaults for its process, which here is the tests' own."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["XDG_CACHE_HOME"] = str(tmp_path / "cache")


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An artist's own folder, with names that an avatar has, too."""
    folder = tmp_path / "project"
    for name in ("stages/footage/frame_000001.png", "runs/notes.txt", "frame_000001.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("command", ["create", "view"])
def test_a_folder_of_other_files_is_refused_and_stays(
    project: Path, small_avatar: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    before = contents(project)
    subject = SAMPLE if command == "create" else small_avatar
    assert main.main([command, str(subject), "--out", str(project)]) == 1
    assert "holds files that are not Studio Avatar's" in capfd.readouterr().err
    assert contents(project) == before


@pytest.mark.parametrize("place", ["stages", "performances", "runs/a1/frames", "avatar.json"])
def test_nothing_is_written_through_a_link(
    project: Path, avatar: Path, capfd: pytest.CaptureFixture[str], place: str
) -> None:
    before = contents(project)
    link = avatar / place
    if place == "avatar.json":
        shutil.move(link, project / "description.json")
        before = contents(project)
        link.symlink_to(project / "description.json")
    else:
        link.symlink_to(project, target_is_directory=True)
    refused = main.main(["perform", str(avatar), str(SAMPLE)])
    assert refused == 1, "the made-up avatar lacks its cameras"
    if place != "avatar.json":
        assert "is a link" in capfd.readouterr().err
    assert contents(project) == before


def test_what_others_left_in_an_avatar_is_no_obstacle(tmp_path: Path, avatar: Path) -> None:
    claim_folder(tmp_path / "new")
    assert claim_folder(tmp_path / "new") is None
    claim_folder(avatar)  # received: without a mark, but with its description
    (tmp_path / "new" / "notes.txt").write_text("the artist's own")
    with held_avatar(tmp_path / "new"):
        pass
    (tmp_path / "litter").mkdir()
    (tmp_path / "litter" / ".DS_Store").write_text("")
    claim_folder(tmp_path / "litter")


def test_a_newer_avatar_is_not_replaced(avatar: Path, capfd: pytest.CaptureFixture[str]) -> None:
    description = json.loads((avatar / "avatar.json").read_text("utf-8"))
    text = json.dumps({**description, "format_version": FORMAT + 1})
    (avatar / "avatar.json").write_text(text, "utf-8")
    assert main.main(["create", str(SAMPLE), "--out", str(avatar)]) == 1
    assert "Update the extension" in capfd.readouterr().err
    assert (avatar / "avatar.json").read_text("utf-8") == text


def test_a_lock_ends_with_its_holder(avatar: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from backend.job.lock import held_avatar\n"
        "with held_avatar(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(avatar)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    unfinished = avatar / "stages" / PARTIAL / "images"
    unfinished.mkdir(parents=True)
    (avatar / PARTIAL).write_text("half")
    dated = avatar / "runs" / "clip.20261130.partial"
    dated.write_text("half")
    with pytest.raises(JobBusy, match="Another job is running"), held_avatar(avatar):
        pass
    assert unfinished.is_dir(), "it may be the other job's"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with held_avatar(avatar):
        assert not list(avatar.rglob(PARTIAL))
        assert dated.is_file(), "it is the artist's own"


@pytest.mark.parametrize("recorded", [True, False])
def test_old_runs_go_but_not_what_is_nowhere_else(avatar: Path, recorded: bool) -> None:
    runs = avatar / "runs"
    plain, moved, painted, equal = (runs / (16 * letter) for letter in "bcde")
    for folder in (plain, moved, painted, equal):
        shutil.copytree(runs / "a1", folder)
        (folder / "report").mkdir()
        (folder / "report" / "frames.png").touch()
    (plain / "notes.txt").write_text("the artist's own")
    (plain / "mine.npz").write_text("the artist's own")
    for folder in (moved, equal):  # of another clip of that name, or the same in other words
        clip = folder / "performances" / "clip.npz"
        clip.write_bytes(clip.read_bytes() + (b"another" if folder == moved else b""))
    if recorded:
        description = json.loads((avatar / "avatar.json").read_text("utf-8"))
        for folder in (plain, painted):
            files = {f"runs/{folder.name}/{n}": digest for n, digest in contents(folder).items()}
            record = {**description, "run": folder.name, "files": files}
            write_sealed(folder / "run.json", {k: v for k, v in record.items() if k != "name"})
        for notes in ("notes.txt", "mine.npz"):
            (plain / notes).write_text("the artist's own")
    edited = painted / "textures" / "detail" / "base_color.png"
    edited.write_bytes(edited.read_bytes() + b"painted over")
    (painted / "frames").mkdir()
    (painted / "frames" / "frame_000999.png").write_text("the artist's own")
    copied = runs / f"{painted.name}-2"
    shutil.copytree(painted, copied)
    folder = open_avatar(avatar)
    kept = {run.name: run.kept_because for run in find_old_runs(folder).runs}
    assert set(kept) == {plain.name, moved.name, painted.name, equal.name, copied.name}
    assert kept[moved.name] == "it holds the performance clip"
    gone = {plain.name, painted.name} if recorded else set()
    assert {name for name, why in kept.items() if not why} == gone
    before = {path.name: contents(path) for path in runs.iterdir()}
    remove_old_runs(folder)
    after = {path.name: contents(path) for path in runs.iterdir()}
    assert {name for name in before if after.get(name) != before[name]} == gone
    if recorded:
        assert after[plain.name].keys() == {"mine.npz", "notes.txt"}
        drawn = {"textures/detail/base_color.png", "frames/frame_000999.png"}
        assert after[painted.name].keys() == drawn


@dataclass(frozen=True)
class Numbers:
    """A stage's value."""

    values: np.ndarray
    total: float


class OneStage:
    """A cache of one stage, which counts its runs."""

    def __init__(self, folder: Path, values: np.ndarray) -> None:
        self.folder, self.ran, self._values = folder, 0, values

        def run(*_: object) -> Numbers:
            self.ran += 1
            return Numbers(self._values, 2.5)

        run.__module__ = "backend.stages.performance.stage"
        self._stage = Stage("performance", (), Numbers, run)

    def again(self) -> list[str]:
        """Codes of what is told."""
        reporter = Reporter(self.folder, EventLog(self.folder), 1)
        StageCache(self.folder / "stages", reporter).run(self._stage, None)  # pyright: ignore
        reporter.close()
        return [finding.code for finding in reporter.findings]

    @property
    def place(self) -> Path:
        (place,) = (self.folder / "stages").glob("performance-*")
        return place


def change_digit(place: Path) -> None:
    record = place / "stage.json"
    record.write_text(record.read_text("utf-8").replace("2.5", "7.5"), "utf-8")


def seal_nan(place: Path) -> None:
    """As a stranger could: every checksum is right."""
    arrays = read_arrays(place / "arrays.npz")
    arrays["values"][1] = np.nan
    write_arrays(place / "arrays.npz", **arrays)
    record = read_sealed(place / "stage.json")
    record["files"]["arrays.npz"] = sha256_file(place / "arrays.npz")
    write_sealed(place / "stage.json", record)


def lead_outside(place: Path) -> None:
    record = read_sealed(place / "stage.json")
    write_sealed(place / "stage.json", {**record, "files": {"../../../secret": "0"}})


@pytest.mark.parametrize(
    "damage",
    [
        change_digit,
        seal_nan,
        lead_outside,
        lambda place: (place / "arrays.npz").write_bytes(b""),
        lambda place: (place / "stage.json").write_text("[" * 100_000),
        lambda place: (place / "arrays.npz").unlink(),
    ],
)
def test_a_damaged_stage_is_made_again_and_told(tmp_path: Path, damage) -> None:
    stage = OneStage(tmp_path, np.arange(3.0))
    assert stage.again() == stage.again() == [] and stage.ran == 1
    (stage.place / "paint-over.png").write_text("the artist's own")
    damage(stage.place)
    assert stage.again() == ["stage_damaged"] and stage.ran == 2
    assert stage.again() == [] and stage.ran == 2
    assert len(list(tmp_path.rglob("paint-over.png"))) == 1


def test_impossible_numbers_are_no_result(tmp_path: Path) -> None:
    with pytest.raises(FitError, match=r"impossible numbers \(values\)"):
        OneStage(tmp_path, np.array([1.0, np.inf])).again()
    assert not list((tmp_path / "stages").iterdir())


def pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def circle(path: Path, outside: Path) -> None:
    path.symlink_to(path)


def deep(path: Path, outside: Path) -> None:
    path.write_text("[" * 100_000)


def no_figures(path: Path, outside: Path) -> None:
    path.write_text("[1]")


@pytest.mark.parametrize("lay", [pipe, link, circle, deep, no_figures])
@pytest.mark.parametrize("place", ["runs/a1/report/report.json", "corrections.json"])
def test_what_lies_in_a_files_place_is_refused(
    avatar: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], lay, place: str
) -> None:
    outside = tmp_path / "secret.json"
    outside.write_text('{"secret": 1}')
    (avatar / place).parent.mkdir(exist_ok=True)
    lay(avatar / place, outside)
    if place.startswith("runs"):
        assert main.main(["report", str(avatar)]) == 1
    else:
        with pytest.raises(AvatarFolderError):
            read_corrections(avatar)
    told = capfd.readouterr()
    assert "Traceback" not in told.err and "secret" not in told.out


def test_names_that_are_no_text_make_an_avatar_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9" + 200 * b"x") + ".mp4"
    assert performance_stem(name) == "caf_" + 196 * "x"
    write_json(tmp_path / "names.json", {"name": name})
    assert json.loads((tmp_path / "names.json").read_text("utf-8")) == {"name": name}
    assert json.loads(event_line(Failed("FootageUnreadable", name, "")))["problem"] == name


def test_pipes_do_not_hang(avatar: Path, capfd: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    for place in ("avatar.json", "corrections.json"):
        path = avatar / place
        former = path.read_bytes() if path.is_file() else None
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        assert main.main(["perform", str(avatar), str(SAMPLE)]) == 1
        assert "Traceback" not in capfd.readouterr().err
        path.unlink()
        if former is not None:
            path.write_bytes(former)
    with pytest.raises(AvatarFolderError):
        open_avatar(avatar / "nowhere")
    assert time.monotonic() - began < 60.0
