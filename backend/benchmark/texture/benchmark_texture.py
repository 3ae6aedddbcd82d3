"""`python -m backend benchmark texture`: captures and real clips in, the phone texture's table out.

The cameras are the fitted ones, not the true ones; four views are held back from the blend.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import QUALITY

from ...job.terminal import Silent
from ...stages.fitting import fit_head
from ...stages.footage import read_footage
from ...stages.frame_sampling.frame_sampler import Frames
from ...stages.phone_texture import unwrap
from ...stages.phone_texture.common_light import CommonLight
from ...stages.room_light import estimate_light
from ...stages.tracking import track_face
from ...synthetic.sample_capture.capture import CLIP_FILE
from ...synthetic.sample_capture.film_sample import SAMPLE_FOLDER
from ..capture.benchmark_capture import CLEAN, PHONE, clip_runs, simulated_runs
from ..capture.capture_run import Run, peak_mb
from ..capture.capture_truth import read_truth
from ..capture.clip_length import LENGTHS_S, Length, LengthCost, failed_cost, measure_cost
from ..capture.rows import print_and_write, print_rows
from ..figures import Figure, Section, Target, worse_half
from ..head.reference import DEFAULT_HEADS
from ..processes import run_all
from .simple_blends import plain_textures
from .texture_scores import CoverageScores, ViewScores, hold_back, score_coverage, score_views

OURS = "phone texture"
STEPS = ("looking", "reading", "estimating", "aligning", "blending", "filling", "eyes")


@dataclass(frozen=True)
class TextureRow:
    """One way of blending one capture."""

    case: str
    footage: str
    method: str
    own: ViewScores = field(default_factory=ViewScores)
    held_back: ViewScores = field(default_factory=ViewScores)
    coverage: CoverageScores = field(default_factory=CoverageScores)
    step_seconds: dict[str, float] = field(default_factory=dict[str, float])
    peak_mb: float = math.nan
    failure: str = ""


class StepClock(Silent):
    """A `Progress` that sums up the seconds of each of STEPS."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._step, self._since = "", time.monotonic()

    def __call__(self, done: float, total: float, message: str = "") -> None:
        now = time.monotonic()
        if self._step:
            self.seconds[self._step] += now - self._since
        self._step = next((step for step in STEPS if message.startswith(step)), self._step)
        self._since = now


def benchmark_texture(heads: Path | None, out: Path | None) -> None:
    """Print each row as it comes, then the summary; write both to `out` as JSON.

    `heads` as in `benchmark_capture`. Raises EnvironmentProblem where nothing can be rendered.
    """
    runs = list(simulated_runs(heads or DEFAULT_HEADS)), list(clip_runs())
    rows = print_rows(_HEADINGS, run_all(_measure_run, _failure_rows, *runs), _line)
    lengths = [Length(SAMPLE_FOLDER / CLIP_FILE, seconds) for seconds in LENGTHS_S]
    costs = list(run_all(measure_cost, failed_cost, [], lengths))
    sections = [*_summary(rows), _length_section(costs)]
    print_and_write(rows, sections, out)


_HEADINGS = """\
                                              own views                      held back
case               photos   blend         (sharpness; dB raw, relit, detail; ghosts; marks, px)
  coverage: precision, recall, recall on the face; bleed, px; seconds"""


def _failure_rows(run: Run, problem: str) -> list[TextureRow]:
    return [TextureRow(run.case, run.footage, OURS, failure=problem)]


def _measure_run(run: Run) -> list[TextureRow]:
    template, silent = load_template(), Silent()
    with TemporaryDirectory() as scratch:
        quality = QUALITY[run.quality]
        capture = read_footage(run.source, Path(scratch), quality, silent)
        track = track_face(capture, Path(scratch), silent)
        fit = fit_head(capture, track, template, silent)
        blended, held = hold_back(fit)
        clock = StepClock()
        light = estimate_light(capture, track, blended, template, torch.device("cpu"), clock)
        ours = unwrap(capture, track, blended, light, template, quality, clock)
        ours_light = {OURS: CommonLight.of(light, template)}
        # Of frames held back the exposure is not known, only a light that turns with the camera.
        held_light = ours_light if light.moves_with == "camera" else {}
        peak = peak_mb()
        own, others = (Frames.of(capture, track, some, template) for some in (blended, held))
        textures = {OURS: ours, **plain_textures(own, quality.texture_size)}
        truth = None if run.truth is None else read_truth(run.truth, template)
        return [
            TextureRow(
                run.case,
                run.footage,
                method,
                score_views(texture, own, ours_light.get(method)),
                score_views(texture, others, held_light.get(method)),
                score_coverage(texture, own, truth) if truth and truth.frames else CoverageScores(),
                dict(clock.seconds) if method == OURS else {},
                peak if method == OURS else math.nan,
            )
            for method, texture in textures.items()
        ]


