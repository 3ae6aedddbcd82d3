"""A generator in; what stands before the skin out: hair, rims of glasses, a collar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...phone_texture.hair import DARKER, EDGE, HAIRLINE_M
from .atlas_maps import AtlasMaps
from .noise import smooth_field, smooth_step, uniform
from .tone import luminance

# Hair's outline: how ragged, and over how much it thins out.
RAGGED_M, THINS_M = 0.003, 0.007
FRINGE, FRINGE_M = 0.30, (0.01, 0.06)  # how often hair hangs over the forehead, how far
HIDDEN_EARS, OVER_EARS_M = 0.35, 0.05
GLASSES = 0.15
RIM_WIDTH_M, RIM_HEIGHT_M = (0.022, 0.030), (0.016, 0.025)  # half a lens
RIM_M, RIM_MARGIN_M = (0.0006, 0.0020), 0.0015
BRIDGE_M = 0.014  # towards the nose from the eye's middle, where the rims meet it
COLLAR, COLLAR_M = 0.6, (-0.17, -0.12)  # from the eyes' height


@dataclass(frozen=True, eq=False)
class Hiding:
    """Images (B, 1, N, N) in [0, 1]."""

    hides: torch.Tensor  # hair, which the stage takes off
    grows: torch.Tensor  # where the stage draws cropped hair
    rims: torch.Tensor  # of glasses, where the stage finds them
    rim_shade: torch.Tensor  # rims that the stage misses: log light
    foreign: torch.Tensor  # clothes


def draw_hiding(generator: torch.Generator, atlas: AtlasMaps, albedo_log: torch.Tensor) -> Hiding:
    """For skins (B, 3, N, N) in log light: hair is where a scalp is much darker than the face."""
    count, size = len(albedo_log), atlas.size

    def some(chance: float) -> torch.Tensor:
        return (uniform(generator, (count, 1, 1, 1), 0.0, 1.0) < chance).float()

    def between(low: float, high: float) -> torch.Tensor:
        return uniform(generator, (count, 1, 1, 1), low, high)

    hairy = (
        mean_light(albedo_log, atlas.scalp) < mean_light(albedo_log, atlas.bare) - DARKER
    ).float()
    ragged = smooth_field(generator, (count, 1), 24, size) + smooth_field(
        generator, (count, 1), 64, size
    )
    hanging = smooth_field(generator, (count, 1), 5, size)
    distance = atlas.scalp_distance_m + RAGGED_M * ragged
    hairline = between(-0.002, 0.8 * HAIRLINE_M)
    fringe = some(FRINGE) * between(*FRINGE_M) * (1.0 + 0.5 * hanging).clamp(min=0.0)
    reach = hairline + atlas.forehead * fringe + atlas.ears * some(HIDDEN_EARS) * OVER_EARS_M
    grows = smooth_step(*EDGE, 0.5 + (hairline.clamp(max=HAIRLINE_M) - distance) / THINS_M)
    rims, shade = _rims(generator, atlas, some(GLASSES), between)
    collar = atlas.height_m - between(*COLLAR_M) + 0.004 * hanging
    return Hiding(
        hides=hairy * smooth_step(*EDGE, 0.5 + (reach + THINS_M - distance) / THINS_M),
        grows=hairy * grows,
        rims=rims,
        rim_shade=shade,
        foreign=some(COLLAR) * smooth_step(0.0, 0.008, -collar) * atlas.skin,
    )


def mean_light(log_rgb: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean log luminance (B, 1, 1, 1) of images (B, 3, N, N)."""
    light = luminance(log_rgb)[:, None] * weight
    return light.sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1e-6)


def _rims(
    generator: torch.Generator,
    atlas: AtlasMaps,
    worn: torch.Tensor,
    between: Callable[[float, float], torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the stage takes rims off, and the shade of those it misses."""
    width, height = between(*RIM_WIDTH_M), between(*RIM_HEIGHT_M)
    below = between(0.0, 0.005)
    beside, above = atlas.beside_eye_m, atlas.height_m + below
    # Rounded rectangles: a fourth-power ellipse.
    round_eye = ((beside / width) ** 4 + (above / height) ** 4) ** 0.25
    ring = (round_eye - 1.0).abs() * torch.minimum(width, height)
    bridge = (above - 0.3 * height).abs() + (beside + BRIDGE_M).clamp(min=0.0)
    temple = (above - 0.4 * height).abs() + (0.9 * width - beside).clamp(min=0.0)
    away = torch.minimum(torch.minimum(ring, bridge), temple)
    thick = between(*RIM_M)
    painted = worn * atlas.ahead * smooth_step(0.0, 1.0, 0.5 + (thick - away) / 0.002)
    wide = smooth_step(0.0, 1.0, 0.5 + (thick + RIM_MARGIN_M - away) / 0.002)
    found = smooth_step(-0.8, -0.2, smooth_field(generator, (len(worn), 1), 10, atlas.size))
    return worn * atlas.ahead * wide * found, -between(0.1, 0.8) * painted
