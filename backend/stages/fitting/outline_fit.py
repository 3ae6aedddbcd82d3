"""A head that fits its landmarks and the person's outlines in; one that fits both, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.labels import HAIR, SKIN, UNSURE
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from .bundle_adjustment import FreeParameters, Observation, step
from .head_model import SolverState
from .problem import Problem
from .silhouette import UNDER_HAIR, Outline, Pairing, head_outline, outline_observation, pair

# Relative to the diagonal, for every step: pairs change from step to step, so that a cost that has
# risen says nothing.
DAMPING = 1e-3
# How far apart outlines may be and still be paired. The first spans what a mean skull errs by, the
# last the mask's error; the report's is wide enough to show a miss and not a shoulder.
WIDE_GATE_M, MIDDLE_GATE_M, NARROW_GATE_M, REPORTED_GATE_M = 0.025, 0.010, 0.0055, 0.02


@dataclass(frozen=True)
class FilmedOutline:
    """What bounds the head in one frame."""

    person: Outline
    skin: Outline | None = None  # where hair and clothes cover the rest

    @property
    def of_bald(self) -> FilmedOutline:
        """The same of a head without hair: what is labelled so is skin in shadow, or stubble."""
        return FilmedOutline(
            self.person.relabelled(HAIR, SKIN),
            self.skin and self.skin.relabelled(UNDER_HAIR, UNSURE),
        )


FilmedOutlines = Mapping[int, FilmedOutline]  # by frame, those that show a face


def fit_outlines(
    problem: Problem,
    estimate: SolverState,
    frames: IntArray,
    filmed: FilmedOutlines,
    gates_m: tuple[float, float],
    steps: int,
    free_parameters: FreeParameters,
) -> SolverState:
    """Gauss-Newton steps over everything in `frames` (F,); outlines are paired anew in each.

    The gate within which outlines are paired goes from the first of `gates_m` to the second.
    """
    if not len(frames):
        return estimate
    for gate_m in np.geomspace(*gates_m, steps):
        problem.tick("shape of the head")
        observations = landmarks_and_outlines(problem, estimate, frames, filmed, gate_m)
        estimate = step(
            estimate, observations, problem.prior, problem.center_px, free_parameters, DAMPING
        ).estimate
    return estimate


def landmarks_and_outlines(
    problem: Problem, estimate: SolverState, frames: IntArray, filmed: FilmedOutlines, gate_m: float
) -> list[Observation]:
    """Observations of landmarks and outlines in `frames` (F,), the latter paired within a gate."""
    observations = problem.face_observations(estimate, frames)
    at_rest = problem.head.vertices.at_rest(estimate.shape)
    for k in map(int, frames):
        for pairing in _pair_outlines(problem, estimate, at_rest, k, filmed, gate_m):
            observations.append(
                outline_observation(
                    k, pairing, problem.head, estimate.px_per_m(k), gate_m, problem.outline_sigma_m
                )
            )
    return observations


def outline_gaps_px(
    problem: Problem, estimate: SolverState, filmed: FilmedOutlines
) -> dict[int, FloatArray]:
    """By frame, how far (N,) the head's and the person's outline are apart where it is skin's; the
    neck, which turns by itself, is not asked."""
    gaps = {}
    at_rest = problem.head.vertices.at_rest(estimate.shape)
    for k in filmed:
        for pairing in _pair_outlines(problem, estimate, at_rest, k, filmed, REPORTED_GATE_M):
            measured = (pairing.shows == SKIN) & ~pairing.head.on_neck
            if measured.any():
                gaps[k] = np.abs(pairing.gap_px[measured])
    return gaps


def _pair_outlines(
    problem: Problem,
    estimate: SolverState,
    at_rest_m: FloatArray,
    frame: int,
    filmed: FilmedOutlines,
    gate_m: float,
) -> list[Pairing]:
    """The head's outline with each of what bounds it in a frame."""
    if frame not in filmed:
        return []
    posed = at_rest_m + problem.head.vertices.expression_basis @ estimate.expression[frame]
    in_camera = posed @ estimate.rotation[frame].T + estimate.translation_m[frame]
    drawn = head_outline(problem.template, in_camera, estimate.focal_px, problem.center_px)
    if drawn is None:
        return []
    bounds = (filmed[frame].person, filmed[frame].skin)
    gate_px = gate_m * estimate.px_per_m(frame)
    pairings = [pair(drawn, outline, gate_px) for outline in bounds if outline is not None]
    return [pairing for pairing in pairings if len(pairing.target_px)]
