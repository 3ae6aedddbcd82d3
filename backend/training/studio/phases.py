"""The three phases: what each learns from in, one step of it at a time out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from accelerate import Accelerator
from torch import Tensor

from ...stages.studio_texture.networks import Generator
from .. import ema
from ..distributed import mean_over_processes, optimizer_step
from ..finite import require_finite
from ..identity.embedding import IdentityNet
from ..random_stream import stream
from .adversary import Adversary, lazy_adam
from .losses import Perceptual, identity_loss, path_lengths, pixel_loss
from .nets import Nets
from .pairs import Batch, Sources
from .studio_presets import Adversarial, PairWeights, Preset

# Running means a step, as StyleGAN2 has them: of w, and of path lengths.
LATENT_MEAN_RATE = 0.005
PATH_MEAN_RATE = 0.01


@dataclass(frozen=True, eq=False)
class TrainingContext:
    """What all phases share."""

    nets: Nets
    preset: Preset
    sources: Sources
    identity: IdentityNet
    seed: int
    accelerator: Accelerator

    def update_mean(self, name: str, step: int) -> None:
        named, batch = self.nets.named(), self.preset.batch * self.accelerator.num_processes
        images = self.preset.mean_images
        ema.update(named[f"{name}_mean"], named[name], batch, images, step * batch)


class Phase(ABC):
    """`first` is the number of its first step among those of all phases."""

    name: str

    def __init__(self, context: TrainingContext, first: int) -> None:
        self.context, self.first = context, first

    @property
    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]: ...

    @abstractmethod
    def step(self, number: int) -> dict[str, float]:
        """Learn from one batch; losses by name. Raises NotFinite with the step's number."""

    def figures(self) -> dict[str, float]:
        """What a checkpoint keeps besides weights."""
        return {}

    def set_figures(self, figures: dict[str, float]) -> None:
        assert figures.keys() == self.figures().keys()

    def random(self, number: int) -> torch.Generator:
        """Of this process alone: each learns from textures of its own."""
        process = self.context.accelerator
        seed = self.context.seed
        return stream(process.device, seed, self.name, number, process.process_index)


def draw_wplus(generator: Generator, count: int, share: float, random: torch.Generator) -> Tensor:
    """W+ (count, layers, D) of drawn latents; a `share` of batches changes the latent midway.

    That is StyleGAN's style mixing, for a whole batch at once.
    """
    shape, device = generator.shape, random.device
    z = torch.randn(2, count, shape.latent, generator=random, device=device)
    first = generator.wplus(generator.mapping(z[0]))
    mixes, where = torch.rand(2, generator=random, device=device).tolist()
    if mixes >= share:
        return first
    change = 1 + int(where * (shape.layers - 1))
    second = generator.wplus(generator.mapping(z[1]))
    return torch.cat([first[:, :change], second[:, change:]], 1)


