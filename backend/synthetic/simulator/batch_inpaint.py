"""Skin that some view saw in; every texel with a colour out, as the phone texture's stage fills."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from ...atlas.inpaint import ANCHOR
from ...stages.phone_texture.hair_mask import SKIN_THROUGH
from .atlas_maps import AtlasMaps
from .blend import enlarged
from .occluders import Occluders

COARSEST = 4  # texels of the membrane's coarsest level
CREASED = 64  # up to this size levels are smoothed: linear steps between them would show
STRANDS = 0.10  # deviation of cropped hair's log light


@dataclass(frozen=True, eq=False)
class Filled:
    log_rgb: torch.Tensor  # (B, 3, N, N)
    invented: torch.Tensor  # (B, 1, N, N) share that neither a view nor the other side gave


def complete(atlas: AtlasMaps, log_rgb: torch.Tensor, seen: torch.Tensor) -> Filled:
    """Unseen skin from the other side, shifted to join its surroundings, else from a membrane.

    `log_rgb` (B, 3, N, N) without the room's light, `seen` (B, 1, N, N) in [0, 1].
    """
    usual = _mean(log_rgb, seen * atlas.bare + 1e-6)
    smooth = continued(log_rgb, seen, usual)
    place = atlas.twin.expand(len(log_rgb), -1, -1, -1)
    there = functional.grid_sample(torch.cat([log_rgb, seen], 1), place, align_corners=False)
    mirrored, mirror_seen = there[:, :3], there[:, 3:] * atlas.has_twin
    both = seen * mirror_seen
    offset = continued(log_rgb - mirrored, both, torch.zeros_like(usual))
    other = smooth + mirror_seen * (mirrored + offset - smooth)
    return Filled(other + seen * (log_rgb - other), (1.0 - seen) * (1.0 - mirror_seen))


def continued(values: torch.Tensor, weight: torch.Tensor, usual: torch.Tensor) -> torch.Tensor:
    """Values (B, C, N, N) known where `weight` says so, continued smoothly: pull and push.

    `usual` (B, C, 1, 1): what is tended to, far from anything known (Gortler et al. 1996).
    """
    totals, shares = [values * weight], [weight]
    while totals[-1].shape[-1] > COARSEST:
        totals.append(functional.avg_pool2d(totals[-1], 2))
        shares.append(functional.avg_pool2d(shares[-1], 2))
    whole = (totals[-1] + ANCHOR * usual) / (shares[-1] + ANCHOR)
    # As the stage's membrane, which lives on vertices, it has no finest level.
    for total, share in zip(totals[-2:0:-1], shares[-2:0:-1], strict=True):
        whole = enlarged(whole, total.shape[-1])
        if len(total[0, 0]) <= CREASED:
            whole = functional.avg_pool2d(whole, 3, stride=1, padding=1, count_include_pad=False)
        trust = (4.0 * share).clamp(max=1.0)
        whole = whole + trust * (total / share.clamp(min=1e-6) - whole)
    return enlarged(whole, values.shape[-1])


def with_cropped_scalp(
    atlas: AtlasMaps, filled: torch.Tensor, occluders: Occluders, filmed: torch.Tensor,
    weight: torch.Tensor, noise: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """`filled` (B, 3, N, N) with cropped hair, of the colour of the scalp as `filmed`.

    `weight` (B, 1, N, N): how well it was filmed; `noise` (B, 1, N, N) of deviation 1.
    """
    colour = _mean(filmed, atlas.scalp * occluders.hides * weight + 1e-6)
    cropped = colour + SKIN_THROUGH * (filled - colour) + STRANDS * noise
    return filled + occluders.grows * (cropped - filled)


def _mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(B, C, 1, 1)"""
    return (values * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True)
