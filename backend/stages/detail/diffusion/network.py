"""Noised detail and what is known about the texture in; the detail without the noise out.

A small U-Net on blocks of SHUFFLE x SHUFFLE texels. Nothing in it looks at more than a texel's
neighbourhood, no statistics over space and no attention, so that a tile equals the whole.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ..conditions import BROAD_CHANNELS, CONDITION_CHANNELS, OUTPUT_CHANNELS, Conditions

SHUFFLE = 4  # texels a side of a block: 16 times cheaper than texels, still below a pore
STRIDE = 2 * SHUFFLE  # texels that a tile's edges must divide
OCTAVES = 4  # of the place's waves
PLACE = 2 + 4 * OCTAVES  # channels: u, v, and a sine and a cosine of each an octave
EPSILON = 1e-6  # keeps the norm of nothing finite in half precision


class Norm(nn.Module):
    """Channels of each texel to unit length, whatever its neighbours are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        length = (x.float().square().mean(1, keepdim=True) + EPSILON).rsqrt().to(x.dtype)
        return x * length * self.gain[:, None, None].to(x.dtype)


class Block(nn.Module):
    """A residual block that the step's embedding scales and shifts."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(Norm(channels) for _ in range(2))
        last = nn.Conv2d(channels, channels, 3, padding=1)
        self.convs = nn.ModuleList([nn.Conv2d(channels, channels, 3, padding=1), last])
        self.style = nn.Linear(embedding, 2 * channels)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(self.style.weight)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) and the step's embedding (B, E) to (B, C, H, W)."""
        scale, shift = self.style(embedding)[..., None, None].chunk(2, 1)
        out = self.convs[0](functional.silu(self.norms[0](x)))
        out = self.norms[1](out) * (1.0 + scale) + shift
        return x + self.convs[1](functional.silu(out))


class DetailNet(ModelMixin, ConfigMixin):
    """`channels` at a quarter and at an eighth of the texture's size, `blocks` at each: at the
    former as many again on the way back."""

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        channels: tuple[int, int] = (64, 128),
        blocks: tuple[int, int] = (3, 4),
        embedding: int = 128,
    ) -> None:
        super().__init__()
        fine, coarse = channels
        told = SHUFFLE**2 * (OUTPUT_CHANNELS + CONDITION_CHANNELS) + BROAD_CHANNELS + PLACE
        self.waves = Timesteps(embedding, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.step = TimestepEmbedding(embedding, embedding)
        self.octave = nn.Linear(1, embedding)
        self.enter = nn.Conv2d(told, fine, 3, padding=1)
        self.down = nn.ModuleList(Block(fine, embedding) for _ in range(blocks[0]))
        self.shrink = nn.Conv2d(fine, coarse, 2, stride=2)
        self.middle = nn.ModuleList(Block(coarse, embedding) for _ in range(blocks[1]))
        self.grow = nn.ConvTranspose2d(coarse, fine, 2, stride=2)
        self.join = nn.Conv2d(2 * fine, fine, 1)
        self.up = nn.ModuleList(Block(fine, embedding) for _ in range(blocks[0]))
        self.norm = Norm(fine)
        self.leave = nn.Conv2d(fine, SHUFFLE**2 * OUTPUT_CHANNELS, 3, padding=1)
        for weight in self.leave.parameters():
            nn.init.zeros_(weight)

    @property
    def reach(self) -> int:
        """Texels beyond which nothing is seen, rounded up to whole strides."""
        blocks = self.config["blocks"]
        blocks_seen = 1 + 2 * blocks[0] + 2 * (2 * blocks[1] + 1) + 2 * blocks[0] + 1
        return -(-(SHUFFLE * (blocks_seen + 2)) // STRIDE) * STRIDE

    def forward(self, noised: Tensor, timestep: Tensor, conditions: Conditions) -> Tensor:
        """What `noised` (B, DRAWN, H, W) is without noise; `timestep` (B,); H and W divisible by
        STRIDE."""
        embedding = self.step(self.waves(timestep).to(noised.dtype))
        embedding = functional.silu(embedding + self.octave(conditions.octave[:, None]))
        x = torch.cat([noised, conditions.texels], 1)
        x = torch.cat([functional.pixel_unshuffle(x, SHUFFLE), _once_a_block(conditions)], 1)
        x = self.enter(x)
        for block in self.down:
            x = block(x, embedding)
        below = self.shrink(x)
        for block in self.middle:
            below = block(below, embedding)
        x = self.join(torch.cat([x, self.grow(below)], 1))
        for block in self.up:
            x = block(x, embedding)
        out = self.leave(functional.silu(self.norm(x)))
        return functional.pixel_shuffle(out.float(), SHUFFLE)


def _once_a_block(conditions: Conditions) -> Tensor:
    """What is smooth, at the size of blocks: the broad band, the place and waves of it."""
    smooth = torch.cat([conditions.broad, conditions.place], 1)
    smooth = functional.avg_pool2d(smooth, SHUFFLE)
    angle = torch.pi * smooth[:, BROAD_CHANNELS:]
    waves = [wave(angle * 2.0**k) for k in range(OCTAVES) for wave in (torch.sin, torch.cos)]
    return torch.cat([smooth, *waves], 1)
