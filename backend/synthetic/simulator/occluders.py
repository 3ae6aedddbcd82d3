"""A generator in; what stands before the skin out: hair, rims of glasses, a collar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from ...imaging.smooth_step import smooth_step
from ...imaging.tensor_blur import gaussian_blur
from ...imaging.tensor_color import luminance
from ...stages.phone_texture.cropped_hair import EDGE, EDGE_NOISE
from ...stages.phone_texture.filmed_hair import COARSE, HAIRLINE_M, MIN_SCALP_SHARE
from .atlas_maps import SCALP_THRESHOLD, AtlasMaps
from .batch_noise import smooth_field, uniform
from .blend import upsample

# Painted hair is known by its colour: log light below the face's skin; or log red below it, where
# it is no brighter than skin, on the scalp by GLOSS.
HAIR_DARKNESS, HAIR_REDNESS_LOSS, GLOSS = 0.55, 0.16, 0.25
MARGIN = 5  # texels of a COARSE atlas round hair that the stage takes off with it
# Hair that no texture shows, as it hangs: how ragged its outline, over how much it thins out.
RAGGEDNESS_M, THINNING_M = 0.003, 0.007
FULL_HAIR_SHARE = 0.8  # share that is hairy where hair hangs down
FRINGE_CHANCE, FRINGE_M = 0.30, (0.01, 0.06)  # how often hair hangs over the forehead, how far
MIN_CROPPED_HAIR = 0.01
HIDDEN_EARS_CHANCE, OVER_EARS_M = 0.35, 0.05
GLASSES_CHANCE = 0.15
RIM_WIDTH_M, RIM_HEIGHT_M = (0.022, 0.030), (0.016, 0.025)  # half a lens
RIM_M, RIM_MARGIN_M = (0.0006, 0.0020), 0.0015
BRIDGE_M = 0.014  # towards the nose from the eye's middle, where the rims meet it
# What hangs together is found on a coarser picture: texels of N a side, and how far it reaches.
HAIR_CELL_TEXELS, HAIR_REACH_CELLS = 4, 16
BARE_CELL_TEXELS, BARE_REACH_CELLS = 8, 24
COLLAR_CHANCE, COLLAR_M = 0.6, (-0.17, -0.12)  # from the eyes' height


@dataclass(frozen=True, eq=False)
class Occluders:
    """Images (B, 1, N, N) in [0, 1]."""

    hair_cover: torch.Tensor  # hair, which the stage takes off
    cropped_hair: torch.Tensor  # where the stage draws cropped hair
    rims: torch.Tensor  # of glasses, where the stage finds them
    rim_shade: torch.Tensor  # rims that the stage misses: log light
    clothes: torch.Tensor  # clothes


def draw_occluders(
    generator: torch.Generator, atlas: AtlasMaps, albedo_log: torch.Tensor
) -> Occluders:
    """For skins (B, 3, N, N) in log light, whose hair is painted as if cropped close."""
    count, size = len(albedo_log), atlas.size

    def bernoulli(chance: float) -> torch.Tensor:
        """(B, 1, 1, 1) 1.0 with the chance, else 0.0."""
        return (uniform(generator, (count, 1, 1, 1), 0.0, 1.0) < chance).float()

    def between(low: float, high: float) -> torch.Tensor:
        """(B, 1, 1, 1) evenly."""
        return uniform(generator, (count, 1, 1, 1), low, high)

    hair = find_hair(atlas, albedo_log)
    ragged = smooth_field(generator, (count, 1), 24, size) + smooth_field(
        generator, (count, 1), 64, size
    )
    hanging = smooth_field(generator, (count, 1), 5, size)
    distance = atlas.scalp_distance_m + RAGGEDNESS_M * ragged
    fringe = bernoulli(FRINGE_CHANCE) * between(*FRINGE_M) * (1.0 + 0.5 * hanging).clamp(min=0.0)
    reach = atlas.forehead * fringe + atlas.ears * bernoulli(HIDDEN_EARS_CHANCE) * OVER_EARS_M
    # Hair hangs from full scalps.
    full = _masked_share(hair, atlas.scalp) > FULL_HAIR_SHARE
    thinning = (reach + THINNING_M - distance) / THINNING_M
    hangs = full * (reach > 0.0) * smooth_step(*EDGE, 0.5 + thinning)
    margin = MARGIN * size / COARSE
    window = 2 * round(margin) + 1
    wide = functional.max_pool2d(hair, window, stride=1, padding=window // 2)
    rims, shade = _rims(generator, atlas, bernoulli(GLASSES_CHANCE), between)
    collar = atlas.height_m - between(*COLLAR_M) + 0.004 * hanging
    return Occluders(
        hair_cover=torch.maximum(gaussian_blur(wide, margin / 2), hangs),
        cropped_hair=_cropped_hair(atlas, hair, ragged, margin / 2),
        rims=rims,
        rim_shade=shade,
        clothes=bernoulli(COLLAR_CHANCE) * smooth_step(0.0, 0.008, -collar) * atlas.skin,
    )


def _cropped_hair(
    atlas: AtlasMaps, hair: torch.Tensor, ragged: torch.Tensor, sigma_texels: float
) -> torch.Tensor:
    """Where (B, 1, N, N) the stage draws cropped hair of found `hair`, with a `ragged` edge."""
    may_grow = (atlas.scalp_distance_m < HAIRLINE_M) | (atlas.forehead < SCALP_THRESHOLD)
    may_grow = may_grow & (atlas.ears < SCALP_THRESHOLD) & (atlas.hair_candidate > 0.0)
    soft = gaussian_blur(hair * may_grow, sigma_texels)
    return smooth_step(*EDGE, soft + EDGE_NOISE * ragged * (soft > MIN_CROPPED_HAIR))


def find_hair(atlas: AtlasMaps, albedo_log: torch.Tensor) -> torch.Tensor:
    """1 on hair, else 0 (B, 1, N, N) of painted skins (B, 3, N, N) in log light.

    By its colour against the face's, and by hanging together with the scalp.
    """
    face = albedo_log.flatten(2)[:, :, atlas.plain_texel].median(2).values[..., None, None]
    away = albedo_log - face
    lighter = luminance(away)[:, None]
    reddish = away[:, :1] - lighter
    scalp = (atlas.scalp > SCALP_THRESHOLD).float()
    like_hair = (lighter < -HAIR_DARKNESS) | (
        (reddish < -HAIR_REDNESS_LOSS) & (lighter < GLOSS * scalp)
    )
    like_hair = like_hair * atlas.hair_candidate
    hair = like_hair * _connected_to(
        like_hair, like_hair * scalp, HAIR_CELL_TEXELS, HAIR_REACH_CELLS
    )
    enough = _masked_share(hair, scalp) >= MIN_SCALP_SHARE
    hair = hair * enough
    # Bare scalp begins at the forehead; an island of it is tinted hair.
    forehead = (atlas.forehead > SCALP_THRESHOLD).float()
    bare = torch.maximum(scalp, forehead) * (1.0 - hair)
    island = (
        scalp
        * bare
        * (1.0 - _connected_to(bare, bare * forehead, BARE_CELL_TEXELS, BARE_REACH_CELLS))
    )
    return torch.maximum(hair, island * enough)


def _masked_share(inside: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, 1) of masks (B, 1, N, N) and (1, 1, N, N)."""
    return (inside * of).sum((2, 3), keepdim=True) / of.sum()


