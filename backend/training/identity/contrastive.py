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

TEMPERATURE = 0.1  # the paper's
WARM_UP_SHARE = 0.05  # of the steps
# A person's whole texture made lighter, darker or tinted: exposure must not tell who it is.
EXPOSURE_SD, TINT_SD = 0.25, 0.06  # standard deviations of log gain


@dataclass(frozen=True)
class Preset:
    corpus: int  # painted persons
    real: int  # variations of real textures, where a studio gives some
    album: int  # views of each of them, the studio's among them
    persons: int  # a batch
    views: int  # of each in a batch
    steps: int
    learning_rate: float


# For two cores, and for one large card.
CPU = Preset(corpus=480, real=96, album=5, persons=24, views=3, steps=1500, learning_rate=2e-3)
GPU = Preset(corpus=6000, real=1200, album=9, persons=192, views=4, steps=8000, learning_rate=3e-3)


def train_identity(
    album: Album, preset: Preset, seed: int, device: torch.device, progress: Progress
) -> IdentityNet:
    """Deterministic for a seed on a processor. Raises NotFinite with the step's number."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = IdentityNet().to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), preset.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: _rate_share(n / preset.steps))
    person = torch.arange(preset.persons).repeat_interleave(preset.views).to(device)
    for step in range(preset.steps):
        chosen = torch.randperm(album.persons, generator=generator)[: preset.persons]
        views = album.draw(chosen, preset.views, generator).flatten(0, 1)
        views = _vary_exposure(views, generator).to(device, memory_format=torch.channels_last)
        loss = contrastive_loss(net(views), person[: len(views)])
        value = require_finite(loss, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, preset.steps, f"loss {value:.3f}")
    return net.eval()


def contrastive_loss(vectors: Tensor, person: Tensor) -> Tensor:
    """How badly a person's views stand out: unit vectors (B, D) of persons (B,) int64."""
    similarity = vectors @ vectors.T / TEMPERATURE
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    log_share = similarity - torch.logsumexp(similarity.masked_fill(itself, -math.inf), 1, True)
    same_person = (person[:, None] == person) & ~itself
    return -(log_share.masked_fill(~same_person, 0.0).sum(1) / same_person.sum(1)).mean()


def _vary_exposure(srgb: Tensor, generator: torch.Generator) -> Tensor:
    gain = EXPOSURE_SD * torch.randn(len(srgb), 1, 1, 1, generator=generator)
    gain = gain + TINT_SD * torch.randn(len(srgb), 3, 1, 1, generator=generator)
    return (srgb * torch.exp(gain / 2.2)).clamp(0, 1)


def _rate_share(done: float) -> float:
    """Share of the rate of learning: a short rise, then half a cosine."""
    return min(done / WARM_UP_SHARE, 1.0) * 0.5 * (1.0 + math.cos(math.pi * done))