class PhonePhase(Phase):
    """G_phone learns to draw phone textures."""

    name = "phone"

    def __init__(self, context: TrainingContext, first: int) -> None:
        super().__init__(context, first)
        self.settings: Adversarial = context.preset.adversarial
        nets = context.nets
        self.adversary = Adversary(nets.phone_judge, self.settings, context.accelerator)
        self.optimizer = lazy_adam(
            list(nets.phone.parameters()), self.settings.learning_rate, self.settings.path_every
        )
        self.mean_path_length = 0.0

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"phone": self.optimizer, "phone_judge": self.adversary.optimizer}

    def figures(self) -> dict[str, float]:
        return {"strength": self.adversary.strength, "usual_path": self.mean_path_length}

    def set_figures(self, figures: dict[str, float]) -> None:
        self.adversary.strength, self.mean_path_length = figures["strength"], figures["usual_path"]

    def step(self, number: int) -> dict[str, float]:
        context, phone, random = self.context, self.context.nets.phone, self.random(number)
        count = context.preset.batch
        real = context.sources.phone_textures(self.first + number, count, random)
        with torch.no_grad(), context.accelerator.autocast():
            fake = phone.synthesis(self._wplus(count, random), noise=random)
        logged = self.adversary.train_step(real, fake, number, random)
        with context.accelerator.autocast():
            wplus = self._wplus(count, random)
            fake = phone.synthesis(wplus, noise=random)
            loss = self.adversary.loss(fake, random)
        logged["generator"] = require_finite(loss, number)
        if number % self.settings.path_every == 0:
            penalty = self._path_penalty(count, number, random, logged)
            loss = loss + self.settings.path_every * penalty
        optimizer_step(context.accelerator, loss, self.optimizer)
        with torch.no_grad():
            middle = mean_over_processes(context.accelerator, wplus[:, 0].mean(0))
            phone.mapping.mean.lerp_(middle, LATENT_MEAN_RATE)
        context.update_mean("phone", number + 1)
        return logged

    def _wplus(self, count: int, random: torch.Generator) -> Tensor:
        return draw_wplus(self.context.nets.phone, count, self.settings.mixing, random)

    def _path_penalty(
        self, count: int, number: int, random: torch.Generator, logged: dict[str, float]
    ) -> Tensor:
        """Path lengths' squared distance from their running mean, over half a batch."""
        wplus = self._wplus(max(count // 2, 1), random)
        textures = self.context.nets.phone.synthesis(wplus, noise=random)
        lengths = path_lengths(textures, wplus, random)
        mean_length = mean_over_processes(self.context.accelerator, lengths.mean().detach())
        logged["path"] = require_finite(mean_length, number)
        self.mean_path_length += PATH_MEAN_RATE * (logged["path"] - self.mean_path_length)
        return self.settings.path * (lengths - self.mean_path_length).square().mean()


class PairLosses:
    """On what the encoder and a generator make of a batch of pairs."""

    def __init__(self, context: TrainingContext) -> None:
        self.context = context
        self.weights: PairWeights = context.preset.pair_weights

    @cached_property
    def perceptual(self) -> Perceptual:
        return Perceptual(self.context.nets.phone_judge.requires_grad_(False))

    def draw(
        self, generator: Generator, batch: Batch, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Textures (B, 3, N, N), and offsets (B, layers, D) of W+; a share of batches without the
        encoder's features."""
        code = self.context.nets.encoder(batch.inputs)
        plain = torch.rand((), generator=random, device=random.device).item()
        changes = None if plain < self.context.preset.plain_share else code.changes
        return generator.synthesis(generator.mapping.mean + code.offset, changes), code.offset

    def loss(
        self, generated: Tensor, offset: Tensor, batch: Batch, number: int, logged: dict[str, float]
    ) -> Tensor:
        """Weighted sum for textures (B, 3, N, N) and offsets (B, layers, D); parts go to `logged`.

        Raises NotFinite with the step's number.
        """
        truth, weights = batch.studio_srgb, self.weights
        pixel_error = pixel_loss(generated, truth, self.context.sources.facts.weight)
        perceptual_error = self.perceptual(generated, truth)
        identity_error = identity_loss(self.context.identity, generated, truth)
        logged |= {
            "pixels": pixel_error.item(),
            "perceptual": perceptual_error.item(),
            "identity": identity_error.item(),
        }
        loss = (
            weights.pixels * pixel_error
            + weights.perceptual * perceptual_error
            + weights.identity * identity_error
        )
        loss = loss + weights.offset * offset.float().square().sum(2).mean()
        logged["pairs"] = require_finite(loss, number)
        return loss


class EncoderPhase(Phase):
    """The encoder learns which W+ and features make G_phone draw the studio texture.

    In a `joint` preset G_phone learns with it, from the pairs alone.
    """

    name = "encoder"

    def __init__(self, context: TrainingContext, first: int) -> None:
        super().__init__(context, first)
        nets, self.joint = context.nets, context.preset.joint
        self.losses = PairLosses(context)
        self.generator = nets.phone if self.joint else nets.phone_mean
        learning = [*nets.encoder.parameters()]
        learning += [p for p in self.generator.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(learning, context.preset.encoder_rate, betas=(0.9, 0.99))

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"encoder": self.optimizer}

    def step(self, number: int) -> dict[str, float]:
        context, random = self.context, self.random(number)
        batch = context.sources.pairs(self.first + number, context.preset.batch, random)
        logged: dict[str, float] = {}
        with context.accelerator.autocast():
            generated, offset = self.losses.draw(self.generator, batch, random)
            loss = self.losses.loss(generated, offset, batch, number, logged)
        optimizer_step(context.accelerator, loss, self.optimizer)
        context.update_mean("encoder", number + 1)
        if self.joint:
            context.update_mean("phone", context.preset.phone_steps + number + 1)
        return logged


class StudioPhase(Phase):
    """G_studio, a copy of G_phone, learns to draw studio textures of the same persons.

    One half of a batch comes from pairs, where the encoder learns too, the other from drawn W+,
    where G_phone's texture of the same W+ is what it must still look like.
    """

    name = "studio"

    def __init__(self, context: TrainingContext, first: int) -> None:
        super().__init__(context, first)
        nets, preset = context.nets, context.preset
        self.losses = PairLosses(context)
        if preset.frozen_edge:
            nets.studio.freeze_up_to(preset.frozen_edge)
        self.adversary = Adversary(nets.studio_judge, preset.adversarial, context.accelerator)
        learning = [p for p in nets.studio.parameters() if p.requires_grad]
        self.optimizer = lazy_adam(learning, preset.studio_rate)
        self.encoder_optimizer = torch.optim.Adam(
            nets.encoder.parameters(), preset.encoder_rate, betas=(0.9, 0.99)
        )

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "studio": self.optimizer,
            "studio_judge": self.adversary.optimizer,
            "encoder": self.encoder_optimizer,
        }

    def figures(self) -> dict[str, float]:
        return {"strength": self.adversary.strength}

    def set_figures(self, figures: dict[str, float]) -> None:
        self.adversary.strength = figures["strength"]

    def step(self, number: int) -> dict[str, float]:
        context, random, studio = self.context, self.random(number), self.context.nets.studio
        preset, sources, step = context.preset, context.sources, self.first + number
        half = max(preset.batch // 2, 1)
        batch = sources.pairs(step, half, random)
        real = sources.studio_textures(step, 2 * half, random)
        with context.accelerator.autocast():
            generated, offset = self.losses.draw(studio, batch, random)
            with torch.no_grad():
                wplus = draw_wplus(context.nets.phone_mean, half, preset.adversarial.mixing, random)
                reference = context.nets.phone_mean.synthesis(wplus)
            imagined = studio.synthesis(wplus)
            fake = torch.cat([generated, imagined])
        logged = self.adversary.train_step(real, fake, number, random)
        with context.accelerator.autocast():
            loss = preset.studio_pairs * self.losses.loss(generated, offset, batch, number, logged)
            loss = loss + preset.adversarial_weight * self.adversary.loss(fake, random)
            loss = loss + self._preservation_loss(imagined, reference)
        logged["generator"] = require_finite(loss, number)
        optimizer_step(context.accelerator, loss, self.optimizer, self.encoder_optimizer)
        context.update_mean("studio", number + 1)
        context.update_mean("encoder", self.context.preset.encoder_steps + number + 1)
        return logged

    def _preservation_loss(self, imagined: Tensor, reference: Tensor) -> Tensor:
        weights = self.context.preset.keep_weights
        perceptual_error = self.losses.perceptual(imagined, reference)
        identity_error = identity_loss(self.context.identity, imagined, reference)
        return weights.perceptual * perceptual_error + weights.identity * identity_error


PHASE_OF = {phase.name: phase for phase in (PhonePhase, EncoderPhase, StudioPhase)}
