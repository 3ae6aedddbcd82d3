"""A rendered capture in; the pipeline's run of it, every method's row and the case's sheet, out."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import FloatArray, TextureSet

from ...geometry import similarity
from ...store.source_fingerprint import files_fingerprint
from ...store.stage_cache import fingerprint
from ...synthetic.corpus import biophysics, skin_marks
from ...training.identity import embedding
from ...training.identity.embedding import SCORE, weights_sha256
from ..capture.capture_cases import RENDERS_FOLDER, CaptureCase
from ..capture.capture_truth import CaptureTruth, read_truth
from .ceilings import CEILINGS
from .methods import ABLATIONS, BASELINES, PRODUCT, TRUE_COLOUR, baseline_maps, maps_by
from .relit import Relit, relit_method, relit_truth
from .results import ResultsError, Row
from .scored_views import TrueViews
from .scores import AtlasTruth, Scores, score_views
from .sheet import write_sheet
from .stage_runs import Meter, Staged, pipeline_fingerprint, run_stages


@dataclass(frozen=True)
class Run:
    """One capture, for a process of its own."""

    case: CaptureCase
    folder: Path  # where it was rendered
    methods: tuple[str, ...]
    sheet: Path
    versions: tuple[str, str]  # of scores and pipeline


def scores_fingerprint() -> str:
    """Changes with the code of benchmarks and of what scores lean on, and with the network that
    knows persons."""
    # Not their imports: scores of two pipelines are compared, so its code must not count.
    modules = (biophysics, skin_marks, embedding, similarity)
    code = files_fingerprint(
        [*Path(__file__).parents[1].rglob("*.py"), *(Path(str(m.__file__)) for m in modules)]
    )
    return fingerprint(code, weights_sha256(SCORE))


def failure_rows(run: Run, problem: str) -> list[Row]:
    """What stands in for a capture that came to nothing."""
    return [_row(run.case, method, failure=problem) for method in run.methods]


def measure_run(run: Run) -> list[Row]:
    """One row a method; what fails is its row's. Raises StudioAvatarError where what they share
    does, and ResultsError where the code is not that which the run was begun with."""
    if run.versions != (scores_fingerprint(), pipeline_fingerprint()):
        raise ResultsError("The code was changed while the benchmark ran.", "Start it again.")
    template, meter = load_template(), Meter()
    truth = read_truth(run.folder / RENDERS_FOLDER / "cameras.npz", template)
    with TemporaryDirectory() as scratch:
        staged = run_stages(truth.folder / "frames", Path(scratch), template, meter)
        evaluator = CaptureEvaluator(run.folder, Path(scratch), staged, truth)
        rows = [_evaluate(run.case, method, staged, meter, evaluator) for method in run.methods]
    if evaluator.shown:
        write_sheet(run.sheet, evaluator.views, evaluator.shown, evaluator.relit_truth)
    return rows


def _evaluate(
    case: CaptureCase, method: str, staged: Staged, meter: Meter, evaluator: CaptureEvaluator
) -> Row:
    row = _row(case, method)
    try:
        if method in CEILINGS:
            in_views, _ = score_views(CEILINGS[method](evaluator.views), evaluator.views)
            return replace(row, scores=Scores(**in_views))
        if method == TRUE_COLOUR:
            return replace(row, scores=evaluator.score(method, evaluator.true_maps()))
        if method in ABLATIONS:
            maps = baseline_maps(method, staged)
            return replace(row, scores=evaluator.score(method, maps, relights=False))
        if method in BASELINES:
            return replace(row, scores=evaluator.score(method, baseline_maps(method, staged)))
        maps, own = maps_by(method, staged)
        costs = meter.joined(own)
        scored = evaluator.score(method, maps)
    except Exception as error:  # the other methods' rows must not be lost with it
        traceback.print_exc()
        is_expected = isinstance(error, StudioAvatarError)
        return replace(
            row, failure=error.problem if is_expected else f"{type(error).__name__}: {error}"
        )
    return replace(row, scores=scored, seconds=costs.seconds, peak_mb=costs.peak_mb)


def _row(case: CaptureCase, method: str, failure: str = "") -> Row:
    return Row(
        case.name, case.head, case.light, case.moving, case.skin_type, method, failure=failure
    )


class CaptureEvaluator:
    """What a capture's methods are measured against; keeps the pictures for the sheet."""

    def __init__(self, folder: Path, scratch: Path, staged: Staged, truth: CaptureTruth) -> None:
        """`folder`: the case's. Raises EnvironmentProblem where the truth cannot be relit."""
        template, fit = staged.template, staged.fit
        seen_by = staged.capture.frame_index[fit.frame_used]
        self._folder, self._scratch, self._staged = folder, scratch, staged
        self.views = TrueViews.of(staged.capture, fit, template, truth)
        self.atlas = AtlasTruth.of(folder, template, truth, seen_by)
        self.relit_truth = relit_truth(folder)
        self.shown: dict[str, tuple[FloatArray, Relit]] = {}

    def true_maps(self) -> TextureSet:
        """The person's own colours on the fitted head."""
        maps, _ = maps_by(PRODUCT, self._staged)
        return replace(maps, base_color_srgb=self.atlas.color_srgb)

    def score(self, method: str, maps: TextureSet, *, relights: bool = True) -> Scores:
        """Raises EnvironmentProblem where it cannot be relit."""
        shown = self.views.show(maps.base_color_srgb)
        in_views, alignment = score_views(shown, self.views)
        in_atlas = self.atlas.score(maps.base_color_srgb, alignment)
        if not relights:
            return Scores(**in_views, **in_atlas)
        relit = relit_method(self._folder, self._scratch, self._staged, self.views, maps)
        self.shown[method] = shown, relit
        return Scores(**in_views, **in_atlas, **relit.scores(self.relit_truth))
