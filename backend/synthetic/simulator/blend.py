"""Views in log light in; their common low band and blended high band out, as in the stage.

The rules and figures are those of `phone_texture`, which works view by view with OpenCV; here a
batch of captures is blended at once on any device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from ...imaging.tensor_color import luminance
from ...stages.phone_texture.bands import (
    LEAST_WEIGHT,
    LOW_SIGMA,
    LOW_SIZE,
    OCTAVES,
    ROUNDS,
    SHADE_SPREAD,
    SHINE_SPREAD,
)
from ...stages.phone_texture.unwrap import RANK_POWER, SHINE_TOLERANCE

# The low band's texels, against the texture's. The stage's has LOW_SIZE a side whatever its atlas
# has; that is more than such a blur needs, and the blur is as wide here, as a share of the atlas.
LOW_SHARE = 4
MIN_RANK = 0.02


@dataclass(frozen=True, eq=False)
class Shares:
    """How much each of V views counts, of B captures."""

    weight: torch.Tensor  # (B, V, N, N) in [0, 1], 0: not seen
    low: torch.Tensor  # (B, V, L, L) of the low band; sums to 1
    high: torch.Tensor  # (B, V, N, N) of the high band; sums to 1 where anything was seen


def blend(
    log_rgb: torch.Tensor, weight: torch.Tensor, rank: torch.Tensor
) -> tuple[torch.Tensor, Shares]:
    """Views (B, V, 3, N, N) by their `weight` and `rank` (B, V, N, N): (B, 3, N, N) and how.

    `rank` in [0, 1]: how well a view sees a texel, without shine.
    """
    lows = low_bands(log_rgb, weight)
    low_weight = functional.avg_pool2d(weight, LOW_SHARE) + LEAST_WEIGHT
    light = luminance(lows)
    trust = low_weight
    for _ in range(ROUNDS):
        share = trust / trust.sum(1, keepdim=True)
        residual = light - (share * light).sum(1, keepdim=True)
        spread = torch.where(residual > 0.0, SHINE_SPREAD, SHADE_SPREAD)
        trust = low_weight / (1.0 + (residual / spread) ** 2)
    low_share = trust / trust.sum(1, keepdim=True)
    common = (low_share * light).sum(1, keepdim=True)
    shine = (light - common - SHINE_TOLERANCE).clamp(min=0.0)
    high = _rank_power(rank) * upsample(torch.exp(-6.0 * shine), rank.shape[-1])
    # Texels that no view saw keep the low band alone.
    high = high / high.sum(1, keepdim=True).clamp(min=torch.finfo(high.dtype).tiny)
    shares = Shares(weight, low_share, high)
    return blend_by_shares(log_rgb, lows, shares), shares


def blend_by_shares(log_rgb: torch.Tensor, lows: torch.Tensor, shares: Shares) -> torch.Tensor:
    """Views (B, V, 3, N, N) and their low bands (B, V, 3, L, L): (B, 3, N, N)."""
    size = log_rgb.shape[-1]
    high_share = shares.high
    if high_share.shape[-1] != size:
        high_share = functional.interpolate(high_share, size=(size, size), mode="area")
    # What the low band lacks of each view, weighed by the high band's shares.
    high = torch.zeros_like(log_rgb[:, 0])
    for view in range(log_rgb.shape[1]):
        detail = log_rgb[:, view] - upsample(lows[:, view], size)
        high.addcmul_(high_share[:, view, None], detail)
    low = (shares.low[:, :, None] * lows).sum(1)
    return high + upsample(low, size)


def low_bands(log_rgb: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Blurred colours (B, V, 3, L, L) of views (B, V, 3, N, N), continued where none saw."""
    count, views = weight.shape[:2]
    pool = log_rgb.shape[-1] * LOW_SHARE // weight.shape[-1]
    fine_weight = _resize_weight(weight, log_rgb.shape[-1])
    weighed = [
        functional.avg_pool2d(log_rgb[:, view] * fine_weight[:, view, None], pool)
        for view in range(views)
    ]
    total = torch.cat(weighed, 1)
    share = functional.avg_pool2d(weight, LOW_SHARE)
    size = share.shape[-1]
    sigma = LOW_SIGMA * size / LOW_SIZE
    total = gaussian_blur(total, sigma)
    spread = gaussian_blur(share, sigma)
    # Wider, fainter octaves: plain means over cells of the octave's width.
    for octave, strength in OCTAVES[1:]:
        cells = max(int(LOW_SIZE / (octave * LOW_SIGMA * 2.0)), 2)
        for image, wide in ((total, total), (spread, spread)):
            image += strength * upsample(functional.adaptive_avg_pool2d(wide, cells), size)
    low = total.unflatten(1, (views, 3)) / (spread + 1e-9)[:, :, None]
    return low.view(count, views, 3, size, size)


def upsample(image: torch.Tensor, size: int) -> torch.Tensor:
    """(B, C, L, L) to (B, C, size, size)."""
    return functional.interpolate(image, size=(size, size), mode="bilinear", align_corners=False)


def _rank_power(rank: torch.Tensor) -> torch.Tensor:
    """rank ** RANK_POWER, kept from numbers so small that processors slow down; 0 stays 0."""
    return rank.clamp(min=MIN_RANK).pow_(RANK_POWER) * (rank > 0.0)


def _resize_weight(weight: torch.Tensor, size: int) -> torch.Tensor:
    if weight.shape[-1] == size:
        return weight
    return functional.interpolate(weight, size=(size, size), mode="area")


def gaussian_blur(image: torch.Tensor, sigma_texels: float) -> torch.Tensor:
    """Gaussian over images (B, C, L, L)."""
    position = torch.arange(image.shape[-1], device=image.device)
    kernel = torch.exp(-0.5 * ((position - position[:, None]) / sigma_texels) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    # As products with a small matrix: faster than a convolution of one channel each.
    return kernel @ image @ kernel.T
