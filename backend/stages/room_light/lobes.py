"""Soft lobes of light round a head in; how bright its skin gets, and which lobes explain it, out.

The light is a non-negative sum of lobes round the sphere; it reaches a point directly where the
head leaves the way open, and by one bounce off the head.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ...imaging.log_light import LUMINANCE
from .surroundings import Surroundings
from .visibility import even_directions

LOBES = 96  # directions of light; skin blurs finer detail away, and cost grows with the square
LOBE_SHARPNESS = 12.0  # exp(s (cos - 1)): 20 degrees between lobes, about 28 wide
FIT_POINTS = 4000  # of some 30,000: forty to a lobe
ROUNDS = 4  # of reweighting
# Relative error that is normal; brighter outliers are shine.
SPREAD = 0.18
SMOOTHING = 0.03  # of the lobes' mean power
COLOUR_TIE = 8.0  # how strongly a lobe keeps the common colour of the light
OWN_ALBEDO = 0.8  # share of a point's own albedo that a moving light lets us trust
# Log light: pockets that hardly any light reaches are not divided by next to nothing.
MIN_LOG_SHADING = -1.2
MIN_SHADING = 0.12  # of the median: light that the model misses, in creases above all


def choose_fit_points(reach: FloatArray) -> IntArray:
    """Some FIT_POINTS, or fewer, of the points whose `reach` (n,) is above 0."""
    order = np.argsort(-reach, kind="stable")[: max(int((reach > 0).sum()), 1)]
    return order[:: max(len(order) // FIT_POINTS, 1)]


def relative_log(shading: FloatArray) -> NDArray[np.float32]:
    """Of views (K, n, 3), relative to the median."""
    median = np.median(shading, (0, 1))
    return np.maximum(np.log(shading + MIN_SHADING * median) - np.log(median), MIN_LOG_SHADING)


class Responses:
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


def solve_lobes(
    rows: FloatArray, target: FloatArray, weight: FloatArray, albedo: FloatArray, *, refine: bool
) -> NDArray[np.float32]:
    """Lobe strengths (LOBES, 3) >= 0 by iteratively reweighted least squares on relative errors.

    `rows` (K or 1, 3, m, LOBES) of K views' points, filmed as `target` (K, m, 3) with `weight`
    (K, m); `albedo` (m, 3) up to a scale, replaced by the points' own where views `refine` it.
    """
    views = len(target)
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
    common = _solve_nonnegative(
        _mean_row(rows, albedo), bright, weight / bright**2, np.zeros(LOBES), SMOOTHING
    )
    out = np.empty((LOBES, 3), np.float32)
    for c in range(3):
        row = rows[:, c] * albedo[None, :, c, None]
        channel = target[..., c]
        scale = np.median(channel[weight > 0] / bright[weight > 0]) if (weight > 0).any() else 1.0
        relative = weight / np.maximum(channel, 1e-3) ** 2
        out[:, c] = _solve_nonnegative(row, channel, relative, common * scale, COLOUR_TIE)
    return out


def _mean_row(rows: FloatArray, albedo: FloatArray) -> FloatArray:
    return np.einsum("kcml,mc,c->kml", rows, albedo, LUMINANCE)


def _solve_nonnegative(
    rows: FloatArray, target: FloatArray, weight: FloatArray, near: FloatArray, pull: float
) -> FloatArray:
    """Lobe strengths x (LOBES,), x >= 0, by normal equations:
    min sum w (rows x - target)^2 + pull * power * |x - near|^2."""
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
