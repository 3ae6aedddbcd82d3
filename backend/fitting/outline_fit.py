"""A head that fits its landmarks and the person's outlines in; one that fits both, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from .bundle import Freedom, Sighting, step
from .model import Estimate
from .problem import Problem
from .silhouette import Pairing, PersonOutline, head_outline, outline_sighting, pair

DAMPING = 1e-3
LAST_GATE_M = 0.0055


@dataclass(frozen=True)
class OutlineError:
    """Distance between drawn and filmed outline where it is skin, in pixels."""

    median_px: float
    p90_px: float


def fit_outlines(
    problem: Problem,
    estimate: Estimate,
    frames: IntArray,
    outlines: Mapping[int, PersonOutline],
    first_gate_m: float,
    steps: int,
    message: str,
) -> Estimate:
    """Gauss-Newton steps over everything; the outlines are paired anew, and tighter, in each."""
    for gate_m in np.geomspace(first_gate_m, LAST_GATE_M, steps):
        problem.tick(message)
        sightings = problem.sightings(estimate, frames)
        for k in frames:
            sighting = _outline(problem, estimate, int(k), outlines, gate_m)
            if sighting is not None:
                sightings.append(sighting)
        estimate = step(
            estimate, sightings, problem.prior, problem.center_px, Freedom(), DAMPING
        )
    return estimate


def outline_error(
    problem: Problem,
    estimate: Estimate,
    outlines: Mapping[int, PersonOutline],
) -> OutlineError | None:
    """How far the outlines are apart over all frames; None where no skin outline was paired."""
    gaps = []
    for k, person in outlines.items():
        pairing = _pairing(problem, estimate, k, person, 4 * LAST_GATE_M)
        gaps.append(np.abs(pairing.gap_px[pairing.skin]))
    every = np.concatenate(gaps) if gaps else np.zeros(0)
    if not len(every):
        return None
    return OutlineError(float(np.median(every)), float(np.percentile(every, 90)))


def _outline(
    problem: Problem,
    estimate: Estimate,
    frame: int,
    outlines: Mapping[int, PersonOutline],
    gate_m: float,
) -> Sighting | None:
    person = outlines.get(frame)
    if person is None:
        return None
    pairing = _pairing(problem, estimate, frame, person, gate_m)
    gate_px = gate_m * _px_per_m(estimate, frame)
    if not len(pairing.target_px):
        return None
    return outline_sighting(frame, pairing, problem.head, estimate, gate_px)


def _pairing(
    problem: Problem, estimate: Estimate, frame: int, person: PersonOutline, gate_m: float
) -> Pairing:
    posed = problem.head.vertices.at(estimate.shape, estimate.expression[frame])
    in_camera = posed @ estimate.rotation[frame].T + estimate.translation_m[frame]
    drawn = head_outline(problem.template, in_camera, estimate.focal_px, problem.center_px)
    return pair(drawn, person, gate_m * _px_per_m(estimate, frame))


def _px_per_m(estimate: Estimate, frame: int) -> FloatArray:
    return estimate.focal_px / estimate.translation_m[frame, 2]
