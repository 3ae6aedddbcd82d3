"""A solution in; how far each frame lies from it, term by term, and the focal length's spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

from .bundle_adjustment import standard_deviation_of_focal
from .head_model import skin_triangles
from .landmark_term import landmark_error_px
from .outline_fit import NARROW_GATE_M, landmarks_and_outlines, outline_gaps_px
from .solution import Solution
from .track_term import surface_normals, track_equations


@dataclass(frozen=True)
class Uncertainty:
    """Medians in pixels by frame (K,), NaN where a frame shows nothing of the kind."""

    landmark_px: FloatArray  # (K,)
    outline_px: FloatArray  # (K,)
    track_px: FloatArray  # (K,)
    focal_log_sd: float  # 0: it was given


def measure_uncertainty(solution: Solution) -> Uncertainty:
    """Measure a solution; a second or two for the focal length."""
    problem, estimate = solution.problem, solution.estimate
    landmarks = problem.landmarks
    observations = problem.observations(estimate, np.flatnonzero(landmarks.found))
    error = landmark_error_px(observations, estimate, problem.center_px, landmarks.oval)
    gaps = outline_gaps_px(problem, estimate, solution.filmed)
    return Uncertainty(
        _by_frame(error, len(landmarks.found)),
        _by_frame({k: float(np.median(gap)) for k, gap in gaps.items()}, len(landmarks.found)),
        _track_px(solution),
        _focal_log_sd(solution),
    )


def _by_frame(values: dict[int, float], count: int) -> FloatArray:
    return np.array([values.get(k, np.nan) for k in range(count)])


def _track_px(solution: Solution) -> FloatArray:
    count = len(solution.left_out)
    distances: list[list[FloatArray]] = [[] for _ in range(count)]
    for group in solution.points:
        error = group.error_px(solution.estimate, solution.problem.center_px)
        for m, frame in enumerate(group.tracks.frames):
            distance = np.linalg.norm(error[:, m], axis=1)
            distances[frame].append(distance[group.tracks.visible[:, m]])
    every = [np.concatenate([np.zeros(0), *of_frame]) for of_frame in distances]
    return np.array([np.median(d) if len(d) else np.nan for d in every])


def _focal_log_sd(solution: Solution) -> float:
    problem, estimate = solution.problem, solution.estimate
    if problem.focal.is_fixed:
        return 0.0
    template, center = problem.template, problem.center_px
    skin = skin_triangles(template)
    groups = [group.tracks for group in solution.points]
    normals = surface_normals(groups, problem.head, estimate, skin)
    tracks = [
        (group, track_equations(group, estimate, normal, center))
        for group, normal in zip(solution.points, normals, strict=True)
    ]
    observations = landmarks_and_outlines(
        problem, estimate, solution.solved_with, solution.filmed, NARROW_GATE_M
    )
    return standard_deviation_of_focal(estimate, observations, problem.prior, center, tracks)
