"""`python -m backend benchmark head`: the installed template in, a table of its figures out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import HeadTemplate, load_template

from ...detector.landmark_table import load_landmark_table
from ...registration.correspondence import material_vertices
from ...registration.reference_head import ReferenceHead
from ..figures import MM_PER_M, Figure, Section, as_json, as_table
from .atlas_figures import atlas_figures
from .landmark_figures import landmark_figures
from .mesh_figures import mesh_figures
from .reference import DEFAULT_HEADS, load_reference
from .surface_figures import surface_figures
from .wrap import MAX_WRAP_DISTANCE_M, Wrap, cached_wrap


def benchmark_head(heads: Path | None, out: Path | None) -> None:
    """Print the table, and write it to `out` as JSON.

    `heads`: the folder that holds ict_facekit, else DEFAULT_HEADS. What needs no reference is
    measured in any case; after that raises ReferenceMissing where there is none, TemplateError
    where the template's landmarks are not on its face.
    """
    template, table = load_template(), load_landmark_table()
    sections: list[Section] = []
    failure = None
    try:
        sections += _against_reference(template, load_reference(heads or DEFAULT_HEADS))
    except StudioAvatarError as error:
        failure = error
        sections.append(Section("Surface", 0.0, (), error.problem))
    sections += [
        _timed("Mesh", lambda: mesh_figures(template)),
        _timed("Atlas", lambda: atlas_figures(template)),
        _timed("Landmarks", lambda: landmark_figures(template, table)),
    ]
    print(as_table(sections))
    if out is not None:
        write_json(out, {"template": template.sha256, "sections": as_json(sections)})
    if failure is not None:
        raise failure


def _against_reference(template: HeadTemplate, reference: ReferenceHead) -> list[Section]:
    started = time.monotonic()
    wrap = cached_wrap(template, reference)
    seconds = time.monotonic() - started
    return [
        Section("Dense wrap", seconds, tuple(wrap_figures(template, wrap))),
        _timed("Surface", lambda: surface_figures(template, reference, wrap)),
    ]


def wrap_figures(template: HeadTemplate, wrap: Wrap) -> list[Figure]:
    """How much of the skin has a counterpart on the reference, and how close it lies to it."""
    skin = material_vertices(template, "skin")
    lost = skin & ~wrap.trusted
    face = template.region("face") > 0.5
    limit_mm = MM_PER_M * MAX_WRAP_DISTANCE_M
    left_mm = MM_PER_M * wrap.distance_m[wrap.trusted]
    return [
        Figure("template's size against the reference's", wrap.head_from_reference.scale, ""),
        Figure("distance left", float(left_mm.mean()), "mm", p90=float(np.percentile(left_mm, 90))),
        Figure("skin vertices", int(skin.sum()), ""),
        Figure(f"  not within {limit_mm:g} mm of their like", int(lost.sum()), ""),
        Figure("  of them on the face", int((lost & face).sum()), ""),
    ]


def _timed(title: str, measure: Callable[[], list[Figure]]) -> Section:
    started = time.monotonic()
    figures = tuple(measure())
    return Section(title, time.monotonic() - started, figures)
