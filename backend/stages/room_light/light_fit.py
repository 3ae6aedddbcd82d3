"""Views of the same skin points in; the light they were filmed under and each view's shading out.

The light may stand still in the head's frame (the phone goes round) or in the camera's (the head
turns); both are fitted and the one that explains how a point changes from view to view is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.log_light import LUMINANCE
from ..frame_sampling.subsample import subsample
from .exposure import exposure_offsets
from .filmed_points import FilmedPoints
from .lobes import Responses, choose_fit_points, relative_log, solve_lobes
from .surroundings import Surroundings

FIT_VIEWS = 12  # of the chosen ones: more cost time in proportion, and repeat the same directions
CAMERA_PREFERENCE = 0.70  # the moving light must explain this much better to be believed


@dataclass(frozen=True)
class Shading:
    """What the fitted light makes of a white, matte head."""

    log_shading: NDArray[np.float32]  # (K, n, 3) of each view
    exposure: FloatArray  # (K, 3) log light by which views differ beyond their shading
    moves_with: str  # "head" or "camera": where the light stands still
    unexplained: tuple[float, float]  # change between views left by the head's, the camera's light


@dataclass(frozen=True)
class LightProblem:
    """What is known when the light is fitted to K views of n skin points."""

    filmed: FilmedPoints
    surroundings: Surroundings
    skin_linear: FloatArray  # (3,) albedo for the bounce
    device: torch.device
    exposure_known: bool  # else the views' exposures are fitted, too


@dataclass(frozen=True)
class _Candidate:
    """The light fitted in one of the two frames."""

    exposure: FloatArray  # (K, 3) log light
    filmed: FilmedPoints  # with that taken off
    log_shading: NDArray[np.float32]  # (K, n, 3)
    residual: float  # as `_residual_change`


def fit_shading(problem: LightProblem, usable: FloatArray) -> Shading:
    """Under the light that explains the points best; `usable` (n,) in [0, 1]: those of plain skin.

    The shading is relative to its median: the absolute tone is decided elsewhere.
    """
    filmed = problem.filmed
    if not (filmed.weight * usable).any():  # no evidence of the light
        zeros = np.zeros_like(filmed.radiance)
        return Shading(zeros, zeros[:, 0], "head", (0.0, 0.0))
    head = _fit_candidate(problem, usable, with_camera=False)
    camera = _fit_candidate(problem, usable, with_camera=True)
    moves = camera.residual < CAMERA_PREFERENCE * head.residual
    best = camera if moves else head
    return Shading(
        log_shading=best.log_shading * _shading_strength(best.filmed, best.log_shading, usable),
        exposure=best.exposure,
        moves_with="camera" if moves else "head",
        unexplained=(head.residual, camera.residual),
    )


def _fit_candidate(problem: LightProblem, usable: FloatArray, *, with_camera: bool) -> _Candidate:
    """Exposures first, where they are not known, then the light."""
    filmed = problem.filmed
    exposure = np.zeros((len(filmed.radiance), 3), np.float32)
    if not problem.exposure_known:
        # A light that stands with the head shades a point alike in all views.
        first = exposure[:, None]
        if with_camera:
            first = _fit_light(problem, _without(exposure, filmed), usable, with_camera=True)
        exposure = exposure_offsets(filmed, first)
    exposed = _without(exposure, filmed)
    shading = _fit_light(problem, exposed, usable, with_camera=with_camera)
    return _Candidate(exposure, exposed, shading, _residual_change(exposed, shading, usable))


def _without(exposure: FloatArray, filmed: FilmedPoints) -> FilmedPoints:
    """The points as they would be without exposures (K, 3) in log light."""
    return replace(filmed, radiance=filmed.radiance * np.exp(-exposure[:, None]))


def _fit_light(
    problem: LightProblem, filmed: FilmedPoints, usable: FloatArray, *, with_camera: bool
) -> NDArray[np.float32]:
    """Log shading (K, n, 3) under the light that fits best in one of the two frames."""
    views, skin_linear = len(filmed.radiance), problem.skin_linear
    responses = Responses(problem.surroundings, problem.device)
    rotations = filmed.camera_from_head if with_camera else np.eye(3, dtype=np.float32)[None]
    chosen = subsample(np.flatnonzero(filmed.weight.any(axis=1)), FIT_VIEWS)
    points = choose_fit_points(usable * filmed.weight[chosen].sum(0))
    chosen_rotations = rotations[chosen] if with_camera else rotations
    rows = np.stack(  # (K' or 1, 3, m, LOBES)
        [responses.of(rotation, skin_linear, points) for rotation in chosen_rotations]
    )
    target = filmed.radiance[chosen][:, points]  # (K', m, 3)
    weight = filmed.weight[chosen][:, points] * usable[points]
    even = np.ones((target.shape[1], 3), np.float32)
    lobes = solve_lobes(rows, target, weight, even, refine=with_camera)
    shading = np.stack([responses.shading(rotation, skin_linear, lobes) for rotation in rotations])
    return relative_log(np.broadcast_to(shading, (views, *shading.shape[1:])))


def _shading_strength(filmed: FilmedPoints, log_shading: FloatArray, usable: FloatArray) -> float:
    """In [0, 1]: how much of the shading plain skin really shows (a regression's slope)."""
    weight = filmed.weight * usable
    total = max(float(weight.sum()), 1e-9)
    shown = np.log(np.maximum(filmed.radiance, 1e-3)) @ LUMINANCE
    model = log_shading @ LUMINANCE
    shown = shown - (weight * shown).sum() / total
    model = model - (weight * model).sum() / total
    spread = float((weight * model**2).sum())
    return float(np.clip((weight * shown * model).sum() / max(spread, 1e-9), 0.0, 1.0))


def _residual_change(filmed: FilmedPoints, log_shading: FloatArray, usable: FloatArray) -> float:
    """Median change of a point's apparent albedo between views: the unexplained part."""
    ratio = (np.log(np.maximum(filmed.radiance, 1e-3)) - log_shading) @ LUMINANCE
    weight = filmed.weight * usable
    mean = (weight * ratio).sum(0) / np.maximum(weight.sum(0), 1e-9)
    # Only points that several views saw can tell.
    valid = (weight > 0.2) & ((weight > 0.2).sum(0) >= 3)
    return float(np.median(np.abs(ratio - mean)[valid])) if valid.any() else 0.0
