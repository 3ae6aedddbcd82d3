"""`python -m backend benchmark faults`: jobs are ended, refused and damaged; what is lost by it?

Each try puts an avatar folder into a state, runs a command on it in which one thing goes wrong, and
looks at what is left; then the command runs again, undisturbed. The plain expectation is the
undisturbed run's result. A try is held where nothing is lost, nothing outside the folder touched,
nothing left over, and every ending a sentence.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import torch

from studio_avatar_addon.avatar.bundle import open_avatar
from studio_avatar_addon.avatar.files import write_json

from ...job.kernel_cache import VARIABLE as KERNELS_VARIABLE
from ...job.terminal import TerminalProgress
from ...pipelines import create, perform, refit
from ...stages import STAGES, stage_of
from ...store.source_fingerprint import FOLDERS
from ...store.stage_cache import stage_fingerprint
from ..markdown_table import table_head, table_line
from . import child, situations
from .checks import KINDS, Snapshot, Violation, after_fault, after_recovery, results
from .child import CANCEL, FULL_DISK, KILL, PAUSE, Ending, Fault, Run
from .damage import DAMAGES, damage
from .replay import Replay, record
from .situations import SITUATIONS, Situation, prepare

SAMPLE = FOLDERS["backend"].parent / "studio_avatar_addon" / "assets" / "sample" / "sample.mp4"
TWO_JOBS = "two jobs"
# Of the tries that no place in a command is left for: what is damaged, and two jobs at once.
_AT_RANDOM = (*DAMAGES, TWO_JOBS)


@dataclass(frozen=True)
class Try:
    situation: Situation
    kind: str  # a fault's, a damage's, or TWO_JOBS
    at: int  # the fault's place, or the seed of what happens at random


@dataclass(frozen=True)
class Tried:
    attempt: Try
    ended: str  # by the fault: "killed", or the last event's name
    violations: tuple[Violation, ...]


@dataclass(frozen=True)
class Bench:
    """What all tries share."""

    scratch: Path
    replay: Replay
    expected: dict[str, dict[str, str]]  # results by situation
    changes: dict[str, int]  # by situation, of an undisturbed run
    calls: dict[str, int]

    @property
    def states(self) -> Path:
        return self.scratch / "states"


def benchmark_faults(tries: int, avatar: Path | None = None, out: Path | None = None) -> None:
    """Print what happened in `tries` tries. `avatar`: whose stages' values are replayed; else the
    sample's, made for it. `out`: also as JSON.

    Raises AvatarFolderError where the avatar cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        bench = _prepare_bench(scratch, avatar or _sample_avatar(scratch))
        planned = _plan(bench, tries)
        progress = TerminalProgress()
        fork = multiprocessing.get_context("fork")
        with fork.Pool(initializer=_enter_pool, initargs=(bench,)) as pool:
            tried: list[Tried] = []
            for one in pool.imap_unordered(_carry_out_here, planned):
                tried.append(one)
                progress(len(tried), len(planned), one.attempt.situation.name)
    print(_table(tried))
    for one in tried:
        for violation in one.violations:
            attempt = one.attempt
            print(f"{attempt.situation.name}, {attempt.kind} {attempt.at}: {violation.told}")
    if out is not None:
        write_json(out, {"tries": [_as_json(one) for one in tried]})


def _sample_avatar(scratch: Path) -> Path:
    avatar = scratch / "sample"
    command = [sys.executable, "-m", "backend", "create", str(SAMPLE), "--out", str(avatar)]
    subprocess.run([*command, "--quality", "draft"], cwd=FOLDERS["backend"].parent, check=True)
    return avatar


def _prepare_bench(scratch: Path, source: Path) -> Bench:
    # Forked processes must not inherit another library's threads, which a fork does not copy.
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    os.environ.setdefault(KERNELS_VARIABLE, str(child.cache_folder() / "numba"))
    os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
    (scratch / "clip.mp4").write_bytes(b"never decoded: its stages are replayed")
    (scratch / situations.OTHER_CLIP).write_bytes(b"nor is this one")
    (scratch / "outside").mkdir()
    (scratch / "outside" / "notes.txt").write_text("not the avatar's")
    for name in STAGES:  # or each process would read the sources again
        stage_fingerprint(stage_of(name), ())
    bench = Bench(scratch, record(open_avatar(source), scratch / "record"), {}, {}, {})
    _make_states(bench)
    for situation in SITUATIONS:
        avatar = scratch / "avatar"
        prepare(situation, bench.states, avatar)
        ending = _undisturbed(bench, situation, avatar)
        bench.expected[situation.name] = results(avatar)
        bench.changes[situation.name] = ending.changes
        bench.calls[situation.name] = ending.progress_calls
    return bench


def _make_states(bench: Bench) -> None:
    avatar = bench.scratch / "avatar"  # one place for all, since an avatar has its folder's name
    prepare(situations.CREATE_NEW, bench.states, avatar)
    for situation in (situations.CREATE_CORRECTED, situations.PERFORM):
        _undisturbed(bench, situation, avatar)
    situations.add_artists_files(avatar)
    shutil.copytree(avatar, bench.states / "finished")
    _undisturbed(bench, situations.CREATE_OTHER, avatar)
    shutil.copytree(avatar, bench.states / "twice")


def _undisturbed(bench: Bench, situation: Situation, avatar: Path) -> Ending:
    ending = _start(bench, situation, avatar, None).ending()
    if ending.status != 0:
        raise RuntimeError(f"{situation.name} fails undisturbed: {ending.event}")
    return ending


