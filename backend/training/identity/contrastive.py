"""An album in, a trained network out: supervised contrastive learning.

Khosla and others, "Supervised Contrastive Learning", NeurIPS 2020, the loss of its equation 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from studio_avatar_addon.avatar.types import Progress

from ..finite import require_finite
from .album import Album
from .embedding import IdentityNet

TEMPERATURE = 0.1
WARM_UP = 0.05  # of the steps
# A person's whole texture made lighter, darker or tinted: exposure must not tell who it is.
EXPOSURE, TINT = 0.25, 0.06  # standard deviations of log gain


@dataclass(frozen=True)
class Preset:
    corpus: int  # painted persons
    real: int  # variations of real textures, where a studio gives some
    album: int  # looks of each of them, the studio's among them
    persons: int  # a batch
    looks: int  # of each in a batch
    steps: int
    learning_rate: float


CPU = Preset(corpus=480, real=96, album=5, persons=24, looks=3, steps=1500, learning_rate=2e-3)
GPU = Preset(corpus=6000, real=1200, album=9, persons=192, looks=4, steps=8000, learning_rate=3e-3)


def train_identity(
    album: Album, preset: Preset, seed: int, device: torch.device, progress: Progress
) -> IdentityNet:
    """Deterministic for a seed on a processor. Raises NotFinite with the step's number."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = IdentityNet().to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), preset.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: _rate(n / preset.steps))
    person = torch.arange(preset.persons).repeat_interleave(preset.looks).to(device)
    for step in range(preset.steps):
        chosen = torch.randperm(album.persons, generator=generator)[: preset.persons]
        looks = album.draw(chosen, preset.looks, generator).flatten(0, 1)
        looks = _exposed(looks, generator).to(device, memory_format=torch.channels_last)
        loss = contrast(net(looks), person[: len(looks)])
        value = require_finite(loss, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, preset.steps, f"loss {value:.3f}")
    return net.eval()


def contrast(vectors: Tensor, person: Tensor) -> Tensor:
    """Unit vectors (B, D) of persons (B,): how badly one's looks stand out from the others'."""
    likeness = vectors @ vectors.T / TEMPERATURE
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    log_share = likeness - torch.logsumexp(likeness.masked_fill(itself, -math.inf), 1, True)
    same = (person[:, None] == person) & ~itself
    return -(log_share.masked_fill(~same, 0.0).sum(1) / same.sum(1)).mean()


def _exposed(srgb: Tensor, generator: torch.Generator) -> Tensor:
    gain = EXPOSURE * torch.randn(len(srgb), 1, 1, 1, generator=generator)
    gain = gain + TINT * torch.randn(len(srgb), 3, 1, 1, generator=generator)
    return (srgb * torch.exp(gain / 2.2)).clamp(0, 1)


def _rate(done: float) -> float:
    """Share of the rate of learning: a short rise, then half a cosine."""
    return min(done / WARM_UP, 1.0) * 0.5 * (1.0 + math.cos(math.pi * done))
