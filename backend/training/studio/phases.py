"""The three phases: what each learns from in, one step of it at a time out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from accelerate import Accelerator
from torch import Tensor

from ...stages.studio_texture.networks import Generator
from ..distributed import mean_over_processes, optimizer_step
from ..ema import follow
from ..finite import require_finite
from ..identity.embedding import IdentityNet
from ..random_stream import stream
from .adversary import Adversary, lazy_adam
from .losses import Perceptual, identity_loss, path_lengths, pixels
from .nets import Nets
from .pairs import Batch, Sources
from .studio_presets import Adversarial, PairWeights, Preset

MEAN_PACE = 0.005  # of the mean of w
PATH_PACE = 0.01  # of the usual path length


@dataclass(frozen=True, eq=False)
class Setting:
    """What all phases share."""

    nets: Nets
    preset: Preset
    sources: Sources
    identity: IdentityNet
    seed: int
    accelerator: Accelerator

    def follow(self, name: str, step: int) -> None:
        named, batch = self.nets.named(), self.preset.batch * self.accelerator.num_processes
        images = self.preset.mean_images
        follow(named[f"{name}_mean"], named[name], batch, images, step * batch)


class Phase(ABC):
    """`first` is the number of its first step among those of all phases."""

    name: str

    def __init__(self, setting: Setting, first: int) -> None:
        self.setting, self.first = setting, first

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
        who = self.setting.accelerator
        return stream(who.device, self.setting.seed, self.name, number, who.process_index)


def mixed(generator: Generator, count: int, share: float, random: torch.Generator) -> Tensor:
    """W+ (count, layers, D) of drawn latents; a `share` of batches changes the latent midway."""
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

    def __init__(self, setting: Setting, first: int) -> None:
        super().__init__(setting, first)
        self.settings: Adversarial = setting.preset.adversarial
        nets = setting.nets
        self.adversary = Adversary(nets.phone_judge, self.settings, setting.accelerator)
        self.optimizer = lazy_adam(
            list(nets.phone.parameters()), self.settings.learning_rate, self.settings.path_every
        )
        self.usual_path = 0.0

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"phone": self.optimizer, "phone_judge": self.adversary.optimizer}

    def figures(self) -> dict[str, float]:
        return {"strength": self.adversary.strength, "usual_path": self.usual_path}

    def set_figures(self, figures: dict[str, float]) -> None:
        self.adversary.strength, self.usual_path = figures["strength"], figures["usual_path"]

    def step(self, number: int) -> dict[str, float]:
        setting, phone, random = self.setting, self.setting.nets.phone, self.random(number)
        count = setting.preset.batch
        real = setting.sources.phone_textures(self.first + number, count, random)
        with torch.no_grad(), setting.accelerator.autocast():
            fake = phone.synthesis(self._wplus(count, random), noise=random)
        found = self.adversary.learn(real, fake, number, random)
        with setting.accelerator.autocast():
            wplus = self._wplus(count, random)
            fake = phone.synthesis(wplus, noise=random)
            loss = self.adversary.loss(fake, random)
        found["generator"] = require_finite(loss, number)
        if number % self.settings.path_every == 0:
            loss = loss + self.settings.path_every * self._uneven(count, number, random, found)
        optimizer_step(setting.accelerator, loss, self.optimizer)
        with torch.no_grad():
            middle = mean_over_processes(setting.accelerator, wplus[:, 0].mean(0))
            phone.mapping.mean.lerp_(middle, MEAN_PACE)
        setting.follow("phone", number + 1)
        return found

    def _wplus(self, count: int, random: torch.Generator) -> Tensor:
        return mixed(self.setting.nets.phone, count, self.settings.mixing, random)

    def _uneven(
        self, count: int, number: int, random: torch.Generator, found: dict[str, float]
    ) -> Tensor:
        """Path lengths' squared distance from their running mean, over half a batch."""
        wplus = self._wplus(max(count // 2, 1), random)
        textures = self.setting.nets.phone.synthesis(wplus, noise=random)
        lengths = path_lengths(textures, wplus, random)
        usual = mean_over_processes(self.setting.accelerator, lengths.mean().detach())
        found["path"] = require_finite(usual, number)
        self.usual_path += PATH_PACE * (found["path"] - self.usual_path)
        return self.settings.path * (lengths - self.usual_path).square().mean()


class PairLosses:
    """On what the encoder and a generator make of a batch of pairs."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.weights: PairWeights = setting.preset.pair_weights

    @cached_property
    def perceptual(self) -> Perceptual:
        return Perceptual(self.setting.nets.phone_judge.requires_grad_(False))

    def draw(
        self, generator: Generator, batch: Batch, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Textures, and offsets of W+; a share of batches without the encoder's features."""
        code = self.setting.nets.encoder(batch.inputs)
        plain = torch.rand((), generator=random, device=random.device).item()
        changes = None if plain < self.setting.preset.plain_share else code.changes
        return generator.synthesis(generator.mapping.mean + code.offset, changes), code.offset

    def loss(
        self, made: Tensor, offset: Tensor, batch: Batch, number: int, found: dict[str, float]
    ) -> Tensor:
        true, weights = batch.studio_srgb, self.weights
        near = pixels(made, true, self.setting.sources.facts.weight)
        alike = self.perceptual(made, true)
        other = identity_loss(self.setting.identity, made, true)
        found |= {"pixels": near.item(), "perceptual": alike.item(), "identity": other.item()}
        loss = weights.pixels * near + weights.perceptual * alike + weights.identity * other
        loss = loss + weights.offset * offset.float().square().sum(2).mean()
        found["pairs"] = require_finite(loss, number)
        return loss


class EncoderPhase(Phase):
    """The encoder learns which W+ and features make G_phone draw the studio texture.

    In a `joint` preset G_phone learns with it, from the pairs alone.
    """

    name = "encoder"

    def __init__(self, setting: Setting, first: int) -> None:
        super().__init__(setting, first)
        nets, self.joint = setting.nets, setting.preset.joint
        self.losses = PairLosses(setting)
        self.generator = nets.phone if self.joint else nets.phone_mean
        learning = [*nets.encoder.parameters()]
        learning += [p for p in self.generator.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(learning, setting.preset.encoder_rate, betas=(0.9, 0.99))

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"encoder": self.optimizer}

    def step(self, number: int) -> dict[str, float]:
        setting, random = self.setting, self.random(number)
        batch = setting.sources.pairs(self.first + number, setting.preset.batch, random)
        found: dict[str, float] = {}
        with setting.accelerator.autocast():
            made, offset = self.losses.draw(self.generator, batch, random)
            loss = self.losses.loss(made, offset, batch, number, found)
        optimizer_step(setting.accelerator, loss, self.optimizer)
        setting.follow("encoder", number + 1)
        if self.joint:
            setting.follow("phone", setting.preset.phone_steps + number + 1)
        return found


class StudioPhase(Phase):
    """G_studio, a copy of G_phone, learns to draw studio textures of the same persons.

    One half of a batch comes from pairs, where the encoder learns too, the other from drawn W+,
    where G_phone's texture of the same W+ is what it must still look like.
    """

    name = "studio"

    def __init__(self, setting: Setting, first: int) -> None:
        super().__init__(setting, first)
        nets, preset = setting.nets, setting.preset
        self.losses = PairLosses(setting)
        if preset.frozen_edge:
            nets.studio.freeze_up_to(preset.frozen_edge)
        self.adversary = Adversary(nets.studio_judge, preset.adversarial, setting.accelerator)
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
        setting, random, studio = self.setting, self.random(number), self.setting.nets.studio
        preset, sources, step = setting.preset, setting.sources, self.first + number
        half = max(preset.batch // 2, 1)
        batch = sources.pairs(step, half, random)
        real = sources.studio_textures(step, 2 * half, random)
        with setting.accelerator.autocast():
            made, offset = self.losses.draw(studio, batch, random)
            with torch.no_grad():
                wplus = mixed(setting.nets.phone_mean, half, preset.adversarial.mixing, random)
                before = setting.nets.phone_mean.synthesis(wplus)
            imagined = studio.synthesis(wplus)
            fake = torch.cat([made, imagined])
        found = self.adversary.learn(real, fake, number, random)
        with setting.accelerator.autocast():
            loss = preset.studio_pairs * self.losses.loss(made, offset, batch, number, found)
            loss = loss + preset.adversarial_weight * self.adversary.loss(fake, random)
            loss = loss + self._kept(imagined, before)
        found["generator"] = require_finite(loss, number)
        optimizer_step(setting.accelerator, loss, self.optimizer, self.encoder_optimizer)
        setting.follow("studio", number + 1)
        setting.follow("encoder", self.setting.preset.encoder_steps + number + 1)
        return found

    def _kept(self, imagined: Tensor, before: Tensor) -> Tensor:
        weights = self.setting.preset.keep_weights
        alike = self.losses.perceptual(imagined, before)
        other = identity_loss(self.setting.identity, imagined, before)
        return weights.perceptual * alike + weights.identity * other


PHASE_OF = {phase.name: phase for phase in (PhonePhase, EncoderPhase, StudioPhase)}