def _start(bench: Bench, situation: Situation, avatar: Path, fault: Fault | None) -> Run:
    arguments = situation.arguments(avatar, bench.scratch / "clip.mp4")
    return Run(arguments, avatar.with_suffix(".log"), fault, partial(_replace_work, bench.replay))


def _replace_work(replay: Replay) -> None:
    """In a process of its own: the stages and the reading of clips are replayed."""
    stage: Callable[[str], object] = replay.stage
    create.stage_of = refit.stage_of = stage
    capture, moved = replay.values["footage"], replay.values["performance"]
    faces = SimpleNamespace(
        time_s=capture.time_s,
        detections_px=capture.detections_px,
        camera_guess=capture.camera_guess,
    )
    perform.read_faces = lambda *_: faces
    further = replace(moved, weights=0.5 * moved.weights)  # not the own clip's
    perform.performance_from_landmarks = lambda *_: further


def _plan(bench: Bench, tries: int) -> list[Try]:
    """Three quarters at places in the commands, all or a seeded choice; the rest at random."""
    places = [
        Try(situation, kind, at)
        for situation in SITUATIONS
        for kind, counts in (
            (KILL, bench.changes),
            (FULL_DISK, bench.changes),
            (CANCEL, bench.calls),
        )
        for at in range(1, counts[situation.name] + 1)
    ]
    random = np.random.default_rng(1)
    share = min(len(places), tries * 3 // 4)
    chosen = [places[k] for k in sorted(random.permutation(len(places))[:share])]
    at_random = (
        Try(
            situations.CREATE_OTHER
            if (kind := _AT_RANDOM[k % len(_AT_RANDOM)]) == TWO_JOBS
            else situations.CREATE_AGAIN,
            kind,
            k,
        )
        for k in range(tries - share)
    )
    return [*chosen, *at_random]


_bench: Bench | None = None  # of each process of the pool: too large to be sent with every try


def _enter_pool(bench: Bench) -> None:
    global _bench
    _bench = bench
    # Its jobs are told from those of the other processes.
    os.environ["XDG_CACHE_HOME"] = f"{os.environ['XDG_CACHE_HOME']}_{os.getpid()}"


def _carry_out_here(attempt: Try) -> Tried:
    assert _bench is not None
    return _carry_out(_bench, attempt)


def _carry_out(bench: Bench, attempt: Try) -> Tried:
    place = bench.scratch / str(os.getpid())
    place.mkdir(exist_ok=True)
    avatar, outside = place / "avatar", bench.scratch / "outside"
    prepare(attempt.situation, bench.states, avatar)
    before = Snapshot.of(avatar, outside)
    again = attempt.situation
    if attempt.kind in DAMAGES:
        damage(avatar, attempt.kind, np.random.default_rng(attempt.at))
        whole = replace(before, is_whole=False)  # it was made so
        ending = _start(bench, again, avatar, None).ending()
        found = list(after_fault(whole, avatar, outside, ending))
    elif attempt.kind == TWO_JOBS:
        ending, found = _two_jobs(bench, attempt, avatar)
        found += after_fault(before, avatar, outside, ending)
    else:
        ending = _start(bench, again, avatar, Fault(attempt.kind, attempt.at)).ending()
        found = list(after_fault(before, avatar, outside, ending))
    recovered = _start(bench, again, avatar, None).ending()
    found += after_recovery(
        before, avatar, outside, recovered, bench.expected[again.name],
        created=again.name.startswith("create"),
    )  # fmt: skip
    shutil.rmtree(child.cache_folder(), ignore_errors=True)
    ended = "killed" if ending.status < 0 else str(ending.event.get("event"))
    return Tried(attempt, ended, tuple(found))


def _two_jobs(bench: Bench, attempt: Try, avatar: Path) -> tuple[Ending, list[Violation]]:
    """One pauses while it holds the folder; another one wants it; the first goes on, or dies."""
    random = np.random.default_rng(attempt.at)
    at = int(random.integers(3, bench.changes[attempt.situation.name] + 1))  # it holds the lock
    first = _start(bench, attempt.situation, avatar, Fault(PAUSE, at))
    if not first.wait_for_pause():
        raise RuntimeError(f"{attempt} ended before it paused")
    found: list[Violation] = []
    second = _start(bench, situations.CREATE_AGAIN, avatar, None).ending()
    if second.event.get("kind") != "JobBusy":
        found.append(Violation("lost", f"a second job was not refused: {second.event}"))
    dies = bool(random.integers(2))
    first.kill() if dies else first.go_on()
    return first.ending(), found


def _table(tried: list[Tried]) -> str:
    kinds = dict.fromkeys(one.attempt.kind for one in tried)
    lines = table_head("what goes wrong", "tries", "held", *KINDS, "ended as")
    for kind in (*kinds, "all"):
        of_kind = [one for one in tried if kind in (one.attempt.kind, "all")]
        counts = Counter(kind for one in of_kind for kind in {v.kind for v in one.violations})
        ends = Counter(one.ended for one in of_kind)
        lines.append(
            table_line(
                kind,
                str(len(of_kind)),
                str(sum(not one.violations for one in of_kind)),
                *(str(counts[name]) for name in KINDS),
                ", ".join(f"{name} {count}" for name, count in ends.most_common()),
            )
        )
    return "\n".join(lines)


def _as_json(one: Tried) -> dict[str, object]:
    return {
        "situation": one.attempt.situation.name,
        "kind": one.attempt.kind,
        "at": one.attempt.at,
        "ended": one.ended,
        "violations": [[violation.kind, violation.told] for violation in one.violations],
    }
