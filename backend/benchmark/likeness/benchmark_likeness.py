"""`python -m backend benchmark likeness`: real clips and their finished avatars in, tables and
sheets out (docs/likeness.md).
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import read_json, write_json

from ...imaging.image_files import Image8
from ...job.cache_folder import cache_folder
from ...store.source_fingerprint import source_fingerprint
from ...store.stage_cache import fingerprint
from ..figures import without_nan
from ..markdown_table import table_head, table_line
from .face_descriptor import FaceDescriber
from .ladder import RUNGS, climb
from .landmark_residuals import LANDMARKS, landmark_residuals
from .likeness_sheet import avatar_rows, write_sheet
from .portraits import avatar_state, render_lit
from .skin_outlines import OUTLINES, outline_distances
from .subjects import Subject, clip_files, open_subject, require_avatar
from .view_shifts import SHIFTS, view_shifts_mm

Figures = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A table: which figures, how each is told, and how a median of several clips."""

    title: str
    columns: Sequence[str]
    digits: tuple[int, ...]  # of each number of a cell


KINDS = {
    "identity": Kind("identity, distance", RUNGS, (2,)),
    "outline": Kind("outline of skin, px (mm; signed mm)", tuple(OUTLINES), (1, 1, 1)),
    "landmarks": Kind("landmarks, px (mm)", tuple(LANDMARKS), (1, 1)),
    "shift": Kind("shift between views, mm", tuple(SHIFTS), (2,)),
}


def benchmark_likeness(avatars: Sequence[Path] = (), out: Path | None = None) -> None:
    """Print the tables and draw the sheets; as JSON to `out` too, the sheets beside it.

    `avatars`: folders that hold avatars named as the clips. What a single one lacks is created
    there; several are compared side by side on what they have.
    """
    describer = FaceDescriber()
    home = cache_folder() / "benchmark" / "likeness"
    folders = [folder.resolve() for folder in avatars] or [home / "avatars"]
    names = _short_names(folders)
    figures: dict[str, dict[str, Figures]] = {name: {} for name in names}
    for clip in clip_files():
        rows: list[Image8] = []
        for folder, name in zip(folders, names, strict=True):
            try:
                if len(folders) == 1:
                    require_avatar(clip, folder / clip.stem)
                subject = open_subject(folder / clip.stem)
            except AvatarFolderError as error:
                print(f"{name}/{clip.stem}: {error}", file=sys.stderr)
                continue
            started = time.monotonic()
            lit = render_lit(subject.avatar, subject.fit)
            figures[name][clip.stem] = _measured(subject, lit, describer, home)
            rows.append(avatar_rows(subject, lit, name))
            seconds = time.monotonic() - started
            print(f"{name}/{clip.stem}: {seconds:.0f} s", file=sys.stderr, flush=True)
        if rows:
            sheets = home if out is None else out.parent
            write_sheet(sheets / f"likeness_{clip.stem}.png", rows)
            print(f"{sheets / f'likeness_{clip.stem}.png'}", file=sys.stderr, flush=True)
    for kind in KINDS:
        _print_tables(kind, figures)
    if out is not None:
        write_json(out, without_nan(figures))


def _short_names(folders: Sequence[Path]) -> list[str]:
    """The folders' own names, or whole paths where these are the same."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _measured(
    subject: Subject, lit: Mapping[str, Image8], describer: FaceDescriber, home: Path
) -> Figures:
    """Of each of KINDS; kept in the cache as long as avatar, pictures and code stay the same."""
    pictures = [hashlib.sha256(lit[name].tobytes()).hexdigest() for name in sorted(lit)]
    key = fingerprint(avatar_state(subject.avatar), subject.template.sha256, pictures,
                      source_fingerprint(__name__))  # fmt: skip
    path = home / "figures" / f"{subject.avatar.name}-{key}.json"
    if not path.is_file():
        ladder = climb(subject, lit, describer)
        figures = {
            "identity": ladder.distance,
            "outline": outline_distances(subject),
            "landmarks": landmark_residuals(subject),
            "shift": view_shifts_mm(subject),
            "frames": {"used": int(subject.fit.frame_used.sum()), "frontal": ladder.frontal},
        }
        write_json(path, without_nan(figures))
    return read_json(path)


def _print_tables(kind: str, figures: Mapping[str, Mapping[str, Figures]]) -> None:
    """One table a folder, then their medians over the clips that all of them have."""
    shown = KINDS[kind]
    for name, clips in figures.items():
        print("\n".join(["", *table_head(f"{name}: {shown.title}", *shown.columns)]))
        for clip, measured in clips.items():
            print(table_line(clip, *_cells(shown, [measured[kind]])))
        if len(figures) == 1 and clips:
            print(table_line("median", *_cells(shown, [m[kind] for m in clips.values()])))
    if len(figures) == 1:
        return
    common = set.intersection(*(set(clips) for clips in figures.values()))
    print("\n".join(["", *table_head(f"medians of {len(common)}: {shown.title}", *shown.columns)]))
    for name, clips in figures.items():
        print(table_line(name, *_cells(shown, [clips[clip][kind] for clip in sorted(common)])))


def _cells(kind: Kind, measured: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each column, the median over the clips; empty where none has it."""
    return [_cell(kind, [of[column] for of in measured]) for column in kind.columns]


def _cell(kind: Kind, values: Sequence[Any]) -> str:
    numbers = np.array([np.atleast_1d(v) for v in values if v is not None], object)
    known = [row for row in numbers if all(number is not None for number in row)]
    if not known:
        return ""
    medians = np.median(np.array(known, float), axis=0)
    first, *others = (f"{m:.{d}f}" for m, d in zip(medians, kind.digits, strict=True))
    return f"{first} ({'; '.join(others)})" if others else first
