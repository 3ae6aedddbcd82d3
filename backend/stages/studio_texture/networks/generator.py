"""A latent, or W+, in; a texture out: StyleGAN2's generator with skip connections of colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers import EPSILON, Linear, ModulatedConv, activate, doubled
from .network_shape import StudioShape

MAPPING_PACE = 0.01  # the mapping learns a hundred times more slowly


@dataclass(frozen=True, eq=False)
class Change:
    """What the encoder does to the generator's features of one edge: x * (1 + scale) + shift."""

    scale: Tensor  # (B, C, edge, edge)
    shift: Tensor  # (B, C, edge, edge)


class MappingNet(nn.Module):
    """z (B, D) of a normal distribution to w (B, D)."""

    mean: Tensor  # (D,) of w, kept up to date by the training

    def __init__(self, shape: StudioShape) -> None:
        super().__init__()
        size = shape.latent
        self.layers = nn.ModuleList(
            Linear(size, size, pace=MAPPING_PACE) for _ in range(shape.mapping_layers)
        )
        self.register_buffer("mean", torch.zeros(size))

    def forward(self, z: Tensor) -> Tensor:
        """z (B, D) to w (B, D)."""
        w = z * (z.square().mean(1, keepdim=True) + EPSILON).rsqrt()
        with torch.autocast(z.device.type, enabled=False):
            for layer in self.layers:
                w = activate(layer(w))
        return w


class StyledConv(nn.Module):
    """Modulated convolution, noise, activation."""

    def __init__(
        self, channels_in: int, channels: int, latent: int, *, double: bool = False
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(channels_in, channels, latent, double=double)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.noise_strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, w: Tensor, noise: torch.Generator | None) -> Tensor:
        """(B, C, H, W) and w (B, D) to (B, C', H, W), or twice H and W."""
        x = self.conv(x, w)
        if noise is not None:
            count, _, height, width = x.shape
            drawn = torch.randn(count, 1, height, width, generator=noise, device=noise.device)
            x = x + (self.noise_strength * drawn).to(x.dtype)
        return activate(x + self.bias[:, None, None].to(x.dtype))


class Colours(nn.Module):
    """Features to RGB, modulated but not demodulated."""

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(channels, 3, latent, kernel=1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(B, C, H, W) and w (B, D) to (B, 3, H, W)."""
        return self.conv(x, w).float() + self.bias[:, None, None]


class Block(nn.Module):
    """The layers of one edge; the first has no doubling convolution."""

    def __init__(self, channels_in: int, channels: int, latent: int, *, first: bool) -> None:
        super().__init__()
        self.larger = None if first else StyledConv(channels_in, channels, latent, double=True)
        self.conv = StyledConv(channels, channels, latent)
        self.colours = Colours(channels, latent)

    def forward(
        self, x: Tensor, ws: list[Tensor], change: Change | None, noise: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Features, and colours (B, 3, edge, edge) to be added; `ws` in the layers' order."""
        if self.larger is not None:
            x = self.larger(x, ws[0], noise)
        if change is not None:
            x = x * (1.0 + change.scale.to(x.dtype)) + change.shift.to(x.dtype)
        x = self.conv(x, ws[-2], noise)
        return x, self.colours(x, ws[-1])


class Generator(nn.Module):
    """Textures are sRGB (B, 3, N, N), about in [0, 1] and not clipped."""

    def __init__(self, shape: StudioShape) -> None:
        super().__init__()
        self.shape = shape
        self.mapping = MappingNet(shape)
        self.constant = nn.Parameter(torch.randn(1, shape.channels(4), 4, 4))
        before = (4, *shape.edges)
        self.blocks = nn.ModuleList(
            Block(shape.channels(before[i]), shape.channels(edge), shape.latent, first=edge == 4)
            for i, edge in enumerate(shape.edges)
        )

    def forward(self, z: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """z (B, D) to textures (B, 3, N, N)."""
        return self.synthesis(self.wplus(self.mapping(z)), noise=noise)

    def wplus(self, w: Tensor) -> Tensor:
        """w (B, D), the same for each layer: (B, layers, D)."""
        return w[:, None].expand(-1, self.shape.layers, -1)

    def synthesis(
        self,
        wplus: Tensor,
        changes: Mapping[int, Change] | None = None,
        noise: torch.Generator | None = None,
    ) -> Tensor:
        """`wplus` (B, layers, D); `changes` by edge; without `noise` nothing is random."""
        if wplus.shape[1:] != (self.shape.layers, self.shape.latent):
            raise ValueError(f"W+ of {tuple(wplus.shape)} does not fit {self.shape}.")
        ws, changes = wplus.unbind(1), changes or {}
        x = self.constant.expand(len(wplus), -1, -1, -1)
        colours = None
        for i, (edge, block) in enumerate(zip(self.shape.edges, self.blocks, strict=True)):
            # A block's colours share the next block's first vector.
            own = list(ws[max(2 * i - 1, 0) : 2 * i + 2])
            x, added = block(x, own, changes.get(edge), noise)
            colours = added if colours is None else doubled(colours) + added
        assert colours is not None
        return 0.5 + 0.5 * colours

    def freeze_up_to(self, edge: int) -> None:
        """Layers of `edge` and below, and the mapping, learn no more."""
        self.mapping.requires_grad_(False)
        self.constant.requires_grad_(False)
        for size, block in zip(self.shape.edges, self.blocks, strict=True):
            if size <= edge:
                block.requires_grad_(False)
