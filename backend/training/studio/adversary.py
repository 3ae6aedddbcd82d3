"""Real and drawn textures in; a discriminator that tells them apart, and how badly, out."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor

from ...stages.studio_texture.networks import Discriminator
from ..distributed import mean_over_processes, optimizer_step
from ..finite import require_finite
from .augment import augment
from .losses import discriminator_loss, generator_loss, r1_penalty
from .studio_presets import Adversarial


def lazy_adam(
    parameters: list[torch.nn.Parameter], rate: float, every: int = 0
) -> torch.optim.Adam:
    """StyleGAN2's, made slower for a penalty that comes with every so many steps only."""
    share = every / (every + 1) if every else 1.0
    return torch.optim.Adam(parameters, rate * share, betas=(0.0, 0.99**share), eps=1e-8)


class Adversary:
    """`strength` of the augmentation follows the share of real textures that are recognized as such
    (the overfitting heuristic r_t of Karras and others 2020)."""

    def __init__(
        self, judge: Discriminator, settings: Adversarial, accelerator: Accelerator
    ) -> None:
        self.judge, self.settings, self.accelerator = judge, settings, accelerator
        parameters = list(judge.parameters())
        self.optimizer = lazy_adam(parameters, settings.learning_rate, settings.r1_every)
        self.strength = 0.0

    def train_step(
        self, real: Tensor, fake: Tensor, step: int, random: torch.Generator
    ) -> dict[str, float]:
        """One step on real and drawn textures (B, 3, N, N); losses by name.

        Raises NotFinite with the step's number.
        """
        self.judge.requires_grad_(True)
        is_penalty_step = step % self.settings.r1_every == 0
        real = augment(real, self.strength, random).requires_grad_(is_penalty_step)
        fake = augment(fake.detach(), self.strength, random)
        # A gradient's gradient in half precision is noise.
        with nullcontext() if is_penalty_step else self.accelerator.autocast():
            real_scores, fake_scores = self.judge(real).float(), self.judge(fake).float()
        loss = discriminator_loss(real_scores, fake_scores)
        logged = {"judge": require_finite(loss, step)}
        if is_penalty_step:
            penalty = r1_penalty(real, real_scores)
            logged["r1"] = require_finite(penalty, step)
            loss = loss + 0.5 * self.settings.r1 * self.settings.r1_every * penalty
        optimizer_step(self.accelerator, loss, self.optimizer)
        self.judge.requires_grad_(False)
        real_sign = mean_over_processes(self.accelerator, real_scores.detach().sign().mean()).item()
        excess = real_sign - self.settings.surest
        images = len(real) * self.accelerator.num_processes
        change = images / self.settings.augment_images * (1.0 if excess > 0.0 else -1.0)
        self.strength = min(max(self.strength + change, 0.0), self.settings.augment_most)
        return logged | {"augment": self.strength}

    def loss(self, fake: Tensor, random: torch.Generator) -> Tensor:
        """The generator's loss on drawn textures (B, 3, N, N)."""
        return generator_loss(self.judge(augment(fake, self.strength, random)).float())
