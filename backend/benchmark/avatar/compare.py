"""Two files of results in; which differences are more than the spread over captures out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t

from ..markdown_table import table_head, table_line
from .results import ResultsError, Row, read_results
from .table import COLUMNS, Column, methods_of

CONFIDENCE = (
    0.99  # of Student's t: a table holds dozens of figures, and some would differ by chance
)
# Student's t of fewer pairs has a spread that any change stays within.
MIN_PAIRS = 3


@dataclass(frozen=True)
class Difference:
    """Of one method's score, second file less first, over captures that both measured."""

    method: str
    score: str
    captures: int
    first: float
    second: float
    spread: float  # what chance alone stays within, at CONFIDENCE; NaN for fewer than MIN_PAIRS

    @property
    def change(self) -> float:
        return self.second - self.first

    @property
    def is_significant(self) -> bool:
        return self.change != 0.0 and abs(self.change) > self.spread


def compare_results(first: Path, second: Path) -> str:
    """A Markdown table.

    Raises ResultsError where a file is none, or where the two were scored or rendered differently.
    """
    former, former_rows = read_results(first)
    latter, latter_rows = read_results(second)
    if (former.scores, former.captures) != (latter.scores, latter.captures):
        raise ResultsError(
            f"{first} and {second} were scored or rendered by different versions.",
            "Run the older one again with the present benchmark.",
        )
    found = differences(former_rows, latter_rows)
    if not found:
        raise ResultsError(
            f"{first} and {second} have no capture and method in common.",
            "Compare runs of the same set.",
        )
    lines = table_head(
        "method", "score", "captures", "first", "second", "change", "spread", "verdict"
    )
    for d in found:
        figures = [f"{v:.3f}" for v in (d.first, d.second, d.change, d.spread)]
        verdict = "more than chance" if d.is_significant else ""
        lines.append(table_line(d.method, d.score, str(d.captures), *figures, verdict))
    return "\n".join(lines)


def differences(first: Sequence[Row], second: Sequence[Row]) -> list[Difference]:
    """One for each method and score that both measured on some capture.

    Captures differ far more from one another than methods do on one: differences are paired.
    """
    latter = {row.key: row for row in second if not row.failure}
    pairs = [(row, latter[row.key]) for row in first if not row.failure and row.key in latter]
    found = [
        _difference(method, column, [pair for pair in pairs if pair[0].method == method])
        for method in methods_of([row for row, _ in pairs])
        for column in COLUMNS
    ]
    return [difference for difference in found if difference.captures]


def _difference(method: str, column: Column, pairs: list[tuple[Row, Row]]) -> Difference:
    values = np.array([[column.value_of(row) for row in pair] for pair in pairs], float)
    values = values[np.isfinite(values).all(1)]
    count, spread = len(values), math.nan
    if count >= MIN_PAIRS:
        error = float((values[:, 1] - values[:, 0]).std(ddof=1)) / math.sqrt(count)
        spread = float(t.ppf(0.5 + CONFIDENCE / 2.0, count - 1)) * error
    first, second = values.mean(0) if count else (math.nan, math.nan)
    return Difference(method, column.title, count, float(first), float(second), spread)
