"""Footage in, rows of the fit's table out: read, tracked and fitted in several ways."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import QUALITY, Capture, FaceTrack, IntArray

from ...job.terminal import Silent
from ...stages.fitting.finish import finish_head
from ...stages.fitting.solution import Solution
from ...stages.fitting.solve import solve_head, solve_landmarks
from ...stages.footage import read_footage
from ...stages.tracking import track_face
from ..head.surface_figures import Ruler
from .capture_scores import UNMEASURED, CaptureScores, score_capture, score_clip
from .capture_truth import read_truth

# Few, as a poor clip gives; some; and all that a simulated capture has.
KEYFRAMES = (6, 10, 20)
LANDMARKS, WHOLE = "landmarks", "whole"


@dataclass(frozen=True)
class Row:
    """One fit and how it went; NaN: not measured."""

    case: str
    footage: str  # "clean", "phone" (degraded) or a quality of a real clip
    method: str  # LANDMARKS or WHOLE
    keyframes: int  # asked for
    frames: int = 0  # as many as the footage gave of them
    left_out: int = 0
    seconds: float = math.nan  # of the fit, reading and tracking apart
    peak_mb: float = math.nan  # of the process so far
    scores: CaptureScores = UNMEASURED
    failure: str = ""


@dataclass(frozen=True)
class Run:
    """What one process does: all ways of fitting, or only the whole one to all chosen frames."""

    case: str
    footage: str
    source: Path  # a clip or a folder of photos
    truth: Path | None = None  # a file that `read_truth` takes
    quality: str = "standard"
    all_variants: bool = False


def failure_rows(run: Run, problem: str) -> list[Row]:
    """What stands in for a run that came to nothing."""
    return [Row(run.case, run.footage, WHOLE, max(KEYFRAMES), failure=problem)]


def measure_run(run: Run) -> list[Row]:
    """Read, track and fit it in its ways."""
    template, silent = load_template(), Silent()
    with TemporaryDirectory() as scratch:
        capture = read_footage(run.source, Path(scratch), QUALITY[run.quality], silent)
        track = track_face(capture, Path(scratch), silent)
        variants = _variants(run, len(capture.frame_index))
        return [
            _row(run, template, *_subset(capture, track, n), method, n) for method, n in variants
        ]


def _variants(run: Run, count: int) -> list[tuple[str, int]]:
    if not run.all_variants:
        return [(WHOLE, count)]
    return [(LANDMARKS, max(KEYFRAMES)), *((WHOLE, n) for n in KEYFRAMES)]


def _subset(capture: Capture, track: FaceTrack, count: int) -> tuple[Capture, FaceTrack]:
    """So many of the chosen frames, evenly over the clip."""
    every = len(capture.frame_index)
    kept: IntArray = np.unique(np.linspace(0, every - 1, min(count, every)).round().astype(int))
    few = replace(
        capture,
        frame_index=capture.frame_index[kept],
        frame_paths=tuple(capture.frame_paths[k] for k in kept),
        frame_gain=capture.frame_gain[kept],
    )
    return few, replace(
        track,
        frame_landmarks_px=track.frame_landmarks_px[kept],
        mask_paths=tuple(track.mask_paths[k] for k in kept),
        label_paths=tuple(track.label_paths[k] for k in kept),
        hair_paths=tuple(track.hair_paths[k] for k in kept),
    )


def _row(
    run: Run,
    template: HeadTemplate,
    capture: Capture,
    track: FaceTrack,
    method: str,
    keyframes: int,
) -> Row:
    variants: dict[str, Callable[[], Solution]] = {
        LANDMARKS: lambda: solve_landmarks(capture, track, template, Silent()),
        WHOLE: lambda: solve_head(capture, track, template, Silent(), Corrections()),
    }
    row = Row(run.case, run.footage, method, keyframes, len(capture.frame_index))
    started = time.monotonic()
    try:
        solution = variants[method]()
        fit = finish_head(capture, track, solution, {})
    except StudioAvatarError as error:
        return replace(row, failure=error.problem)
    seconds = time.monotonic() - started
    if run.truth is None:
        scores = score_clip(solution)
    else:
        truth = read_truth(run.truth, template)
        scores = score_capture(solution, fit, capture, truth, Ruler(template, aligned_by=("face",)))
    return replace(
        row,
        left_out=len(solution.left_out) - len(solution.frames),
        seconds=seconds,
        peak_mb=peak_mb(),
        scores=scores,
    )


def peak_mb() -> float:
    """This process's largest resident memory, where the system tells it."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return math.nan
    return int(status.split("VmHWM:")[1].split()[0]) / 1024.0
