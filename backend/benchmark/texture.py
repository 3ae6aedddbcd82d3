"""`python -m backend benchmark texture`: captures and real clips in, the phone texture's table out.

The cameras are the fitted ones, not the true ones; four views are held back from the blend.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import QUALITY, Finding

from ..fitting import fit_head
from ..footage import read_footage
from ..phone_texture import unwrap
from ..phone_texture.unwrap import Frames
from ..tracking import track_face
from .capture import clip_runs, rows_of_all, simulated_runs
from .capture_run import Run, Silent, peak_mb
from .capture_truth import read_truth
from .figures import without_nan
from .plain_blends import plain_textures
from .reference import DEFAULT_HEADS
from .texture_scores import (
    CoverageScores,
    ViewScores,
    hold_back,
    score_coverage,
    score_views,
)

OURS = "phone texture"
STEPS = ("aligning", "blending", "filling", "eyes")


@dataclass(frozen=True)
class TextureRow:
    """One way of blending one capture."""

    case: str
    footage: str
    method: str
    own: ViewScores | None = None
    held_back: ViewScores | None = None
    coverage: CoverageScores = field(default_factory=CoverageScores)
    step_seconds: dict[str, float] = field(default_factory=dict[str, float])
    peak_mb: float = float("nan")
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

    def warn(self, finding: Finding) -> None:
        pass


def benchmark_texture(heads: Path | None, out: Path | None) -> None:
    """Print each row as it comes; write them to `out` as JSON.

    `heads` as in `benchmark_capture`. Raises EnvironmentProblem where nothing can be rendered.
    """
    print(_HEADINGS)
    rows: list[TextureRow] = []
    runs = list(simulated_runs(heads or DEFAULT_HEADS)), list(clip_runs())
    for row in rows_of_all(_measured, _failed, *runs):
        rows.append(row)
        print(_line(row), flush=True)
    if out is not None:
        write_json(out, {"rows": [without_nan(asdict(row)) for row in rows]})


_HEADINGS = """\
                                              own views           held back   coverage    bleed
case                   photos   blend          sharp   dB p90 px  sharp   dB  prec recall  px  s"""


def _failed(run: Run, problem: str) -> list[TextureRow]:
    return [TextureRow(run.case, run.footage, OURS, failure=problem)]


def _measured(run: Run) -> list[TextureRow]:
    template, silent = load_template(), Silent()
    with TemporaryDirectory() as scratch:
        quality = QUALITY[run.quality]
        capture = read_footage(run.source, Path(scratch), quality, silent)
        track = track_face(capture, Path(scratch), silent)
        fit = fit_head(capture, track, template, silent)
        blended, held = hold_back(fit)
        clock = StepClock()
        ours = unwrap(capture, track, blended, template, quality, clock)
        peak = peak_mb()
        own, others = (Frames.of(capture, track, some, template) for some in (blended, held))
        textures = {OURS: ours, **plain_textures(own, quality.texture_size)}
        truth = None if run.truth is None else read_truth(run.truth, template)
        has_views = truth is not None and bool(truth.frames)
        rows = []
        for method, texture in textures.items():
            rows.append(
                TextureRow(
                    run.case,
                    run.footage,
                    method,
                    score_views(texture, own),
                    score_views(texture, others),
                    score_coverage(texture, own, truth)
                    if truth is not None and has_views
                    else CoverageScores(),
                    dict(clock.seconds) if method == OURS else {},
                    peak if method == OURS else float("nan"),
                )
            )
        return rows


def _line(row: TextureRow) -> str:
    start = f"{row.case[:22]:<22} {row.footage:<8} {row.method:<14}"
    if row.failure or row.own is None or row.held_back is None:
        return f"{start} {row.failure}"
    own, held, coverage = row.own, row.held_back, row.coverage
    steps = " ".join(f"{name} {seconds:.0f}" for name, seconds in row.step_seconds.items())
    return (
        f"{start} {own.sharpness:5.2f} {own.psnr_db:5.1f} {own.misplaced_px:6.2f} "
        f"{held.sharpness:6.2f} {held.psnr_db:5.1f} {coverage.precision:5.2f} "
        f"{coverage.recall:5.2f} {coverage.bleed_px:5.1f} {steps}"
    )
