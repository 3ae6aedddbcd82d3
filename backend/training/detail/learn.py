"""Filmed persons in; a network that takes the noise from their detail, a step at a time, out.

Denoising diffusion (Ho et al. 2020) that tells the clean image; steps of little noise count more
than others, up to WEIGHTS (after Hang et al. 2023).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from accelerate import Accelerator
from torch import nn

from ...stages.detail.diffusion import DetailNet, scheduler
from ..distributed import optimizer_step
from ..ema import follow
from ..finite import require_finite
from ..random_stream import stream
from .crops import draw_crops
from .detail_presets import Preset
from .filmed_persons import Filmed

SEED = 1
WEIGHTS = (1.0, 5.0)
WARM_UP, LEAST_RATE = 100, 0.05  # steps; of the highest rate, at the end
CLIP = 1.0  # of the gradient's length


@dataclass(frozen=True, eq=False)
class Nets:
    net: DetailNet
    mean: DetailNet

    @classmethod
    def of(cls, preset: Preset, device: torch.device) -> Nets:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            net = DetailNet(channels=preset.channels, blocks=preset.blocks)
        nn.Module.to(net, device)
        mean = copy.deepcopy(net)
        mean.requires_grad_(False)
        return cls(net, mean)

    def named(self) -> dict[str, nn.Module]:
        return {"net": self.net, "mean": self.mean}


class Learning:
    """A phase of its own, as checkpoints and loops know them."""

    name = "detail"

    def __init__(
        self, nets: Nets, preset: Preset, persons: Sequence[Filmed], accelerator: Accelerator
    ) -> None:
        self.nets, self.preset, self.persons = nets, preset, persons
        self.accelerator = accelerator
        self.optimizer = torch.optim.AdamW(nets.net.parameters(), preset.rate, weight_decay=1e-4)
        self.noise = scheduler()

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"net": self.optimizer}

    def figures(self) -> dict[str, float]:
        return {}

    def set_figures(self, figures: dict[str, float]) -> None:
        assert not figures

    def step(self, number: int) -> dict[str, float]:
        preset, device = self.preset, self.accelerator.device
        random = stream(device, SEED, "detail", number, self.accelerator.process_index)
        pieces = draw_crops(self.persons, preset.crop, preset.batch, random)
        noise = torch.randn(pieces.drawn.shape, generator=random, device=device)
        timestep = self._timesteps(len(noise), random)
        noised = self.noise.add_noise(pieces.drawn, noise, cast(torch.IntTensor, timestep))
        with self.accelerator.autocast():
            clean = self.nets.net(noised, timestep, pieces.conditions)
        error = ((clean - pieces.drawn).square() * pieces.weight).mean((2, 3))
        share = self.noise.alphas_cumprod.to(device)[timestep]
        weight = (share / (1.0 - share)).clamp(*WEIGHTS)
        loss = (error.mean(1) * weight).mean()
        value = require_finite(loss, number)
        for group in self.optimizer.param_groups:
            group["lr"] = preset.rate * self._pace(number)
        optimizer_step(self.accelerator, loss, self.optimizer, longest=CLIP)
        batch = preset.batch * self.accelerator.num_processes
        seen = (number + 1) * batch
        follow(self.nets.mean, self.nets.net, batch, preset.mean_images, seen)
        colour, height = error[:, :3].mean().item(), error[:, 3].mean().item()
        return {"loss": value, "colour": colour, "height": height}

    def _timesteps(self, count: int, random: torch.Generator) -> torch.Tensor:
        every = self.noise.config["num_train_timesteps"]
        return torch.randint(every, (count,), generator=random, device=random.device)

    def _pace(self, number: int) -> float:
        """Share of the highest rate: up in a while, then down as a cosine."""
        falls = 0.5 + 0.5 * math.cos(math.pi * number / self.preset.steps)
        return min((number + 1) / WARM_UP, 1.0) * (LEAST_RATE + (1.0 - LEAST_RATE) * falls)
