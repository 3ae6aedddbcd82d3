"""Measured figures in, a table for people and JSON for programs out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

MET, MISSED = "ok", "MISSED"
MM_PER_M = 1e3  # lengths are measured in metres and reported in millimetres


@dataclass(frozen=True)
class Target:
    """What a figure is to reach: at most `limit`, or at least where `at_least`."""

    limit: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:.4g}"


@dataclass(frozen=True)
class Figure:
    """One measured number; NaN: there was nothing to measure.

    `p90`: where the value is a mean, what nine tenths of the same stay below.
    """

    name: str
    value: float
    unit: str
    target: Target | None = None
    p90: float | None = None

    @property
    def verdict(self) -> str:
        """MET or MISSED; empty without a target."""
        if self.target is None:
            return ""
        return MET if self.target.is_met(self.value) else MISSED


@dataclass(frozen=True)
class Section:
    """Figures measured together; `note` says what a reader must know, or why there are none."""

    title: str
    seconds: float
    figures: tuple[Figure, ...]
    note: str = ""


def as_table(sections: Sequence[Section]) -> str:
    """Lines of name, value, unit, p90, target and verdict under each section's title."""
    width = max((len(f.name) for s in sections for f in s.figures), default=0)
    lines: list[str] = []
    for section in sections:
        lines.append(f"{section.title} ({section.seconds:.0f} s)")
        lines += [f"  {section.note}"] if section.note else []
        lines += [_line(figure, width) for figure in section.figures]
        lines.append("")
    return "\n".join(lines)


def _line(figure: Figure, width: int) -> str:
    p90 = "" if figure.p90 is None else f"p90 {figure.p90:.2f}"
    value = f"{figure.value:g}" if figure.value % 1 == 0 else f"{figure.value:.2f}"
    target = "" if figure.target is None else f"{figure.target} {figure.verdict}"
    return f"  {figure.name:<{width}} {value:>8} {figure.unit:<6}{p90:<10}{target}".rstrip()


def as_json(sections: Sequence[Section]) -> list[dict[str, object]]:
    """The same as plain values; a figure without a finite value is null."""
    return [
        {
            "title": section.title,
            "seconds": round(section.seconds, 2),
            "note": section.note,
            "figures": [
                {
                    "name": figure.name,
                    "value": _plain(figure.value),
                    "p90": _plain(figure.p90),
                    "unit": figure.unit,
                    "target": str(figure.target) if figure.target else None,
                    "verdict": figure.verdict or None,
                }
                for figure in section.figures
            ],
        }
        for section in sections
    ]


def weighted_percentile(values: FloatArray, weights: FloatArray, percent: float) -> float:
    """The value that `percent` of the weight stays below or at; (n,) and (n,)."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    place = np.searchsorted(reached, percent / 100 * reached[-1])
    return float(values[order][min(place, len(values) - 1)])


def worse_half(values: FloatArray, at_least: bool = False) -> float:
    """The mean of the larger half of the finite values among (n,); NaN without any.

    `at_least`: of the smaller half, where more is better.
    """
    ordered = np.sort(values[np.isfinite(values)])
    if not len(ordered):
        return math.nan
    middle = len(ordered) // 2
    return float((ordered[: len(ordered) - middle] if at_least else ordered[middle:]).mean())


def without_nan(value: Any) -> Any:
    """What JSON knows: not measured is null."""
    if isinstance(value, dict):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: float | None) -> float | None:
    """numpy's numbers as Python's; JSON knows neither NaN nor infinity."""
    return float(value) if value is not None and math.isfinite(value) else None
