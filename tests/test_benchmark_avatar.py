"""The benchmark from clip to relit head: what its scores catch, and how it goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from filmed_head import CPU, MOLE_M, QUALITY, Case, Silent, albedo_of
from numpy.typing import NDArray

from backend.atlas.texel_map import texel_map
from backend.benchmark.avatar import evaluator
from backend.benchmark.avatar.benchmark_avatar import benchmark_avatar
from backend.benchmark.avatar.cases import FULL, QUICK, cases_of
from backend.benchmark.avatar.ceilings import CEILINGS
from backend.benchmark.avatar.compare import compare_results, differences
from backend.benchmark.avatar.evaluator import CaptureEvaluator
from backend.benchmark.avatar.methods import METHODS, PRODUCT
from backend.benchmark.avatar.results import ResultsError, ResultsFile, Row, Versions, read_results
from backend.benchmark.avatar.scored_views import TrueViews, erode, visible_plain_skin, visible_skin
from backend.benchmark.avatar.scores import (
    VISIBILITY_TEXELS,
    AtlasTruth,
    Scores,
    score_views,
    visible_moles,
)
from backend.benchmark.avatar.table import as_markdown
from backend.cli.main import main
from backend.geometry.similarity import IDENTITY
from backend.imaging.image_files import (
    linear_from_srgb,
    read_image_8bit,
    srgb_from_linear,
    unit_from_pixels,
)
from backend.stages.frame_sampling.posed_head import pose_head, render_texture
from backend.stages.phone_texture import unwrap
from backend.stages.studio_texture import studio_texture
from backend.synthetic.corpus.skin_marks import Moles
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import RoomLight

VERSIONS = Versions("scores", "captures", "pipeline")
SHIFT, DARKER = 4, 0.8


@dataclass(frozen=True)
class Judged:
    """A filmed head, what is known about it, and what the pipeline made of it in sRGB (N, N, 3)."""

    views: TrueViews
    atlas: AtlasTruth
    recovered: NDArray[np.float32]
    phone: NDArray[np.float32]

    def score(self, texture: NDArray[np.float32]) -> Scores:
        in_views, alignment = score_views(self.views.show(texture), self.views)
        return Scores(**in_views, **self.atlas.score(texture, alignment))


@pytest.fixture(scope="module")
def judged(still_light: Case, light: RoomLight) -> Judged:
    case, template = still_light, still_light.template
    phone = unwrap(case.capture, case.track, case.fit, light, template, QUALITY, Silent())
    studio = studio_texture(
        phone, light, case.fit, template, QUALITY, StudioChoices("physical"), CPU, Silent()
    )
    table = texel_map(template, QUALITY.texture_size)
    places = table.interpolate(template.vertices_m)
    color = table.scatter(srgb_from_linear(albedo_of(places, case.moles_m)))
    posed = tuple(pose_head(case.fit, k, template) for k in range(len(case.fit.left_out)))
    filmed = [unit_from_pixels(read_image_8bit(path)) for path in case.capture.frame_paths]
    views = TrueViews(
        template,
        posed,
        np.stack(filmed),
        np.stack([render_texture(head, template, color) for head in posed]),
        np.stack([erode(visible_skin(head, template)) for head in posed]),
        np.stack([erode(visible_plain_skin(head, template)) for head in posed]),
        IDENTITY,
        1.0,
    )
    radius = np.full(len(case.moles_m), MOLE_M / 2, np.float32)
    seen = texel_map(template, VISIBILITY_TEXELS).sample(phone.coverage) > 0.5
    moles = visible_moles(template, template.vertices_m, Moles(case.moles_m, radius), seen)
    assert moles
    return Judged(
        views,
        AtlasTruth(template, color, seen, moles),
        studio.base_color_srgb,
        phone.base_color_srgb,
    )


def test_the_truth_scores_as_the_truth(judged: Judged) -> None:
    scores = judged.score(judged.atlas.color_srgb)
    assert scores.raw_db > 60.0 and scores.ssim > 0.999 and scores.gradients > 0.99
    assert abs(scores.ita_error_deg) < 0.1 and scores.moles_kept == 1.0
    assert scores.identity_distance == pytest.approx(0.0, abs=1e-3)


def test_ceilings_are_what_the_frames_hold(judged: Judged) -> None:
    filmed, even = (
        score_views(ceiling(judged.views), judged.views)[0] for ceiling in CEILINGS.values()
    )
    own = judged.score(judged.recovered)
    assert even["aligned_db"] > own.aligned_db > filmed["aligned_db"]
    assert even["gradients"] >= filmed["gradients"] > own.gradients
    assert even["leak"] < 0.5 * filmed["leak"]


def test_a_texture_shifted_by_four_texels_is_caught_by_detail(judged: Judged) -> None:
    good = judged.score(judged.recovered)
    shifted = judged.score(np.roll(judged.recovered, SHIFT, axis=1))
    assert shifted.gradients < 0.5 * good.gradients and shifted.ssim < good.ssim - 0.002
    assert good.moles_kept == 1.0 and shifted.moles_kept < 0.5
    assert abs(shifted.ita_error_deg - good.ita_error_deg) < 1.0


def test_light_that_is_left_in_is_caught_by_the_leak(judged: Judged) -> None:
    good, lit = judged.score(judged.recovered), judged.score(judged.phone)
    assert abs(good.leak) < 0.5 and lit.leak > good.leak + 0.4
    assert lit.aligned_db < good.aligned_db - 0.5 and lit.ssim < good.ssim - 0.002


def test_a_darker_tone_is_caught_by_raw_scores_alone(judged: Judged) -> None:
    dark = srgb_from_linear(DARKER * linear_from_srgb(judged.atlas.color_srgb))
    good, darker = judged.score(judged.atlas.color_srgb), judged.score(dark)
    assert darker.ita_error_deg < -3.0
    assert darker.raw_db < 30.0 < darker.aligned_db
    assert darker.gradients > good.gradients - 0.01 and darker.moles_kept == 1.0


def test_sets_are_fair() -> None:
    full = cases_of(FULL)
    assert len({case.name for case in full}) == 36 and cases_of(QUICK) == full[:3]
    for tone in range(6):
        mine = [case for case in full if case.skin_type == tone]
        assert len({(case.light, case.moving) for case in mine}) == 6
        assert {case.head for case in mine} == {"template", "ict"}
    assert len({case.skin_type for case in full[:6]}) == 6
    assert max(case.seed for case in full) < 1000  # no training paints them


def row(case: str, method: str = PRODUCT, failure: str = "", **scores: float) -> Row:
    kind = int(case[-1]) % 6
    return Row(case, "template", "soft", "camera", kind, method, Scores(**scores), failure=failure)


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    results = ResultsFile(tmp_path, VERSIONS)
    results.add(row("a1", raw_db=25.0))
    results.add(row("a1", "flat colour", failure="It broke."))
    again = ResultsFile(tmp_path, VERSIONS)
    assert again.has("a1", (PRODUCT,)) and not again.has("a2", (PRODUCT,))
    assert not again.has("a1", (PRODUCT, "flat colour"))  # what failed is tried again
    again.add(row("a1", "flat colour", raw_db=20.0))
    _, rows = read_results(again.path)
    assert [(r.method, r.failure, r.scores.raw_db) for r in rows] == [
        (PRODUCT, "", 25.0),
        ("flat colour", "", 20.0),
    ]
    assert math.isnan(rows[0].scores.unseen_db)


def test_results_of_another_version_are_refused(tmp_path: Path) -> None:
    ResultsFile(tmp_path, VERSIONS).add(row("a1"))
    for other in ("scores", "captures", "pipeline"):
        with pytest.raises(ResultsError, match="another version"):
            ResultsFile(tmp_path, replace(VERSIONS, **{other: "new"}))
    (tmp_path / "results.jsonl").write_text("no rows", "utf-8")
    with pytest.raises(ResultsError, match="no results"):
        ResultsFile(tmp_path, VERSIONS)


def test_comparison_tells_change_from_chance(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    cases = [f"c{i}" for i in range(8)]
    hard = {case: float(random.normal(25.0, 3.0)) for case in cases}
    first = [row(c, raw_db=hard[c], ssim=0.9 + random.normal(0, 0.01)) for c in cases]
    second = [
        row(c, raw_db=hard[c] + random.normal(1.0, 0.3), ssim=0.9 + random.normal(0, 0.01))
        for c in cases
    ]
    found = {d.score: d for d in differences(first, second)}
    assert found["raw dB"].is_significant and found["raw dB"].change == pytest.approx(1.0, abs=0.4)
    assert not found["SSIM"].is_significant and "leak" not in found
    for name, rows in (("a", first), ("b", second)):
        kept = ResultsFile(tmp_path / name, VERSIONS)
        for one in rows:
            kept.add(one)
    paths = [tmp_path / name / "results.jsonl" for name in ("a", "b")]
    assert "more than chance" in compare_results(paths[0], paths[1])
    ResultsFile(tmp_path / "c", replace(VERSIONS, scores="new")).add(first[0])
    with pytest.raises(ResultsError, match="different versions"):
        compare_results(paths[0], tmp_path / "c" / "results.jsonl")
    assert main(["benchmark", "compare", str(paths[0]), str(tmp_path / "none")]) == 1


def test_a_method_that_fails_is_a_row_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no such layer")

    monkeypatch.setitem(METHODS, "learned", broken)
    nothing = object()
    meter = evaluator.Meter()
    case = cases_of(QUICK)[0]
    failed = evaluator._evaluate(case, "learned", nothing, meter, CaptureEvaluator)
    assert "no such layer" in failed.failure and "Traceback" in capsys.readouterr().err
    told = as_markdown([row("a1", raw_db=25.0), failed], ["# Title"])
    assert "no such layer" in told and "| 25.0 |" in told


def test_unknown_methods_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no method magic"):
        benchmark_avatar(tmp_path, tmp_path, QUICK, ["magic"])


def test_truth_of_moles_needs_them_seen(template: HeadTemplate) -> None:
    unseen = np.zeros(len(texel_map(template, VISIBILITY_TEXELS)), bool)
    cheek = template.vertices_m[[template.landmark_vertices[50, 0]]].astype(np.float32)
    moles = Moles(cheek, np.array([0.002], np.float32))
    assert not visible_moles(template, template.vertices_m, moles, unseen)
    assert len(visible_moles(template, template.vertices_m, moles, ~unseen)) == 1
