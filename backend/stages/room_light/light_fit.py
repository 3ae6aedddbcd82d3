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
from .lobes import Responses, relative_log, solve_lobes, telling_points
from .surroundings import Surroundings

FIT_VIEWS = 12
CAMERA_GAIN = 0.70  # the moving light must explain this much better to be believed


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
        nothing = np.zeros_like(filmed.radiance)
        return Shading(nothing, nothing[:, 0], "head", (0.0, 0.0))

    def fit(light_turns: bool, exposure: FloatArray) -> tuple[FilmedPoints, FloatArray]:
        evened = replace(filmed, radiance=filmed.radiance * np.exp(-exposure[:, None]))
        shading = _fit(evened, surroundings, usable, skin_linear, device, turns=light_turns)
        return evened, shading

    unknown = np.zeros((len(filmed.radiance), 3), np.float32)
    candidates: list[tuple[FloatArray, FilmedPoints, FloatArray, float]] = []
    for light_turns in (False, True):
        exposure = unknown
        if not exposure_known:
            # A light that stands with the head shades a point alike in all views.
            first = fit(light_turns, unknown)[1] if light_turns else unknown[:, None]
            exposure = exposure_offsets(filmed, first)
        evened, shading = fit(light_turns, exposure)
        candidates.append((exposure, evened, shading, _change_left(evened, shading, usable)))
    still, moving = (left for *_, left in candidates)
    camera = moving < CAMERA_GAIN * still
    exposure, evened, shading, _ = candidates[int(camera)]
    return Shading(
        log_shading=shading * _strength(evened, shading, usable),
        exposure=exposure,
        moves_with="camera" if camera else "head",
        unexplained=(still, moving),
    )


def _fit(
    filmed: FilmedPoints,
    surroundings: Surroundings,
    usable: FloatArray,
    skin_linear: FloatArray,
    device: torch.device,
    *,
    turns: bool,
) -> NDArray[np.float32]:
    """Log shading (K, n, 3) under the light that fits best in one of the two frames."""
    views = len(filmed.radiance)
    responses = Responses(surroundings, device)
    turn = filmed.camera_from_head if turns else np.eye(3, dtype=np.float32)[None]
    chosen = subsample(np.flatnonzero(filmed.weight.any(axis=1)), FIT_VIEWS)
    reach = usable * filmed.weight[chosen].sum(0)
    some = telling_points(reach)
    rows = np.stack(  # (K' or 1, 3, m, LOBES)
        [
            responses.of(rotation, skin_linear, some)
            for rotation in (turn[chosen] if turns else turn)
        ]
    )
    target = filmed.radiance[chosen][:, some]  # (K', m, 3); rows: (K' or 1, 3, m, LOBES)
    weight = filmed.weight[chosen][:, some] * usable[some]
    even = np.ones((target.shape[1], 3), np.float32)
    lobes = solve_lobes(rows, target, weight, even, refine=turns)
    shading = np.stack([responses.shading(rotation, skin_linear, lobes) for rotation in turn])
    shading = np.broadcast_to(shading, (views, *shading.shape[1:]))
    return relative_log(shading)


def _strength(filmed: FilmedPoints, log_shading: FloatArray, usable: FloatArray) -> float:
    """In [0, 1]: how much of the shading plain skin really shows (a regression's slope)."""
    weight = filmed.weight * usable
    total = max(float(weight.sum()), 1e-9)
    shown = np.log(np.maximum(filmed.radiance, 1e-3)) @ LUMINANCE
    model = log_shading @ LUMINANCE
    shown = shown - (weight * shown).sum() / total
    model = model - (weight * model).sum() / total
    spread = float((weight * model**2).sum())
    return float(np.clip((weight * shown * model).sum() / max(spread, 1e-9), 0.0, 1.0))


def _change_left(filmed: FilmedPoints, log_shading: FloatArray, usable: FloatArray) -> float:
    """Median change of a point's apparent albedo between views: the unexplained part."""
    ratio = (np.log(np.maximum(filmed.radiance, 1e-3)) - log_shading) @ LUMINANCE
    weight = filmed.weight * usable
    mean = (weight * ratio).sum(0) / np.maximum(weight.sum(0), 1e-9)
    # Only points that several views saw can tell.
    telling = (weight > 0.2) & ((weight > 0.2).sum(0) >= 3)
    return float(np.median(np.abs(ratio - mean)[telling])) if telling.any() else 0.0