def _line(row: TextureRow) -> str:
    start = f"{row.case[:18]:<18} {row.footage:<8} {row.method:<13}"
    if row.failure:
        return f"{start} {row.failure}"
    views = "".join(
        f"{v.sharpness:6.2f} {v.psnr_db:5.1f} {v.relit_db:5.1f} "
        f"{v.detail_db:5.1f} {v.ghosting:5.2f} {v.misplaced_px:5.2f}"
        for v in (row.own, row.held_back)
    )
    cover = row.coverage
    steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in row.step_seconds.items())
    shares = (
        f"{cover.precision:.2f} {cover.recall:.2f} {cover.face_recall:.2f} {cover.bleed_px:.1f}"
    )
    return f"{start} {views}  {shares}  {steps}"


def _summary(rows: list[TextureRow]) -> list[Section]:
    """The mean over the worse half of the captures, and each real clip against its targets."""
    measured = [row for row in rows if not row.failure]
    simulated = [row for row in measured if row.footage in (CLEAN, PHONE)]
    sections = []
    for footage, method in dict.fromkeys((row.footage, row.method) for row in simulated):
        mine = [row for row in simulated if (row.footage, row.method) == (footage, method)]
        limits = SIMULATED_LIMITS if (footage, method) == (CLEAN, OURS) else {}
        title = f"{len(mine)} simulated captures, {footage}, {method}: worse half"
        sections.append(_section(title, mine, limits))
    for row in measured:
        if row not in simulated:
            limits = CLIP_LIMITS if row.method == OURS else {}
            sections.append(_section(f"{row.case}, {row.footage}, {row.method}", [row], limits))
    failed = [row for row in rows if row.failure]
    notes = "; ".join(f"{row.case}, {row.footage}: {row.failure}" for row in failed)
    sections.append(Section("failed", 0.0, (Figure("failed", len(failed), ""),), notes))
    return sections


def _section(title: str, rows: list[TextureRow], limits: dict[str, float]) -> Section:
    figures = []
    for name, unit, at_least, value_of in SUMMARY:
        value = worse_half(np.array([value_of(row) for row in rows]), at_least)
        if not math.isnan(value):
            limit = limits.get(name)
            target = None if limit is None else Target(limit, at_least)
            figures.append(Figure(name, value, unit, target))
    return Section(title, sum(_seconds(row) for row in rows), tuple(figures))


def _length_section(costs: list[LengthCost]) -> Section:
    figures = []
    for cost in costs:
        figures.append(Figure(f"{cost.seconds} s of clip, memory", cost.peak_mb, "MB"))
        figures.append(Figure(f"{cost.seconds} s of clip, time", cost.read_s, "s"))
    notes = "; ".join(cost.failure for cost in costs if cost.failure)
    return Section("reading a clip", sum(cost.read_s for cost in costs), tuple(figures), notes)


def _seconds(row: TextureRow) -> float:
    return sum(row.step_seconds.values()) if row.step_seconds else math.nan


# Name, unit, whether more is better, and where it is found.
SUMMARY: tuple[tuple[str, str, bool, Callable[[TextureRow], float]], ...] = (
    ("sharpness", "of the frame's", True, lambda row: row.own.sharpness),
    ("own views", "dB", True, lambda row: row.own.psnr_db),
    ("own views, relit", "dB", True, lambda row: row.own.relit_db),
    ("own views, detail", "dB", True, lambda row: row.own.detail_db),
    ("ghosting", "of the frame's", False, lambda row: row.own.ghosting),
    ("marks misplaced, p90", "px", False, lambda row: row.own.misplaced_px),
    ("held back, sharpness", "of the frame's", True, lambda row: row.held_back.sharpness),
    ("held back", "dB", True, lambda row: row.held_back.psnr_db),
    ("held back, relit", "dB", True, lambda row: row.held_back.relit_db),
    ("held back, detail", "dB", True, lambda row: row.held_back.detail_db),
    ("held back, ghosting", "of the frame's", False, lambda row: row.held_back.ghosting),
    ("held back, misplaced, p90", "px", False, lambda row: row.held_back.misplaced_px),
    ("coverage, precision", "", True, lambda row: row.coverage.precision),
    ("coverage, recall", "", True, lambda row: row.coverage.recall),
    ("face coverage, recall", "", True, lambda row: row.coverage.face_recall),
    ("background bleed, p99.9", "px", False, lambda row: row.coverage.bleed_px),
    ("time", "s", False, _seconds),
    ("memory", "MB", False, lambda row: row.peak_mb),
)
SIMULATED_LIMITS = {"sharpness": 0.90, "own views": 33.0, "face coverage, recall": 0.95}
CLIP_LIMITS = {"sharpness": 0.85, "own views": 30.0, "time": 60.0, "memory": 3072.0}
