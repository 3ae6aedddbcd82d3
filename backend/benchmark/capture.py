"""`python -m backend benchmark capture`: simulated captures and real clips in, the fit's table out.

Minutes of rendering for each simulated capture the first time, some minutes of fitting every time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import load_template

from ..command_line import cache_folder
from ..sample.capture import CLIP_FILE, TRUTH_FILE
from ..sample.command import SAMPLE_FOLDER
from ..terminal import TerminalProgress
from .capture_cases import REFERENCE, CaptureCache, all_cases
from .capture_run import WHOLE, Row, Run, rows_of
from .degrade import degraded_photos
from .figures import Figure, Section, Target, as_json, as_table
from .reference import DEFAULT_HEADS, FOLDER
from .surface_figures import REGIONS

CLEAN, PHONE = "clean", "phone"
BLAS_THREADS = "OPENBLAS_NUM_THREADS"
CLIPS = DEFAULT_HEADS.parent / "clips"
JUDGE = "bald_turn_1080p"  # the real clip that shows the whole head
_FACE, _EAR, _CRANIUM = (list(REGIONS).index(name) for name in ("face", "ear", "cranium"))
# Of the clean captures with all keyframes: name, unit, how a row tells it, and its target.
SUMMARY: tuple[tuple[str, str, Callable[[Row], float], float | None], ...] = (
    ("focal length, off by", "%", lambda row: abs(row.scores.focal_percent), 2.0),
    ("rotation, median", "deg", lambda row: row.scores.rotation_deg[0], 0.3),
    ("rotation, largest", "deg", lambda row: row.scores.rotation_deg[1], None),
    ("camera", "mm", lambda row: row.scores.position_mm, None),
    ("face, median", "mm", lambda row: row.scores.surface_mm[_FACE][0], 0.5),
    ("face, p90", "mm", lambda row: row.scores.surface_mm[_FACE][1], 1.5),
    ("ears, median", "mm", lambda row: row.scores.surface_mm[_EAR][0], 3.0),
    ("cranium, median", "mm", lambda row: row.scores.surface_mm[_CRANIUM][0], 3.0),
    ("outline, median", "px", lambda row: row.scores.outline_px[0], None),
    ("outline, p90", "px", lambda row: row.scores.outline_px[1], None),
    ("tracks, median", "px", lambda row: row.scores.track_px[0], None),
)
CLIP_LIMITS = {"outline, median": 1.0, "outline, p90": 3.0, "tracks, median": 0.5}
LONGEST_S, LONGEST_DRAFT_S, MOST_MB = 120.0, 45.0, 3072.0


def benchmark_capture(heads: Path | None, out: Path | None) -> None:
    """Print each row as it comes, then the summary; write both to `out` as JSON.

    `heads`: the folder that holds ict_facekit, else DEFAULT_HEADS; without it only the heads of
    our own template are measured, and the summary says so. Raises EnvironmentProblem where
    nothing can be rendered.
    """
    heads = heads or DEFAULT_HEADS
    print(_HEADINGS)
    rows: list[Row] = []
    for row in _all_rows(heads):
        rows.append(row)
        print(_line(row), flush=True)
    sections = _summary(rows, (heads / FOLDER).is_dir())
    print()
    print(as_table(sections))
    if out is not None:
        write_json(out, {"rows": [asdict(row) for row in rows], "sections": as_json(sections)})


_HEADINGS = """\
                                               rotation, deg camera focal    face, mm  ear  cran
