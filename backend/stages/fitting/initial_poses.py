"""Landmarks in; a first head, focal length and pose of every frame out.

Landmarks of near-frontal frames start it, from several focal lengths; wider views join when they
agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.types import BoolArray, IntArray

from .bundle_adjustment import FreeParameters
from .head_model import SolverState
from .landmark_term import estimate_poses, face_points, frontal_frames, plausible_frames
from .problem import Problem

# Times the guessed focal length, some .4 octaves apart: depth and focal length trade off along a
# flat valley, and a solve hardly leaves the end of it where it begins.
FOCAL_STARTS = (0.75, 1.0, 1.35)
START_STEPS, POSE_STEPS = 8, 6  # at most; they stop when they gain nothing
HEAD_FIXED = FreeParameters(focal=False, shape=False)


@dataclass(frozen=True)
class Start:
    """Where the solve begins, of K frames."""

    estimate: SolverState
    frames: IntArray  # the frontal ones it rests on
    plausible: BoolArray  # (K,) False where the yaw was misread


def start_from_frontal(problem: Problem, frame_index: IntArray, allowed: BoolArray) -> Start:
    """The best of several starts. `frame_index` (K,) in the clip; `allowed` (K,) may be used."""
    best, best_cost = None, np.inf
    mean_face = face_points(problem.head, problem.template).mean
    plausible, frames = allowed, np.zeros(0, np.int64)
    starts = (1.0,) if problem.focal.is_fixed else FOCAL_STARTS
    for ratio in starts:
        focal = problem.focal.focal_px * ratio
        rotation, translation = estimate_poses(
            problem.landmarks, mean_face, focal, problem.center_px
        )
        estimate = SolverState(
            focal,
            rotation,
            translation,
            np.zeros(problem.head.vertices.shape_basis.shape[2]),
            np.zeros((len(rotation), len(SHAPE_NAMES))),
        )
        if best is None:
            plausible = allowed & plausible_frames(problem.landmarks, estimate, frame_index)
            frames = frontal_frames(plausible, estimate)
        estimate = problem.optimize(
            estimate, frames, FreeParameters(), START_STEPS, "frontal views"
        )
        cost = problem.cost(estimate, frames)
        if cost < best_cost:
            best, best_cost = estimate, cost
    assert best is not None
    return Start(best, frames, plausible)


def estimate_remaining_poses(
    problem: Problem, estimate: SolverState, reference_frames: IntArray
) -> SolverState:
    """Pose all frames but `reference_frames` (F,) anew, with head and focal length held fixed."""
    face = face_points(problem.head, problem.template).at_rest(estimate.shape)
    rotation, translation = estimate_poses(
        problem.landmarks, face, estimate.focal_px, problem.center_px
    )
    rotation[reference_frames] = estimate.rotation[reference_frames]
    translation[reference_frames] = estimate.translation_m[reference_frames]
    others = np.setdiff1d(np.flatnonzero(problem.landmarks.found), reference_frames)
    moved = replace(estimate, rotation=rotation, translation_m=translation)
    return problem.optimize(moved, others, HEAD_FIXED, POSE_STEPS, "other views")
