"""A rendered capture in; the pipeline's run of it, every method's row and the case's sheet, out."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import FloatArray, TextureSet

from ...stage_store import code_fingerprint, fingerprint
from ...training.identity.network import SCORE, weights_sha256
from ..capture_cases import FOLDER_OF_RENDERS, CaptureCase
from ..capture_truth import CaptureTruth, read_truth
from . import measures, methods, relit, scores, views
from .methods import texture_of
from .picture import write_sheet
from .relit import Relit, relit_method, relit_truth
from .results import Row
from .scores import AtlasTruth, Scores, score_views
from .stages import Meter, Staged, run_stages
from .views import TrueViews


@dataclass(frozen=True)
class Run:
    """One capture, for a process of its own."""

    case: CaptureCase
    folder: Path  # where it was rendered
    methods: tuple[str, ...]
    sheet: Path


def scores_fingerprint() -> str:
    """Changes with the code of any score or baseline, and with the network that knows persons."""
    code = code_fingerprint(measures, methods, relit, scores, views)
    return fingerprint(code, weights_sha256(SCORE))


def failed(run: Run, problem: str) -> list[Row]:
    """What stands in for a capture that came to nothing."""
    return [_row(run.case, method, failure=problem) for method in run.methods]


def measured(run: Run) -> list[Row]:
    """One row a method; what fails is its row's. Raises StudioAvatarError where what they share
    does."""
    template, meter = load_template(), Meter()
    truth = read_truth(run.folder / FOLDER_OF_RENDERS / "cameras.npz", template)
    with TemporaryDirectory() as scratch:
        staged = run_stages(truth.folder / "frames", Path(scratch), template, meter)
        judge = Judge.of(run.folder, Path(scratch), staged, truth)
        rows = [_judged(run.case, method, staged, meter.copy(), judge) for method in run.methods]
    write_sheet(run.sheet, judge.views, judge.shown, judge.relit_truth)
    return rows


def _judged(case: CaptureCase, method: str, staged: Staged, meter: Meter, judge: Judge) -> Row:
    try:
        scored = judge.score(method, texture_of(method, staged, meter))
    except Exception as error:  # the other methods' rows must not be lost with it
        traceback.print_exc()
        told = isinstance(error, StudioAvatarError)
        problem = error.problem if told else f"{type(error).__name__}: {error}"
        return _row(case, method, failure=problem)
    row = _row(case, method)
    return replace(row, scores=scored, seconds=meter.seconds, peak_mb=meter.peak_mb)


def _row(case: CaptureCase, method: str, failure: str = "") -> Row:
    return Row(
        case.name, case.head, case.light, case.moving, case.skin_type, method, failure=failure
    )


@dataclass(frozen=True)
class Judge:
    """What a capture's methods are measured against."""

    folder: Path  # the case's
    scratch: Path
    staged: Staged
    views: TrueViews
    atlas: AtlasTruth
    relit_truth: Relit
    shown: dict[str, tuple[FloatArray, Relit]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, scratch: Path, staged: Staged, truth: CaptureTruth) -> Judge:
        """Raises EnvironmentProblem where the truth cannot be relit."""
        template, fit = staged.template, staged.fit
        seen_by = staged.capture.frame_index[fit.frame_used]
        return cls(
            folder,
            scratch,
            staged,
            TrueViews.of(staged.capture, fit, template, truth),
            AtlasTruth.of(folder, template, truth, seen_by),
            relit_truth(folder),
        )

    def score(self, method: str, maps: TextureSet) -> Scores:
        """Keeps the pictures for the sheet. Raises EnvironmentProblem where it cannot be relit."""
        color = maps.base_color_srgb
        in_views, alignment = score_views(color, self.views)
        relit = relit_method(self.folder, self.scratch, self.staged, self.views, maps)
        self.shown[method] = self.views.show(color), relit
        in_atlas = self.atlas.score(color, alignment)
        return Scores(**in_views, **in_atlas, **relit.scores(self.relit_truth))
