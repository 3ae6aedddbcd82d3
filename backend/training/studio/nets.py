"""A shape and a seed in; all networks of the training, and running means of their weights, out."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields

import torch
from torch import nn

from ...stages.studio_texture.networks import (
    Discriminator,
    Encoder,
    Generator,
    StudioNet,
    StudioShape,
)


@dataclass(frozen=True, eq=False)
class Nets:
    """`..._mean` are running means of weights, which draw and answer better than the last ones."""

    phone: Generator
    phone_mean: Generator
    phone_judge: Discriminator
    encoder: Encoder
    encoder_mean: Encoder
    studio: Generator
    studio_mean: Generator
    studio_judge: Discriminator

    @classmethod
    def of(cls, shape: StudioShape, seed: int, device: torch.device) -> Nets:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            phone, judge, encoder = Generator(shape), Discriminator(shape), Encoder(shape)
        nets = cls(
            phone, copy.deepcopy(phone), judge, encoder, copy.deepcopy(encoder),
            copy.deepcopy(phone), copy.deepcopy(phone), copy.deepcopy(judge),
        )  # fmt: skip
        for net in nets.named().values():
            net.to(device)
            # The generators' grouped convolutions would only copy their features for it.
            if device.type == "cuda" and not isinstance(net, Generator):
                _channels_last(net)
        for mean in (nets.phone_mean, nets.encoder_mean, nets.studio_mean):
            mean.requires_grad_(False)
        return nets

    def named(self) -> dict[str, nn.Module]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def start_studio(self) -> None:
        """G_studio becomes a copy of G_phone, its judge one of G_phone's."""
        for generator in (self.studio, self.studio_mean):
            generator.load_state_dict(self.phone_mean.state_dict())
        self.studio_judge.load_state_dict(self.phone_judge.state_dict())

    def result(self) -> StudioNet:
        """What ships: copies, so that they may leave the device."""
        encoder, generator = copy.deepcopy(self.encoder_mean), copy.deepcopy(self.studio_mean)
        return StudioNet(encoder.shape, encoder, generator).eval()


def _channels_last(net: nn.Module) -> None:
    for weight in net.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
