"""A generator in; what stands before the skin out: hair, rims of glasses, a collar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from ...imaging.smooth_step import smooth_step
from ...imaging.tensor_color import luminance
from ...stages.phone_texture.hair_mask import (
    COARSE,
    DARKER,
    EDGE,
    EDGE_NOISE,
    GLOSS,
    HAIRLINE_M,
    LEAST_SCALP_SHARE,
    LESS_RED,
    MARGIN,
)
from .atlas_maps import SURELY_SCALP, AtlasMaps
from .batch_noise import smooth_field, uniform
from .blend import blurred, enlarged

# Hair that no texture shows, as it hangs: how ragged its outline, over how much it thins out.
RAGGED_M, THINS_M = 0.003, 0.007
FULL_SCALP = 0.8  # share that is hairy where hair hangs down
FRINGE, FRINGE_M = 0.30, (0.01, 0.06)  # how often hair hangs over the forehead, how far
LEAST_GROWING = 0.01
HIDDEN_EARS, OVER_EARS_M = 0.35, 0.05
GLASSES = 0.15
RIM_WIDTH_M, RIM_HEIGHT_M = (0.022, 0.030), (0.016, 0.025)  # half a lens
RIM_M, RIM_MARGIN_M = (0.0006, 0.0020), 0.0015
BRIDGE_M = 0.014  # towards the nose from the eye's middle, where the rims meet it
# What hangs together is found on a coarser picture: texels of N a side, and how far it reaches.
JOINED_SHARE, JOINED_STEPS = 4, 16
BARE_SHARE, BARE_STEPS = 8, 24
COLLAR, COLLAR_M = 0.6, (-0.17, -0.12)  # from the eyes' height


@dataclass(frozen=True, eq=False)
class Occluders:
    """Images (B, 1, N, N) in [0, 1]."""

    hides: torch.Tensor  # hair, which the stage takes off
    grows: torch.Tensor  # where the stage draws cropped hair
    rims: torch.Tensor  # of glasses, where the stage finds them
    rim_shade: torch.Tensor  # rims that the stage misses: log light
    foreign: torch.Tensor  # clothes


def draw_hiding(
    generator: torch.Generator, atlas: AtlasMaps, albedo_log: torch.Tensor
) -> Occluders:
    """For skins (B, 3, N, N) in log light, whose hair is painted as if cropped close."""
    count, size = len(albedo_log), atlas.size

    def some(chance: float) -> torch.Tensor:
        return (uniform(generator, (count, 1, 1, 1), 0.0, 1.0) < chance).float()

    def between(low: float, high: float) -> torch.Tensor:
        return uniform(generator, (count, 1, 1, 1), low, high)

    hair = find_hair(atlas, albedo_log)
    ragged = smooth_field(generator, (count, 1), 24, size) + smooth_field(
        generator, (count, 1), 64, size
    )
    hanging = smooth_field(generator, (count, 1), 5, size)
    distance = atlas.scalp_distance_m + RAGGED_M * ragged
    fringe = some(FRINGE) * between(*FRINGE_M) * (1.0 + 0.5 * hanging).clamp(min=0.0)
    reach = atlas.forehead * fringe + atlas.ears * some(HIDDEN_EARS) * OVER_EARS_M
    # Hair hangs from full scalps.
    full = _share(hair, atlas.scalp) > FULL_SCALP
    hangs = full * (reach > 0.0) * smooth_step(*EDGE, 0.5 + (reach + THINS_M - distance) / THINS_M)
    margin = MARGIN * size / COARSE
    reached = 2 * round(margin) + 1
    wide = functional.max_pool2d(hair, reached, stride=1, padding=reached // 2)
    growing = (atlas.scalp_distance_m < HAIRLINE_M) | (atlas.forehead < SURELY_SCALP)
    growing = growing & (atlas.ears < SURELY_SCALP) & (atlas.may_be_hair > 0.0)
    grows = blurred(hair * growing, margin / 2)
    grows = smooth_step(*EDGE, grows + EDGE_NOISE * ragged * (grows > LEAST_GROWING))
    rims, shade = _rims(generator, atlas, some(GLASSES), between)
    collar = atlas.height_m - between(*COLLAR_M) + 0.004 * hanging
    return Occluders(
        hides=torch.maximum(blurred(wide, margin / 2), hangs),
        grows=grows,
        rims=rims,
        rim_shade=shade,
        foreign=some(COLLAR) * smooth_step(0.0, 0.008, -collar) * atlas.skin,
    )


def find_hair(atlas: AtlasMaps, albedo_log: torch.Tensor) -> torch.Tensor:
    """1 on hair, else 0 (B, 1, N, N) of skins (B, 3, N, N) in log light; see `phone_texture.hair`.

    By its colour against the face's, and by hanging together with the scalp.
    """
    face = albedo_log.flatten(2)[:, :, atlas.plain_texel].median(2).values[..., None, None]
    away = albedo_log - face
    lighter = luminance(away)[:, None]
    reddish = away[:, :1] - lighter
    scalp = (atlas.scalp > SURELY_SCALP).float()
    like_hair = (lighter < -DARKER) | ((reddish < -LESS_RED) & (lighter < GLOSS * scalp))
    like_hair = like_hair * atlas.may_be_hair
    hair = like_hair * _joined(like_hair, like_hair * scalp, JOINED_SHARE, JOINED_STEPS)
    enough = _share(hair, scalp) >= LEAST_SCALP_SHARE
    hair = hair * enough
    # Bare scalp begins at the forehead; an island of it is tinted hair.
    forehead = (atlas.forehead > SURELY_SCALP).float()
    bare = torch.maximum(scalp, forehead) * (1.0 - hair)
    island = scalp * bare * (1.0 - _joined(bare, bare * forehead, BARE_SHARE, BARE_STEPS))
    return torch.maximum(hair, island * enough)


def _share(inside: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, 1) of masks (B, 1, N, N) and (1, 1, N, N)."""
    return (inside * of).sum((2, 3), keepdim=True) / of.sum()


def _joined(wanted: torch.Tensor, seed: torch.Tensor, share: int, steps: int) -> torch.Tensor:
    """1 around what hangs together with a `seed`, masks (B, 1, N, N); gaps of a texel count not.

    Grown step by step on a picture of N / `share` texels, which a device does at once for all.
    """
    way = (functional.avg_pool2d(wanted, share) > 0.3).float()
    grown = way * functional.max_pool2d(seed, share)
    for _ in range(steps):
        grown = way * functional.max_pool2d(grown, 3, stride=1, padding=1)
    return (enlarged(grown, wanted.shape[-1]) > 0.0).float()


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
