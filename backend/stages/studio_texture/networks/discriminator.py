"""Textures in; how real each looks, and the features by which that was judged, out."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .layers import Conv, Linear, activate
from .network_shape import StudioShape

GROUP = 4  # textures that are compared with one another


class Residual(nn.Module):
    """Half the size: two convolutions beside a skip connection."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.first = Conv(channels_in, channels_in)
        self.second = Conv(channels_in, channels, halve=True)
        self.aside = Conv(channels_in, channels, 1, halve=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / 2, W / 2)."""
        changed = activate(self.second(activate(self.first(x))))
        return (changed + self.aside(x)) / math.sqrt(2.0)


class Discriminator(nn.Module):
    """sRGB textures (B, 3, N, N), about in [0, 1]."""

    def __init__(self, shape: StudioShape) -> None:
        super().__init__()
        self.shape = shape
        edges = shape.edges[::-1]
        self.colours = Conv(3, shape.channels(shape.size), 1)
        self.blocks = nn.ModuleList(
            Residual(shape.channels(edge), shape.channels(edge // 2)) for edge in edges[:-1]
        )
        last = shape.channels(4)
        self.last = Conv(last + 1, last)
        self.hidden = Linear(16 * last, last)
        self.score = Linear(last, 1)

    def forward(self, srgb: Tensor) -> Tensor:
        """(B,) the higher the more real."""
        x = self.features(srgb)[-1]
        x = activate(self.last(torch.cat([x, _spread(x)], 1)))
        return self.score(activate(self.hidden(x.flatten(1))))[:, 0]

    def features(self, srgb: Tensor) -> list[Tensor]:
        """(B, C, edge, edge) after each block, from half the texture's edge down to 4."""
        x = activate(self.colours(2.0 * srgb - 1.0))
        found = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return found


def _spread(x: Tensor) -> Tensor:
    """(B, 1, H, W): mean deviation among GROUP neighbours in the batch, or as many as divide it."""
    count, _, height, width = x.shape
    group = next(size for size in range(min(GROUP, count), 0, -1) if count % size == 0)
    sets = x.float().view(group, count // group, *x.shape[1:])
    deviation = (sets.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    return deviation.repeat(group).to(x.dtype)[:, None, None, None].expand(-1, 1, height, width)
