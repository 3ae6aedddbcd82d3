"""Skin that some view saw in; every texel with a colour out, as the phone texture's stage fills.

The other side of the face is taken, shifted and mixed by the rules of `atlas.inpaint`; a test holds
both together where something was seen. What differs: the smooth continuation is pull and push over
the atlas instead of a membrane over the head's surface, which no batch could solve for; what it
tends to is one mean colour instead of the stage's medians of skin, scalp and lips; and nostrils are
mirrored too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from ...atlas.inpaint import ANCHOR
from ...stages.phone_texture.cropped_hair import SKIN_THROUGH
from .atlas_maps import AtlasMaps
from .blend import upsample
from .occluders import Occluders

COARSEST_SIZE = 4  # texels of the membrane's coarsest level
SMOOTHED_SIZE = 64  # up to this size levels are smoothed: linear steps between them would show
STRAND_SD = 0.10  # deviation of cropped hair's log light


@dataclass(frozen=True, eq=False)
class Inpainted:
    """A batch of skins without holes."""

    log_rgb: torch.Tensor  # (B, 3, N, N)
    invented: torch.Tensor  # (B, 1, N, N) share that neither a view nor the other side gave


def inpaint(atlas: AtlasMaps, log_rgb: torch.Tensor, weight: torch.Tensor) -> Inpainted:
    """Unseen skin from the other side, shifted to join its surroundings, else continued smoothly.

    `log_rgb` (B, 3, N, N) log albedo; `weight` (B, 1, N, N) in [0, 1]: how far it was seen.
    """
    prior = _mean(log_rgb, weight * atlas.bare + 1e-6)
    smooth = extrapolate(log_rgb, weight, prior)
    position = atlas.twin.expand(len(log_rgb), -1, -1, -1)
    from_twin = functional.grid_sample(
        torch.cat([log_rgb, weight], 1), position, align_corners=False
    )
    mirrored, mirror_coverage = from_twin[:, :3], from_twin[:, 3:] * atlas.has_twin
    both = weight * mirror_coverage
    offset = extrapolate(log_rgb - mirrored, both, torch.zeros_like(prior))
    other = smooth + mirror_coverage * (mirrored + offset - smooth)
    return Inpainted(other + weight * (log_rgb - other), (1.0 - weight) * (1.0 - mirror_coverage))


def extrapolate(values: torch.Tensor, weight: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """Values (B, C, N, N), valid by `weight` (B, 1, N, N), continued smoothly.

    Pull and push over a pyramid (Gortler et al. 1996, "The Lumigraph"). `prior` (B, C, 1, 1): what
    is tended to, far from anything valid.
    """
    totals, shares = [values * weight], [weight]
    while totals[-1].shape[-1] > COARSEST_SIZE:
        totals.append(functional.avg_pool2d(totals[-1], 2))
        shares.append(functional.avg_pool2d(shares[-1], 2))
    whole = (totals[-1] + ANCHOR * prior) / (shares[-1] + ANCHOR)
    # As the stage's membrane, which lives on vertices, it has no finest level.
    for total, share in zip(totals[-2:0:-1], shares[-2:0:-1], strict=True):
        whole = upsample(whole, total.shape[-1])
        if len(total[0, 0]) <= SMOOTHED_SIZE:
            whole = functional.avg_pool2d(whole, 3, stride=1, padding=1, count_include_pad=False)
        trust = (4.0 * share).clamp(max=1.0)
        whole = whole + trust * (total / share.clamp(min=1e-6) - whole)
    return upsample(whole, values.shape[-1])


def add_cropped_hair(
    atlas: AtlasMaps, filled: torch.Tensor, occluders: Occluders, filmed: torch.Tensor,
    weight: torch.Tensor, noise: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """`filled` (B, 3, N, N) with cropped hair, of the colour of the scalp as `filmed`.

    `weight` (B, 1, N, N): how well it was filmed; `noise` (B, 1, N, N) of deviation 1.
    """
    colour = _mean(filmed, atlas.scalp * occluders.hair_cover * weight + 1e-6)
    cropped = colour + SKIN_THROUGH * (filled - colour) + STRAND_SD * noise
    return filled + occluders.cropped_hair * (cropped - filled)


def _mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(B, C, 1, 1)"""
    return (values * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True)