def _connected_to(wanted: torch.Tensor, seed: torch.Tensor, share: int, steps: int) -> torch.Tensor:
    """1 around what hangs together with a `seed`, masks (B, 1, N, N); gaps of a texel count not.

    Grown step by step on a picture of N / `share` texels, which a device does at once for all.
    """
    allowed = (functional.avg_pool2d(wanted, share) > 0.3).float()
    reached = allowed * functional.max_pool2d(seed, share)
    for _ in range(steps):
        reached = allowed * functional.max_pool2d(reached, 3, stride=1, padding=1)
    return (upsample(reached, wanted.shape[-1]) > 0.0).float()


def _rims(
    generator: torch.Generator,
    atlas: AtlasMaps,
    has_glasses: torch.Tensor,
    between: Callable[[float, float], torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the stage takes rims off, and the shade of those it misses."""
    width, height = between(*RIM_WIDTH_M), between(*RIM_HEIGHT_M)
    below = between(0.0, 0.005)
    beside, above = atlas.lateral_from_eye_m, atlas.height_m + below
    # Rounded rectangles: a fourth-power ellipse.
    round_eye = ((beside / width) ** 4 + (above / height) ** 4) ** 0.25
    ring = (round_eye - 1.0).abs() * torch.minimum(width, height)
    bridge = (above - 0.3 * height).abs() + (beside + BRIDGE_M).clamp(min=0.0)
    temple = (above - 0.4 * height).abs() + (0.9 * width - beside).clamp(min=0.0)
    away = torch.minimum(torch.minimum(ring, bridge), temple)
    thick = between(*RIM_M)
    painted = has_glasses * atlas.front * smooth_step(0.0, 1.0, 0.5 + (thick - away) / 0.002)
    wide = smooth_step(0.0, 1.0, 0.5 + (thick + RIM_MARGIN_M - away) / 0.002)
    found = smooth_step(-0.8, -0.2, smooth_field(generator, (len(has_glasses), 1), 10, atlas.size))
    return has_glasses * atlas.front * wide * found, -between(0.1, 0.8) * painted
