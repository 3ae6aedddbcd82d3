"""`python -m backend benchmark capture`: simulated captures and real clips in, the fit's table out.

Minutes of rendering for each simulated capture the first time, some minutes of fitting every time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.template import load_template

from ...job.cache_folder import cache_folder
from ...job.terminal import TerminalProgress
from ...synthetic.sample_capture.capture import CLIP_FILE, TRUTH_FILE
from ...synthetic.sample_capture.film_sample import SAMPLE_FOLDER
from ..figures import Figure, Section, Target, worse_half
from ..head.reference import DEFAULT_HEADS, FOLDER
from ..head.surface_figures import REGIONS
from ..processes import run_all
from .capture_cases import REFERENCE, CaptureCache, all_cases
from .capture_run import KEYFRAMES, WHOLE, Row, Run, failure_rows, measure_run
from .degrade import write_degraded_photos
from .rows import print_and_write, print_rows

CLEAN, PHONE = "clean", "phone"
CLIPS = DEFAULT_HEADS.parent / "clips"
REFERENCE_CLIP = "bald_turn_1080p"  # the real clip that shows the whole head
_FACE, _EAR, _CRANIUM, _NECK = range(len(REGIONS))
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
MAX_FIT_S, MAX_DRAFT_FIT_S, MAX_PEAK_MB = 120.0, 45.0, 3072.0


def benchmark_capture(heads: Path | None, out: Path | None) -> None:
    """Print each row as it comes, then the summary; write both to `out` as JSON.

    `heads`: the folder that holds ict_facekit, else DEFAULT_HEADS; without it only the heads of
    our own template are measured, and the summary says so. Raises EnvironmentProblem where
    nothing can be rendered.
    """
    heads = heads or DEFAULT_HEADS
    runs = list(simulated_runs(heads)), list(clip_runs())
    rows = print_rows(_HEADINGS, run_all(measure_run, failure_rows, *runs), _line)
    print_and_write(rows, _summary(rows, (heads / FOLDER).is_dir()), out)


# Over the columns of `_line`.
_HEADINGS = """\
                                               rotation, deg camera focal    face, mm  ear  cran
case                   photos   fit        frames   med    max    mm      %   med   p90   med   med\
  neck  outline px track left
   med   med   p90   med  out       s     MB"""


def simulated_runs(heads: Path) -> Iterator[Run]:
    cache = CaptureCache(cache_folder() / "captures", load_template(), heads)
    for case in all_cases():
        if case.head == REFERENCE and not (heads / FOLDER).is_dir():
            continue
        truth = cache.rendered(case, TerminalProgress())
        photos = write_degraded_photos(truth.frames, truth.folder.parent / PHONE, case.seed)
        arrays = truth.folder / "cameras.npz"
        yield Run(case.name, CLEAN, truth.folder / "frames", arrays, all_variants=True)
        yield Run(case.name, PHONE, photos, arrays, all_variants=True)


def clip_runs() -> Iterator[Run]:
    sample = SAMPLE_FOLDER / CLIP_FILE
    yield Run("sample (acting)", "standard", sample, SAMPLE_FOLDER / TRUTH_FILE)
    for clip in sorted(CLIPS.glob("*.mp4")) if CLIPS.is_dir() else []:
        yield Run(clip.stem, "standard", clip)
    if (clip := CLIPS / f"{REFERENCE_CLIP}.mp4").is_file():
        yield Run(REFERENCE_CLIP, "draft", clip, quality="draft")


def _line(row: Row) -> str:
    start = f"{row.case[:22]:<22} {row.footage:<8} {row.method:<10} {row.frames:>4} "
    if row.failure:
        return f"{start} {row.failure}"
    s = row.scores
    columns = (
        (s.rotation_deg[0], 6, 2), (s.rotation_deg[1], 6, 2), (s.position_mm, 6, 1),
        (s.focal_percent, 6, 1), *((s.surface_mm[_FACE][k], 5, 2) for k in (0, 1)),
        *((s.surface_mm[region][0], 5, 2) for region in (_EAR, _CRANIUM, _NECK)),
        (s.outline_px[0], 5, 2), (s.outline_px[1], 5, 2), (s.track_px[0], 5, 2),
        (row.left_out, 4, 0), (row.seconds, 7, 0), (row.peak_mb, 6, 0),
    )  # fmt: skip
    return start + " ".join(
        f"{value:{width}.{digits}f}" if math.isfinite(value) else "-".rjust(width)
        for value, width, digits in columns
    )


def _summary(rows: list[Row], with_reference: bool) -> list[Section]:
    """The mean over the worse half of the captures, and each real clip against its targets."""
    note = "" if with_reference else "The reference heads are absent: only our own were measured."
    simulated = [row for row in rows if row.footage in (CLEAN, PHONE)]
    groups = sorted({(row.footage, row.method, row.keyframes) for row in simulated})
    sections = []
    for group in groups:
        mine = [row for row in simulated if (row.footage, row.method, row.keyframes) == group]
        judged = group == (CLEAN, WHOLE, max(KEYFRAMES))
        sections.append(_group_section(mine, "{}, {}, {} frames".format(*group), judged, note))
    return sections + [_clip_section(row) for row in rows if row not in simulated]


def _group_section(rows: list[Row], title: str, judged: bool, note: str) -> Section:
    measured = [row for row in rows if not row.failure]
    figures = [Figure("failed", len(rows) - len(measured), "", Target(0) if judged else None)]
    for name, unit, value_of, limit in SUMMARY if measured else ():
        value = worse_half(np.abs([value_of(row) for row in measured]))
        target = Target(limit) if judged and limit is not None else None
        figures.append(Figure(name, value, unit, target))
    title = f"{len(rows)} simulated captures, {title}: worse half"
    return Section(title, sum(row.seconds for row in measured), tuple(figures), note)


def _clip_section(row: Row) -> Section:
    title = f"{row.case}, {row.footage}"
    if row.failure:
        failed = Figure("failed", 1, "", Target(0) if row.case == REFERENCE_CLIP else None)
        return Section(title, 0.0, (failed,), row.failure)
    figures = [
        Figure(name, value, unit, Target(CLIP_LIMITS[name]) if name in CLIP_LIMITS else None)
        for name, unit, value_of, _ in SUMMARY
        if not np.isnan(value := value_of(row))
    ]
    limit_s = MAX_DRAFT_FIT_S if row.footage == "draft" else MAX_FIT_S
    figures += [
        Figure("frames left out", row.left_out, f"/ {row.frames}"),
        Figure("time", row.seconds, "s", Target(limit_s)),
        Figure("memory", row.peak_mb, "MB", Target(MAX_PEAK_MB)),
    ]
    return Section(title, row.seconds, tuple(figures))
