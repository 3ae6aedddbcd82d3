"""A head that fits landmarks and outlines in; one on which every view's skin meets, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from .bundle_adjustment import FreeParameters, Observation, robust_cost, step
from .flow import FlowFinder
from .head_model import SolverState, skin_triangles
from .outline_fit import NARROW_GATE_M, FilmedOutlines, landmarks_and_outlines
from .problem import Problem
from .track_term import TrackedPoints, surface_normals, track_equations, tracked_points
from .tracks import find_tracks, trackable, turn_deg
from .view_images import FrameView, draw_head, opaque_triangles

# Focal length, depth and size of head trade off along a valley 1e5 times as flat as its walls:
# more damping than this and a solve creeps along it.
INITIAL_DAMPING, MAX_DAMPING = 1e-6, 1e2
# Between the farthest views. Shapes follow an expression to a millimetre or so, and depth errs by
# that over the sine of the turn: with less turn, what heads are like tells depth better.
MIN_TURN_DEG = 25.0
CONVERGED_GAIN = 2e-3  # relative gain of a step that is worth no further one


def track_skin(
    problem: Problem, estimate: SolverState, frames: IntArray, views: Mapping[int, FrameView]
) -> tuple[TrackedPoints, ...]:
    """Tracks between the views of `frames` (F,), found through the estimate's head, on its
    surface. None where the head hardly turns."""
    problem.tick("following the skin")
    if turn_deg(estimate, frames) < MIN_TURN_DEG:
        return ()
    triangles = opaque_triangles(problem.template)
    drawn = {
        int(k): draw_head(
            views[int(k)], problem.head, triangles, estimate, int(k), problem.center_px
        )
        for k in frames
    }
    usable = trackable(problem.template)
    tracks = find_tracks(drawn, estimate, problem.center_px, usable, FlowFinder())
    return tracked_points(tracks, problem.head)


def fit_tracks(
    problem: Problem,
    estimate: SolverState,
    frames: IntArray,
    filmed: FilmedOutlines,
    points: Sequence[TrackedPoints],
    steps: int,
    free_parameters: FreeParameters,
) -> tuple[SolverState, tuple[TrackedPoints, ...]]:
    """Damped Gauss-Newton steps over everything: landmarks, outlines, tracks of `frames` (F,)."""
    tracks = [group.tracks for group in points]
    template, center = problem.template, problem.center_px
    skin = skin_triangles(template)
    damping = INITIAL_DAMPING
    for _ in range(steps):
        problem.tick("every view on one head")
        observations = landmarks_and_outlines(problem, estimate, frames, filmed, NARROW_GATE_M)
        normals = surface_normals(tracks, problem.head, estimate, skin)
        equations = [
            track_equations(p, estimate, n, center) for p, n in zip(points, normals, strict=True)
        ]
        before, after = _cost(problem, estimate, observations, points, normals), np.inf
        while damping < MAX_DAMPING:
            taken = step(
                estimate,
                observations,
                problem.prior,
                center,
                free_parameters,
                damping,
                list(zip(points, equations, strict=True)),
            )
            after = _cost(problem, taken.estimate, observations, taken.points, normals)
            damping *= 0.2 if after < before else 30.0
            if after < before:
                estimate, points = taken.estimate, taken.points
                break
        if before - after < CONVERGED_GAIN * before:
            break
    return estimate, tuple(points)


def _cost(
    problem: Problem,
    estimate: SolverState,
    observations: list[Observation],
    points: Sequence[TrackedPoints],
    normals: Sequence[FloatArray],
) -> float:
    image_cost = robust_cost(estimate, observations, problem.prior, problem.center_px)
    return image_cost + sum(
        group.cost(estimate, normal, problem.center_px)
        for group, normal in zip(points, normals, strict=True)
    )
