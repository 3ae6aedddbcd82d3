"""`python -m backend benchmark neutral`: the same persons calm and talking in; how far their heads
at rest are apart out.

Some minutes of rendering the first time. Beside the product's fit stands the one by landmarks
alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate, load_template
from studio_avatar_addon.avatar.types import QUALITY, FloatArray, HeadFit

from ...atlas.texel_map import region
from ...geometry.similarity import fit_similarity
from ...job.cache_folder import cache_folder
from ...job.terminal import Silent, TerminalProgress
from ...stages.fitting.finish import finish_head
from ...stages.fitting.solve import solve_head, solve_landmarks
from ...stages.footage import read_footage
from ...stages.tracking import track_face
from ..figures import MM_PER_M
from ..markdown_table import table_head, table_line
from .capture_truth import CaptureTruth
from .talking_cases import CALM, TALKING, TalkingCase, rendered_case, talking_cases

WAYS: dict[str, Callable] = {
    "landmarks alone": lambda c, t, template: solve_landmarks(c, t, template, Silent()),
    "product": lambda c, t, template: solve_head(c, t, template, Silent(), Corrections()),
}
REGIONS = {"lips": ("lips",), "lids": ("eyelids_L", "eyelids_R"), "face": ("face",)}
INSIDE = 0.5  # of a region's weight


@dataclass(frozen=True)
class _Row:
    """Millimetres between vertices after a similarity of the face: median and p90 by region."""

    person: str
    way: str
    apart: dict[str, tuple[float, float]]  # the heads of both clips
    off: dict[str, dict[str, tuple[float, float]]]  # each from the true one, by manner


def benchmark_neutral(heads: Path | None = None, out: Path | None = None) -> None:
    """Print the table; as JSON to `out` too. `heads` is not needed: all persons are ours."""
    template = load_template()
    folder = cache_folder() / "talking"
    titles = [f"{name} apart" for name in REGIONS]
    titles += [f"{name} off, {manner}" for manner in (CALM, TALKING) for name in REGIONS]
    print("\n".join(table_head("person, mm: median (p90)", "way", *titles)))
    rows = []
    cases = talking_cases()
    for calm, talking in zip(cases[::2], cases[1::2], strict=True):
        truths = {
            case.manner: rendered_case(case, folder, template, TerminalProgress())
            for case in (calm, talking)
        }
        fits = {manner: _fits(truth, template) for manner, truth in truths.items()}
        for way in WAYS:
            row = _row(calm, way, {m: fits[m][way] for m in fits}, truths[CALM], template)
            rows.append(row)
            print(_line(row), flush=True)
    for way in WAYS:
        print(_line(_mean(rows, way)))
    if out is not None:
        write_json(out, [asdict(row) for row in rows])


def _fits(truth: CaptureTruth, template: HeadTemplate) -> dict[str, HeadFit]:
    """By way."""
    with TemporaryDirectory() as scratch:
        standard = QUALITY["standard"]
        capture = read_footage(truth.folder / "frames", Path(scratch), standard, Silent())
        track = track_face(capture, Path(scratch), Silent())
        return {
            way: finish_head(capture, track, solve(capture, track, template), {})
            for way, solve in WAYS.items()
        }


def _row(
    case: TalkingCase,
    way: str,
    fits: dict[str, HeadFit],
    truth: CaptureTruth,
    template: HeadTemplate,
) -> _Row:
    heads = {manner: fit.neutral_m.astype(np.float64) for manner, fit in fits.items()}
    return _Row(
        f"{case.seed}, {case.turn}",
        way,
        _distances_mm(heads[TALKING], heads[CALM], template),
        {m: _distances_mm(head, truth.vertices_m, template) for m, head in heads.items()},
    )


def _distances_mm(
    head_m: FloatArray, other_m: FloatArray, template: HeadTemplate
) -> dict[str, tuple[float, float]]:
    """Of the skin's vertices (V, 3), by region."""
    skin = np.zeros(len(head_m), bool)
    skin[template.quads[template.quad_material == MATERIALS.index("skin")]] = True
    face = (region(template, "face") * skin).astype(np.float64)
    distance = MM_PER_M * np.linalg.norm(
        fit_similarity(head_m, other_m, face)(head_m) - other_m, axis=1
    )
    found = {}
    for name, regions in REGIONS.items():
        inside = skin & (region(template, *regions) > INSIDE)
        found[name] = (
            float(np.median(distance[inside])), float(np.percentile(distance[inside], 90)),
        )  # fmt: skip
    return found


def _mean(rows: list[_Row], way: str) -> _Row:
    mine = [row for row in rows if row.way == way]

    def mean(parts: list[dict[str, tuple[float, float]]]) -> dict[str, tuple[float, float]]:
        middles = {name: np.mean([part[name] for part in parts], axis=0) for name in REGIONS}
        return {name: (float(m[0]), float(m[1])) for name, m in middles.items()}

    off = {manner: mean([row.off[manner] for row in mine]) for manner in (CALM, TALKING)}
    return _Row("mean", way, mean([row.apart for row in mine]), off)


def _line(row: _Row) -> str:
    parts = [row.apart, row.off[CALM], row.off[TALKING]]
    pairs = [part[name] for part in parts for name in REGIONS]
    return table_line(row.person, row.way, *(f"{middle:.2f} ({p90:.2f})" for middle, p90 in pairs))
