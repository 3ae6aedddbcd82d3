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

FIT_VIEWS = 12
CAMERA_PREFERENCE = 0.70  # the moving light must explain this much better to be believed


@dataclass(frozen=True)
class Shading:
    """What the fitted light makes of a white, matte head."""

    log_shading: NDArray[np.float32]  # (K, n, 3) of each view
    exposure: FloatArray  # (K, 3) log light by which views differ beyond their shading
    moves_with: str  # "head" or "camera": where the light stands still
    unexplained: tuple[float, float]  # change between views left by the head's, the camera's light


def fit_shading(
    filmed: FilmedPoints,
    surroundings: Surroundings,
    usable: FloatArray,
    skin_linear: FloatArray,
    device: torch.device,
    *,
    exposure_known: bool,
) -> Shading:
    """`usable` (n,) in [0, 1]: points of plain skin; `skin_linear` (3,): albedo for the bounce.

    The shading is relative to its median: the absolute tone is decided elsewhere.
    """
    if not (filmed.weight * usable).any():  # nothing can be told of the light
        zeros = np.zeros_like(filmed.radiance)
        return Shading(zeros, zeros[:, 0], "head", (0.0, 0.0))

    def fit(with_camera: bool, exposure: FloatArray) -> tuple[FilmedPoints, FloatArray]:
        exposed = replace(filmed, radiance=filmed.radiance * np.exp(-exposure[:, None]))
        shading = _fit(exposed, surroundings, usable, skin_linear, device, with_camera=with_camera)
        return exposed, shading

    no_offset = np.zeros((len(filmed.radiance), 3), np.float32)
    candidates: list[tuple[FloatArray, FilmedPoints, FloatArray, float]] = []
    for with_camera in (False, True):
        exposure = no_offset
        if not exposure_known:
            # A light that stands with the head shades a point alike in all views.
            first = fit(with_camera, no_offset)[1] if with_camera else no_offset[:, None]
            exposure = exposure_offsets(filmed, first)
        exposed, shading = fit(with_camera, exposure)
        candidates.append((exposure, exposed, shading, _residual_change(exposed, shading, usable)))
    head_residual, camera_residual = (left for *_, left in candidates)
    camera = camera_residual < CAMERA_PREFERENCE * head_residual
    exposure, exposed, shading, _ = candidates[int(camera)]
    return Shading(
        log_shading=shading * _shading_strength(exposed, shading, usable),
        exposure=exposure,
        moves_with="camera" if camera else "head",
        unexplained=(head_residual, camera_residual),
    )


def _fit(
    filmed: FilmedPoints,
    surroundings: Surroundings,
    usable: FloatArray,
    skin_linear: FloatArray,
    device: torch.device,
    *,
    with_camera: bool,
) -> NDArray[np.float32]:
    """Log shading (K, n, 3) under the light that fits best in one of the two frames."""
    views = len(filmed.radiance)
    responses = Responses(surroundings, device)
    turn = filmed.camera_from_head if with_camera else np.eye(3, dtype=np.float32)[None]
    chosen = subsample(np.flatnonzero(filmed.weight.any(axis=1)), FIT_VIEWS)
    reach = usable * filmed.weight[chosen].sum(0)
    chosen_points = choose_fit_points(reach)
    rows = np.stack(  # (K' or 1, 3, m, LOBES)
        [
            responses.of(rotation, skin_linear, chosen_points)
            for rotation in (turn[chosen] if with_camera else turn)
        ]
    )
    target = filmed.radiance[chosen][:, chosen_points]  # (K', m, 3); rows: (K' or 1, 3, m, LOBES)
    weight = filmed.weight[chosen][:, chosen_points] * usable[chosen_points]
    even = np.ones((target.shape[1], 3), np.float32)
    lobes = solve_lobes(rows, target, weight, even, refine=with_camera)
    shading = np.stack([responses.shading(rotation, skin_linear, lobes) for rotation in turn])
    shading = np.broadcast_to(shading, (views, *shading.shape[1:]))
    return relative_log(shading)


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
