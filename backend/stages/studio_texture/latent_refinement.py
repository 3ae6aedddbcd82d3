"""The network's latents and what physics makes of the seen skin in; latents that fit both, out.

The generator draws only what it takes for skin: moved towards the physical estimate where that is
known, it keeps the person's own tones and leaves the rest of the face to agree.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ...imaging.tensor_color import linear_from_srgb, log_light
from .networks import StudioNet
from .networks.generator import Change

LEARNING_RATE = (
    0.02  # Adam's: latents have about unit variance; more overshoots, less runs out of time
)
REGULARISATION = 0.05  # of the latents' mean squared way, in units of log light
HUBER_DELTA = 0.1  # log light; larger errors count by their size, not its square


@dataclass(frozen=True, eq=False)
class Target:
    """At the network's size, on its device."""

    albedo_log: Tensor  # (1, 3, S, S), up to a colour of its own
    weight: Tensor  # (1, 1, S, S) how well it is known


def refine_latents(
    net: StudioNet,
    first: Tensor,
    changes: Mapping[int, Change] | None,
    target: Target,
    seconds: float,
) -> Tensor:
    """W+ (1, layers, D) after so many seconds of descent from `first`; `changes` stay."""
    wplus = first.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([wplus], LEARNING_RATE)
    share = target.weight / target.weight.sum().clamp(min=1e-6)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        generated_srgb = net.generator.synthesis(wplus, changes).clamp(0.0, 1.0)
        difference = log_light(linear_from_srgb(generated_srgb)) - target.albedo_log
        difference = difference - (share * difference).sum((2, 3), keepdim=True)
        error = torch.where(
            difference.abs() < HUBER_DELTA, 0.5 * difference.square() / HUBER_DELTA,
            difference.abs() - 0.5 * HUBER_DELTA,
        )  # fmt: skip
        loss = (share * error).sum() + REGULARISATION * (wplus - first).square().mean()
        # Of W+ alone: the generator learns nothing.
        (wplus.grad,) = torch.autograd.grad(loss, wplus)
        optimizer.step()
    return wplus.detach()
