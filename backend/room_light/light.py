"""Views of the same skin points in; the light they were filmed under and each view's shading out.

The light is a non-negative sum of soft lobes round the sphere; it reaches a point directly where
the head leaves the way open, and by one bounce off the head. It may stand still in the head's
frame (the phone goes round) or in the camera's (the head turns); both are fitted and the one that
explains how a point changes from view to view is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ..evenly import evenly
from ..log_light import LUMINANCE
from .exposure import exposure_offsets
from .filmed import FilmedPoints
from .surroundings import Surroundings
from .visibility import even_directions

LOBES = 96
LOBE_SHARPNESS = 12.0  # exp(s (cos - 1)): 20 degrees between lobes, about 28 wide
FIT_POINTS = 4000
FIT_VIEWS = 12
ROUNDS = 4
# Relative error that counts as usual; brighter outliers are shine.
SPREAD = 0.18
SMOOTHING = 0.03  # of the lobes' mean power
COLOUR_TIE = 8.0  # how strongly a lobe keeps the common colour of the light
OWN_ALBEDO = 0.8  # share of a point's own albedo that a moving light lets us trust
CAMERA_GAIN = 0.70  # the moving light must explain this much better to be believed
# Log light: pockets that hardly any light reaches are not divided by next to nothing.
DEEPEST_SHADE = -1.2
LEAST_SHADING = 0.12  # of the median: light that the model misses, in creases above all


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
    responses = _Responses(surroundings, device)
    turn = filmed.camera_from_head if turns else np.eye(3, dtype=np.float32)[None]
    chosen = evenly(np.flatnonzero(filmed.weight.any(axis=1)), FIT_VIEWS)
    reach = usable * filmed.weight[chosen].sum(0)
    some = np.argsort(-reach, kind="stable")[: max(int((reach > 0).sum()), 1)]
    some = some[:: max(len(some) // FIT_POINTS, 1)]
    rows = np.stack(  # (K' or 1, 3, m, LOBES)
        [
            responses.of(rotation, skin_linear, some)
            for rotation in (turn[chosen] if turns else turn)
        ]
    )
    target = filmed.radiance[chosen][:, some]  # (K', m, 3); rows: (K' or 1, 3, m, LOBES)
    weight = filmed.weight[chosen][:, some] * usable[some]
    lobes = _solve(rows, target, weight, refine=turns)
    shading = np.stack([responses.shading(rotation, skin_linear, lobes) for rotation in turn])
    shading = np.broadcast_to(shading, (views, *shading.shape[1:]))
    usual = np.median(shading, (0, 1))
    return np.maximum(np.log(shading + LEAST_SHADING * usual) - np.log(usual), DEEPEST_SHADE)


class _Responses:
    """How bright each point gets under each lobe, bounce included."""

    def __init__(self, surroundings: Surroundings, device: torch.device) -> None:
        self._around = surroundings
        self._device = device
        self._transfer = torch.as_tensor(surroundings.visibility.transfer, device=device)
        self._lobes = even_directions(LOBES)

    def of(
        self, light_from_head: FloatArray, skin_linear: FloatArray, points: IntArray
    ) -> NDArray[np.float32]:
        """(3, m, LOBES) float32 at the chosen points (m,)."""
        direct = self._arriving(self._lobe_at(light_from_head))
        bounced = self._around.exchange[points] @ direct
        return np.stack([direct[points] + albedo * bounced for albedo in skin_linear]).astype(
            np.float32
        )

    def shading(
        self, light_from_head: FloatArray, skin_linear: FloatArray, lobes: FloatArray
    ) -> NDArray[np.float32]:
        """(n, 3) under lobes of strengths (LOBES, 3)."""
        direct = self._arriving((self._lobe_at(light_from_head) @ lobes).astype(np.float32))
        return direct + skin_linear * (self._around.exchange @ direct)

    def _lobe_at(self, light_from_head: FloatArray) -> NDArray[np.float32]:
        """(D, LOBES) each lobe's strength in the head's directions."""
        directions = self._around.visibility.directions @ light_from_head.T
        lobe = np.exp(LOBE_SHARPNESS * (directions @ self._lobes.T - 1.0))
        return lobe.astype(np.float32)

    def _arriving(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """What arrives at the points (n, C) of light (D, C) from the sky."""
        return (self._transfer @ torch.as_tensor(light, device=self._device)).cpu().numpy()


def _solve(
    rows: FloatArray, target: FloatArray, weight: FloatArray, *, refine: bool
) -> NDArray[np.float32]:
    """Lobe strengths (LOBES, 3) >= 0 by iteratively reweighted least squares on relative errors."""
    views = len(target)
    albedo = np.ones((target.shape[1], 3), np.float32)
    robust = weight.copy()
    lobes = np.zeros((LOBES, 3), np.float32)
    for _ in range(ROUNDS):
        lobes = _lobes(rows, target, albedo, robust)
        shading = np.einsum("kcml,lc->kmc", rows, lobes)
        shading = np.broadcast_to(np.maximum(shading, 1e-4), target.shape)
        ratio = np.log(np.maximum(target, 1e-4) / shading)
        if refine and views > 1:
            share = robust / np.maximum(robust.sum(0), 1e-9)
            own = np.einsum("km,kmc->mc", share, ratio)
            albedo = np.exp(OWN_ALBEDO * (own - np.median(own, 0)))
        error = (ratio - np.log(albedo)) @ LUMINANCE
        error = error - np.median(error)
        spread = np.where(error > 0.0, SPREAD, 2.0 * SPREAD)
        robust = weight / (1.0 + (error / spread) ** 2)
    return lobes


def _lobes(
    rows: FloatArray, target: FloatArray, albedo: FloatArray, weight: FloatArray
) -> NDArray[np.float32]:
    """One weighted solve: the luminance first, then each channel, tied to the common colour."""
    bright = np.maximum(target @ LUMINANCE, 1e-3)
    common = _nonnegative(
        _mean_row(rows, albedo), bright, weight / bright**2, np.zeros(LOBES), SMOOTHING
    )
    out = np.empty((LOBES, 3), np.float32)
    for c in range(3):
        row = rows[:, c] * albedo[None, :, c, None]
        wanted = target[..., c]
        scale = np.median(wanted[weight > 0] / bright[weight > 0]) if (weight > 0).any() else 1.0
        relative = weight / np.maximum(wanted, 1e-3) ** 2
        out[:, c] = _nonnegative(row, wanted, relative, common * scale, COLOUR_TIE)
    return out


def _mean_row(rows: FloatArray, albedo: FloatArray) -> FloatArray:
    return np.einsum("kcml,mc,c->kml", rows, albedo, LUMINANCE)


def _nonnegative(
    rows: FloatArray, target: FloatArray, weight: FloatArray, near: FloatArray, pull: float
) -> FloatArray:
    """min sum w (rows x - target)^2 + pull * power * |x - near|^2, x >= 0, by normal equations."""
    normal = np.zeros((LOBES, LOBES))
    right = np.zeros(LOBES)
    for k in range(len(target)):
        row = rows[k if len(rows) > 1 else 0].astype(np.float64)
        weighted = row * weight[k][:, None]
        normal += weighted.T @ row
        right += weighted.T @ target[k]
    power = pull * np.trace(normal) / LOBES + 1e-12
    root = np.linalg.cholesky(normal + power * np.eye(LOBES))
    return nnls(root.T, np.linalg.solve(root, right + power * near), maxiter=30 * LOBES)[0]


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