case                   photos   fit        frames   med    max    mm      %   med   p90   med   med\
  neck  outline px track left
   med   med   p90   med  out       s     MB"""


def _all_rows(heads: Path) -> Iterator[Row]:
    """Simulated captures as many at a time as there are cores, for they are many; clips, whose
    time and memory count, one by one."""
    simulated = list(_simulated(heads))
    with _one_thread_each(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for rows in pool.map(rows_of, simulated):
            yield from rows
    for run in _clips():
        yield from rows_of(run)


def _simulated(heads: Path) -> Iterator[Run]:
    cache = CaptureCache(cache_folder() / "captures", load_template(), heads)
    for case in all_cases():
        if case.head == REFERENCE and not (heads / FOLDER).is_dir():
            continue
        truth = cache.rendered(case, TerminalProgress())
        photos = degraded_photos(truth.frames, truth.folder.parent / PHONE, case.seed)
        arrays = truth.folder / "cameras.npz"
        yield Run(case.name, CLEAN, truth.folder / "frames", arrays, in_all_ways=True)
        yield Run(case.name, PHONE, photos, arrays, in_all_ways=True)


def _clips() -> Iterator[Run]:
    sample = SAMPLE_FOLDER / CLIP_FILE
    yield Run("sample (acting)", "standard", sample, SAMPLE_FOLDER / TRUTH_FILE)
    for clip in sorted(CLIPS.glob("*.mp4")) if CLIPS.is_dir() else []:
        yield Run(clip.stem, "standard", clip)
    if (judge := CLIPS / f"{JUDGE}.mp4").is_file():
        yield Run(JUDGE, "draft", judge, quality="draft")


@contextmanager
def _one_thread_each() -> Generator[None]:
    """For processes started inside: several that use all cores each would wait for one another."""
    before = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[BLAS_THREADS]
        else:
            os.environ[BLAS_THREADS] = before


def _line(row: Row) -> str:
    start = f"{row.case[:22]:<22} {row.footage:<8} {row.method:<10} {row.keyframes:>4} "
    if row.failure:
        return f"{start} {row.failure}"
    s = row.scores
    neck = s.surface_mm[list(REGIONS).index("neck")][0]
    return (
        f"{start} {s.rotation_deg[0]:6.2f} {s.rotation_deg[1]:6.2f} {s.position_mm:6.1f} "
        f"{s.focal_percent:6.1f} {s.surface_mm[_FACE][0]:5.2f} {s.surface_mm[_FACE][1]:5.2f} "
        f"{s.surface_mm[_EAR][0]:5.2f} {s.surface_mm[_CRANIUM][0]:5.2f} {neck:5.2f} "
        f"{s.outline_px[0]:5.2f} {s.outline_px[1]:5.2f} {s.track_px[0]:5.2f} {row.left_out:>4} "
        f"{row.seconds:7.0f} {row.peak_mb:6.0f}"
    ).replace("nan", "  -")


def _summary(rows: list[Row], with_reference: bool) -> list[Section]:
    """The mean over the worse half of the captures, and each real clip against its targets."""
    note = "" if with_reference else "The reference heads are absent: only our own were measured."
    simulated = [row for row in rows if row.footage in (CLEAN, PHONE) and not row.failure]
    groups = sorted({(row.footage, row.method, row.keyframes) for row in simulated})
    sections = []
    for footage, method, keyframes in groups:
        mine = [
            r
            for r in simulated
            if (r.footage, r.method, r.keyframes) == (footage, method, keyframes)
        ]
        judged = (
            footage == CLEAN
            and method == WHOLE
            and keyframes == max(r.keyframes for r in simulated)
        )
        figures = [
            Figure(
                name,
                worse_half([tell(row) for row in mine]),
                unit,
                Target(limit) if judged and limit is not None else None,
            )
            for name, unit, tell, limit in SUMMARY
        ]
        title = (
            f"{len(mine)} simulated captures, {footage}, {method}, {keyframes} frames: worse half"
        )
        sections.append(Section(title, sum(r.seconds for r in mine), tuple(figures), note))
    sections += [
        _clip_section(row) for row in rows if row.footage not in (CLEAN, PHONE) and not row.failure
    ]
    return sections


def worse_half(values: list[float]) -> float:
    """The mean of the larger half of values, of which there are some."""
    ordered = np.sort(np.abs(values))
    return float(ordered[len(ordered) // 2 :].mean())


def _clip_section(row: Row) -> Section:
    figures = [
        Figure(name, value, unit, Target(CLIP_LIMITS[name]) if name in CLIP_LIMITS else None)
        for name, unit, tell, _ in SUMMARY
        if not np.isnan(value := tell(row))
    ]
    longest = LONGEST_DRAFT_S if row.footage == "draft" else LONGEST_S
    figures += [
        Figure("frames left out", row.left_out, f"/ {row.keyframes}"),
        Figure("time", row.seconds, "s", Target(longest)),
        Figure("memory", row.peak_mb, "MB", Target(MOST_MB)),
    ]
    return Section(f"{row.case}, {row.footage}", row.seconds, tuple(figures))
