"""Rows in; Markdown tables and what the targets say out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

from ..capture.capture_cases import REFERENCE, TEMPLATE
from ..figures import Target
from ..markdown_table import table_head, table_line
from ..texture.tone_errors import TONE_TITLES, tone_figures, tone_means
from .methods import PRODUCT
from .results import Row

HALVES = {TEMPLATE: "painted skins on our heads", REFERENCE: "real skins on strangers' heads"}


@dataclass(frozen=True)
class Column:
    """A score as the tables show it."""

    title: str
    value_of: Callable[[Row], float]
    digits: int = 1
    target: Target | None = None


# Limits are the project's targets, which the worse half has to meet; for SSIM and gradients even
# the frames with the true broad light fall short (docs/benchmark.md).
COLUMNS = (
    Column("compared", lambda row: row.scores.compared, 2),
    Column("raw dB", lambda row: row.scores.raw_db, 1, Target(24.0, at_least=True)),
    Column("aligned dB", lambda row: row.scores.aligned_db, 1, Target(30.0, at_least=True)),
    Column("SSIM", lambda row: row.scores.ssim, 3, Target(0.945, at_least=True)),
    Column("gradients", lambda row: row.scores.gradients, 2, Target(0.8, at_least=True)),
    Column("leak", lambda row: abs(row.scores.leak), 2, Target(0.15)),
    Column("ITA off", lambda row: abs(row.scores.ita_error_deg), 1, Target(6.0)),
    Column("seen dB", lambda row: row.scores.seen_db, 1),
    Column("unseen dB", lambda row: row.scores.unseen_db, 1, Target(22.0, at_least=True)),
    Column("moles", lambda row: row.scores.moles_kept, 2, Target(0.9, at_least=True)),
    Column("identity", lambda row: row.scores.identity_distance, 2),
    Column("relit dB", lambda row: row.scores.relit_db, 1),
    Column("relit SSIM", lambda row: row.scores.relit_ssim, 3),
)
# Degrees of ITA: the mean error of one tone; less than neighbouring types of skin lie apart.
TONE_BIAS_TARGET = Target(2.0)


def as_markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Means by method, halves apart and together; tones; each capture; what stages cost.

    Means are over captures on which no method failed: hard captures are not left to some.
    """
    hard = {row.case for row in rows if row.failure}
    measured = [row for row in rows if row.case not in hard]
    lines = [*notes, ""]
    for head, title in HALVES.items():
        half = [row for row in measured if row.head == head]
        if half:
            lines += [f"## {title[0].upper()}{title[1:]}", "", *_means(half), ""]
    if measured:
        lines += ["## All captures", "", *_means(measured), ""]
        lines += ["## Tone, signed ITA error in degrees", "", *_tones(measured), ""]
        lines += [
            "## Each capture",
            "",
            *_per_capture([row for row in rows if not row.failure]),
            "",
        ]
        lines += ["## Stages", "", *_stages(measured), ""]
        lines += ["## Targets, the worse half", "", *_targets(measured), ""]
    failed = [row for row in rows if row.failure]
    if failed:
        lines += ["## Failed", "", *(f"- {r.case}, {r.method}: {r.failure}" for r in failed), ""]
    return "\n".join(lines)


def mean_of(rows: Sequence[Row], value_of: Callable[[Row], float]) -> float:
    """Over what was measured; NaN without any."""
    values = np.array([value_of(row) for row in rows], float)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else math.nan


def methods_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.method for row in rows))


def _means(rows: Sequence[Row]) -> list[str]:
    lines = table_head("method", "captures", *(column.title for column in COLUMNS))
    for method in methods_of(rows):
        own = [row for row in rows if row.method == method]
        cells = [_cell(mean_of(own, c.value_of), c.digits) for c in COLUMNS]
        lines.append(table_line(method, str(len(own)), *cells))
    return lines


def _tones(rows: Sequence[Row]) -> list[str]:
    lines = table_head("method", *TONE_TITLES)
    for method in methods_of(rows):
        means = _means_of([row for row in rows if row.method == method])
        lines.append(table_line(method, *(_cell(figure, 1) for figure in tone_figures(means))))
    return lines


def _means_of(rows: Sequence[Row]) -> FloatArray:
    """Mean signed ITA error (t,) of each skin type that occurs."""
    errors = np.array([row.scores.ita_error_deg for row in rows])
    return tone_means(errors, np.array([row.skin_type for row in rows]))


def _per_capture(rows: Sequence[Row]) -> list[str]:
    lines = table_head("capture", "method", *(column.title for column in COLUMNS))
    for row in rows:
        cells = [_cell(column.value_of(row), column.digits) for column in COLUMNS]
        lines.append(table_line(row.case, row.method, *cells))
    return lines


def _stages(rows: Sequence[Row]) -> list[str]:
    lines = table_head("stage", "seconds, median", "largest", "peak MB")
    for stage in dict.fromkeys(stage for row in rows for stage in row.seconds):
        seconds = [row.seconds[stage] for row in rows if stage in row.seconds]
        peak = [row.peak_mb[stage] for row in rows if stage in row.peak_mb]
        figures = np.median(seconds), max(seconds), max(peak)
        lines.append(table_line(stage, *(_cell(float(f), 0) for f in figures)))
    return lines


def _targets(rows: Sequence[Row]) -> list[str]:
    """Of the product, not of baselines."""
    own = [row for row in rows if row.method == PRODUCT]
    lines = table_head("score", "value", "target", "verdict")
    for column in COLUMNS:
        if column.target is None:
            continue
        halves = [mean_of([r for r in own if r.head == head], column.value_of) for head in HALVES]
        finite = [value for value in halves if math.isfinite(value)]
        if finite:
            worse = min(finite) if column.target.at_least else max(finite)
            lines.append(_verdict_line(column.title, worse, column.digits, column.target))
    halves = [[row for row in own if row.head == head] for head in HALVES]
    biases = [float(np.abs(_means_of(half)).max()) for half in halves if half]
    if biases:
        lines.append(_verdict_line("ITA bias of a tone", max(biases), 1, TONE_BIAS_TARGET))
    return lines


def _verdict_line(title: str, value: float, digits: int, target: Target) -> str:
    verdict = "met" if target.is_met(value) else "missed"
    return table_line(title, _cell(value, digits), str(target), verdict)


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"
