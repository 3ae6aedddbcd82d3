"""Views in log light in; their common low band and blended high band out, as in the stage.

The rules and figures are those of `phone_texture.bands` and `.unwrap`, which work view by view with
OpenCV; here a batch of captures is blended at once on any device. Tests hold the shares of the low
band, the low band where a view saw and the blended high band to the stage's. What differs: the low
band is a fourth of the texture instead of LOW_SIZE, its wider octaves, which only continue colours
to where a view saw nothing, are means over cells, and it is enlarged linearly, not by cubics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from ...imaging.tensor_blur import OPENCV_CUT, gaussian_blur
from ...imaging.tensor_color import luminance
from ...stages.phone_texture.bands import (
    LOW_SIGMA,
    LOW_SIZE,
    MIN_WEIGHT,
    OCTAVES,
    ROUNDS,
    SHADE_SPREAD,
    SHINE_SPREAD,
)
from ...stages.phone_texture.unwrap import RANK_POWER, SHINE_TOLERANCE

# The low band's texels, against the texture's. The stage's has LOW_SIZE a side whatever its atlas
# has; that is more than such a blur needs, and the blur is as wide here, as a share of the atlas.
LOW_SHARE = 4
# Lower ranks count as this one, which at RANK_POWER still weighs nothing: smaller numbers would be
# denormal, on which processors are slow.
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
    """The blend (B, 3, N, N) of views (B, V, 3, N, N) in log light, and the shares it used.

    `weight` (B, V, N, N) in [0, 1]: how far to trust a view; `rank` (B, V, N, N) in [0, 1]: how
    well it sees a texel, without shine.
    """
    lows = low_bands(log_rgb, weight)
    low = robust_shares(lows, functional.avg_pool2d(weight, LOW_SHARE))
    shares = Shares(weight, low, high_shares(rank, lows, low))
    return blend_by_shares(log_rgb, lows, shares), shares


def robust_shares(lows: torch.Tensor, low_weight: torch.Tensor) -> torch.Tensor:
    """Shares (B, V, L, L) of the views' low bands (B, V, 3, L, L) in their mean; they sum to 1.

    Iteratively reweighted least squares with Cauchy weights on luminance, wider for views that are
    darker than the mean: what only few views show brighter is shine. `low_weight` (B, V, L, L).
    """
    low_weight = low_weight + MIN_WEIGHT
    light = luminance(lows)
    trust = low_weight
    for _ in range(ROUNDS):
        share = trust / trust.sum(1, keepdim=True)
        residual = light - (share * light).sum(1, keepdim=True)
        spread = torch.where(residual > 0.0, SHINE_SPREAD, SHADE_SPREAD)
        trust = low_weight / (1.0 + (residual / spread) ** 2)
    return trust / trust.sum(1, keepdim=True)


def high_shares(rank: torch.Tensor, lows: torch.Tensor, low_share: torch.Tensor) -> torch.Tensor:
    """Shares (B, V, N, N) of the views' high bands: the best rank's, less where a view shines.

    `rank` (B, V, N, N) in [0, 1]; `lows` (B, V, 3, L, L) with the shares (B, V, L, L) of their
    mean. They sum to 1, or to 0 where no view saw.
    """
    light = luminance(lows)
    common = (low_share * light).sum(1, keepdim=True)
    shine = (light - common - SHINE_TOLERANCE).clamp(min=0.0)
    high = _rank_power(rank) * upsample(torch.exp(-6.0 * shine), rank.shape[-1])
    # Texels that no view saw keep the low band alone.
    return high / high.sum(1, keepdim=True).clamp(min=torch.finfo(high.dtype).tiny)


def blend_by_shares(log_rgb: torch.Tensor, lows: torch.Tensor, shares: Shares) -> torch.Tensor:
    """Views (B, V, 3, N, N), whose low bands are `lows` (B, V, 3, L, L), blended to (B, 3, N, N).

    The shares may be those of another size: so the light is blended as the textures were.
    """
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
    """Blurred colours (B, V, 3, L, L) of views (B, V, 3, N, N), continued where none saw.

    L is a LOW_SHARE-th of the side of `weight` (B, V, M, M); M may differ from N.
    """
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
    total = gaussian_blur(total, sigma, OPENCV_CUT)
    spread = gaussian_blur(share, sigma, OPENCV_CUT)
    # Wider, fainter octaves: plain means over cells of the octave's width.
    for octave, strength in OCTAVES[1:]:
        cells = max(int(LOW_SIZE / (octave * LOW_SIGMA * 2.0)), 2)
        for image, wide in ((total, total), (spread, spread)):
            image += strength * upsample(functional.adaptive_avg_pool2d(wide, cells), size)
    low = total.unflatten(1, (views, 3)) / (spread + 1e-9)[:, :, None]
    return low.view(count, views, 3, size, size)


def upsample(image: torch.Tensor, size: int) -> torch.Tensor:
    """Images (B, C, L, L) at (B, C, size, size), linearly; pixel centres at integer + 0.5."""
    return functional.interpolate(image, size=(size, size), mode="bilinear", align_corners=False)


def _rank_power(rank: torch.Tensor) -> torch.Tensor:
    """`rank` to the power of RANK_POWER, not below MIN_RANK's; 0 stays 0."""
    return rank.clamp(min=MIN_RANK).pow_(RANK_POWER) * (rank > 0.0)


def _resize_weight(weight: torch.Tensor, size: int) -> torch.Tensor:
    if weight.shape[-1] == size:
        return weight
    return functional.interpolate(weight, size=(size, size), mode="area")
