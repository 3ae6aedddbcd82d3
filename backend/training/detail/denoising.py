"""Filmed persons in; a network that takes the noise from their detail, a step at a time, out.

Denoising diffusion (Ho et al. 2020) that predicts the clean image; steps of little noise count more
than others, within LOSS_WEIGHT_RANGE (after Hang et al. 2023).
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
from .. import ema
from ..distributed import optimizer_step
from ..finite import require_finite
from ..random_stream import stream
from .crops import draw_crops
from .detail_presets import Preset
from .filmed_persons import FilmedPerson

SEED = 1  # of the first weights and of all batches
# Of the signal-to-noise ratio, by which a clean image's error counts: min-SNR with gamma 5, and no
# less than 1, so that steps of much noise are learnt too.
LOSS_WEIGHT_RANGE = (1.0, 5.0)
# Steps in which the rate rises, before Adam's moments are known; share of it left at the end.
WARM_UP, MIN_RATE_SHARE = 100, 0.05
MAX_GRADIENT_NORM = 1.0  # the usual limit of diffusion trainings; single crops are far off


@dataclass(frozen=True, eq=False)
class Nets:
    """The network in training and the running mean of its weights, which ships."""

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


class DetailTraining:
    """The only phase, as `checkpoint.Phase` and `loop.Learner`."""

    name = "detail"

    def __init__(
        self, nets: Nets, preset: Preset, persons: Sequence[FilmedPerson], accelerator: Accelerator
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
        """Learn from one batch; losses by name. Raises NotFinite with the step's number."""
        preset, device = self.preset, self.accelerator.device
        random = stream(device, SEED, "detail", number, self.accelerator.process_index)
        crops = draw_crops(self.persons, preset.crop, preset.batch, random)
        noise = torch.randn(crops.drawn.shape, generator=random, device=device)
        timestep = self._timesteps(len(noise), random)
        noisy = self.noise.add_noise(crops.drawn, noise, cast(torch.IntTensor, timestep))
        with self.accelerator.autocast():
            clean = self.nets.net(noisy, timestep, crops.conditions)
        error = ((clean - crops.drawn).square() * crops.weight).mean((2, 3))
        share = self.noise.alphas_cumprod.to(device)[timestep]
        weight = (share / (1.0 - share)).clamp(*LOSS_WEIGHT_RANGE)
        loss = (error.mean(1) * weight).mean()
        value = require_finite(loss, number)
        for group in self.optimizer.param_groups:
            group["lr"] = preset.rate * self._rate_share(number)
        optimizer_step(self.accelerator, loss, self.optimizer, max_gradient_norm=MAX_GRADIENT_NORM)
        batch = preset.batch * self.accelerator.num_processes
        seen = (number + 1) * batch
        ema.update(self.nets.mean, self.nets.net, batch, preset.mean_images, seen)
        colour, height = error[:, :3].mean().item(), error[:, 3].mean().item()
        return {"loss": value, "colour": colour, "height": height}

    def _timesteps(self, count: int, random: torch.Generator) -> torch.Tensor:
        steps = self.noise.config["num_train_timesteps"]
        return torch.randint(steps, (count,), generator=random, device=random.device)

    def _rate_share(self, number: int) -> float:
        """Share of the highest rate: a linear warm-up, then a cosine down to MIN_RATE_SHARE."""
        cosine = 0.5 + 0.5 * math.cos(math.pi * number / self.preset.steps)
        return min((number + 1) / WARM_UP, 1.0) * (MIN_RATE_SHARE + (1.0 - MIN_RATE_SHARE) * cosine)
