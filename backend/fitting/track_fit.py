"""A head that fits landmarks and outlines in; one on which every view's skin meets, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from .bundle import Freedom, Sighting, robust_cost, step
from .flow import FlowFinder
from .model import Estimate
from .outline_fit import FilmedOutlines, seen_sightings
from .problem import Problem
from .track_term import TrackedPoints, surface_normals, track_equations, tracked_points
from .tracks import TrackGroup, find_tracks, trackable
from .views import FrameView, draw_head, opaque_triangles

FIRST_DAMPING, WORST_DAMPING = 1e-3, 1e2
SETTLED = 2e-3  # relative gain of a step that is worth no further one


def follow_skin(
    problem: Problem, estimate: Estimate, frames: IntArray, views: Mapping[int, FrameView]
) -> list[TrackGroup]:
    """Tracks between the views of `frames`, found through the estimate's head."""
    problem.tick("following the skin")
    triangles = opaque_triangles(problem.template)
    drawn = {
        int(k): draw_head(
            views[int(k)], problem.head, triangles, estimate, int(k), problem.center_px
        )
        for k in frames
    }
    usable = trackable(problem.template)
    return find_tracks(drawn, estimate, problem.center_px, usable, FlowFinder())


def fit_tracks(
    problem: Problem,
    estimate: Estimate,
    frames: IntArray,
    filmed: FilmedOutlines,
    tracks: Sequence[TrackGroup],
    gate_m: float,
    steps: int,
) -> tuple[Estimate, list[TrackedPoints]]:
    """Damped Gauss-Newton steps over everything: landmarks, outlines and tracks of `frames`.

    Without tracks (skin as smooth as a ball's) the estimate stays.
    """
    if not tracks:
        return estimate, []
    points = tracked_points(tracks, problem.head)
    template, center = problem.template, problem.center_px
    skin = template.triangles[template.triangle_material == MATERIALS.index("skin")]
    damping = FIRST_DAMPING
    for _ in range(steps):
        problem.tick("every view on one head")
        sightings = seen_sightings(problem, estimate, frames, filmed, gate_m)
        normals = surface_normals(tracks, problem.head, estimate, skin)

        equations = [
            track_equations(p, estimate, n, center) for p, n in zip(points, normals, strict=True)
        ]
        before, after = _cost(problem, estimate, sightings, points, normals), np.inf
        while damping < WORST_DAMPING:
            taken = step(
                estimate,
                sightings,
                problem.prior,
                center,
                Freedom(),
                damping,
                list(zip(points, equations, strict=True)),
            )
            after = _cost(problem, taken.estimate, sightings, taken.points, normals)
            damping *= 0.2 if after < before else 10.0
            if after < before:
                estimate, points = taken.estimate, taken.points
                break
        if before - after < SETTLED * before:
            break
    return estimate, list(points)


def _cost(
    problem: Problem,
    estimate: Estimate,
    sightings: list[Sighting],
    points: Sequence[TrackedPoints],
    normals: Sequence[FloatArray],
) -> float:
    seen = robust_cost(estimate, sightings, problem.prior, problem.center_px)
    return seen + sum(
        group.cost(estimate, normal, problem.center_px)
        for group, normal in zip(points, normals, strict=True)
    )
