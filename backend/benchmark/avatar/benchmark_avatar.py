"""`python -m backend benchmark avatar`: captures in; rows, a table and a sheet a case out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studio_avatar_addon.avatar.files import whole_file
from studio_avatar_addon.avatar.template import load_template

from ...job.cache_folder import cache_folder
from ...job.terminal import TerminalProgress
from ..capture.capture_cases import CaptureCache
from ..head.reference import DEFAULT_HEADS
from ..processes import run_all
from .cases import FILMING, QUICK, available, cases_of
from .compare import compare_results
from .evaluator import Run, failure_rows, measure_run, scores_fingerprint
from .methods import DEFAULT_METHODS, SELECTABLE_METHODS
from .results import ResultsError, ResultsFile, Row, Versions
from .stage_runs import pipeline_fingerprint
from .table import as_markdown

TABLE, SHEETS = "table.md", "sheets"
DEFAULT_OUT = "benchmark"


def benchmark_avatar(
    heads: Path | None, out: Path | None, chosen_set: str = QUICK, methods: Sequence[str] = ()
) -> None:
    """Measure what `out` does not hold yet, else a folder of the set's name in the user's cache;
    write rows, table and sheets there and print the table.

    `heads`: the folder of the reference heads, beside that of the real skins; without it only our
    own heads are shown, and the table says so. `methods`: of SELECTABLE_METHODS;
    none: DEFAULT_METHODS.
    Raises ResultsError for an unknown method or results of another version, EnvironmentProblem
    where nothing can be rendered.
    """
    heads, chosen = heads or DEFAULT_HEADS, tuple(methods) or DEFAULT_METHODS
    if unknown := [method for method in chosen if method not in SELECTABLE_METHODS]:
        raise ResultsError(
            f"There is no method {unknown[0]}.", f"Choose of: {', '.join(SELECTABLE_METHODS)}."
        )
    out = out or cache_folder() / DEFAULT_OUT / chosen_set
    cases = cases_of(chosen_set)
    shown = available(cases, heads)
    cache = CaptureCache(cache_folder() / "captures", load_template(), heads, FILMING)
    versions = Versions(scores_fingerprint(), cache.mark, pipeline_fingerprint())
    results = ResultsFile(out, versions)
    for case in shown:
        if not results.has(case.name, chosen):
            cache.rendered(case, TerminalProgress())
            sheet = out / SHEETS / f"{case.name}.jpg"
            run = Run(case, cache.folder(case), chosen, sheet, (versions.scores, versions.pipeline))
            for row in run_all(measure_run, failure_rows, [], [run]):
                results.add(row)
                print(_line(row), flush=True)
        _write_table(out, results.rows, chosen_set, len(cases) - len(shown))
    print((out / TABLE).read_text("utf-8"))


def compare(first: Path, second: Path) -> None:
    """Print which scores of two runs differ by more than chance. Raises ResultsError."""
    print(compare_results(first, second))


def _write_table(out: Path, rows: list[Row], chosen_set: str, absent: int) -> None:
    captures = len({row.case for row in rows})
    notes = [f"# Clip to relit head: {captures} captures of the {chosen_set} set"]
    if absent:
        notes += [
            "",
            f"{absent} captures of strangers' heads in real skins are left out: "
            "the reference heads are not there.",
        ]
    with whole_file(out / TABLE) as partial:
        partial.write_text(as_markdown(rows, notes), "utf-8")


def _line(row: Row) -> str:
    start = f"{row.case:<28} {row.method:<14}"
    if row.failure:
        return f"{start} {row.failure}"
    s = row.scores
    return (
        f"{start} raw {s.raw_db:5.1f} aligned {s.aligned_db:5.1f} SSIM {s.ssim:.3f} "
        f"leak {s.leak:5.2f} ITA {s.ita_error_deg:5.1f} relit {s.relit_db:5.1f}"
    )
