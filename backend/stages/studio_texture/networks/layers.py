"""Layers that StyleGAN2's networks are made of. Images are (B, C, H, W).

Karras and others, "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020. Weights are
stored with unit variance and scaled where they are used ("equalised learning rate"), so that all
learn at the same speed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2  # of the leaky ReLU
GAIN = math.sqrt(2.0)  # keeps the variance through it
TAPS = (1.0, 3.0, 3.0, 1.0)  # of the filter against aliasing
EPSILON = 1e-8  # keeps norms of nothing finite; the paper's


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU of (...), at the same variance."""
    return functional.leaky_relu(x, SLOPE) * GAIN


class Linear(nn.Module):
    """(..., in) to (..., out); weights of a slower mapping have `pace` below 1."""

    def __init__(self, size_in: int, size: int, *, bias: float = 0.0, pace: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size, size_in) / pace)
        self.bias = nn.Parameter(torch.full((size,), bias / pace))
        self.scale, self.pace = pace / math.sqrt(size_in), pace

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        return functional.linear(x, self.weight * self.scale, self.bias * self.pace)


class Conv(nn.Module):
    """A plain convolution that keeps the size, or halves it after a filter."""

    def __init__(
        self, channels_in: int, channels: int, kernel: int = 3, *, halve: bool = False,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, channels_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None
        self.scale = 1.0 / math.sqrt(channels_in * kernel * kernel)
        self.halve, self.edge = halve, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W), or half of H and W."""
        weight = self.weight * self.scale
        if not self.halve:
            return functional.conv2d(x, weight, self.bias, padding=self.edge)
        if self.edge == 0:  # filter and step in one: only what is kept is computed
            return functional.conv2d(filtered(x, 1, step=2), weight, self.bias)
        return functional.conv2d(filtered(x, 2), weight, self.bias, stride=2)


class ModulatedConv(nn.Module):
    """A convolution whose input channels each sample's style weighs (equations 1 to 3).

    Demodulated, its output has unit variance for an input of unit variance, whatever the style.
    As one convolution of B groups: each sample has weights of its own.
    """

    def __init__(
        self, channels_in: int, channels: int, latent: int, *, kernel: int = 3,
        double: bool = False, demodulate: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.style = Linear(latent, channels_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, channels_in, kernel, kernel))
        self.scale = 1.0 / math.sqrt(channels_in * kernel * kernel)
        self.doubles, self.demodulate = double, demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """`x` (B, C, H, W), `w` (B, D)."""
        count, channels_in, height, width = x.shape
        weight = self._weights(w).to(x.dtype)  # (B, out, in, k, k)
        one = x.reshape(1, count * channels_in, height, width)
        if self.doubles:
            # Transposed convolutions have the input channels first in each group.
            flipped = weight.transpose(1, 2).flatten(0, 1)
            out = functional.conv_transpose2d(one, flipped, stride=2, groups=count)
            out = out.view(count, -1, *out.shape[2:])
            return filtered(out, 1, gain=4.0)
        out = functional.conv2d(
            one, weight.flatten(0, 1), padding=weight.shape[-1] // 2, groups=count
        )
        return out.view(count, -1, height, width)

    def _weights(self, w: Tensor) -> Tensor:
        # Sums of squares in half precision lose too much.
        with torch.autocast(w.device.type, enabled=False):
            style = self.style(w.float())
            weight = (self.weight * self.scale)[None] * style[:, None, :, None, None]
            if self.demodulate:
                norm = (weight.square().sum((2, 3, 4), keepdim=True) + EPSILON).rsqrt()
                weight = weight * norm
        return weight


def filtered(x: Tensor, padding: int, *, step: int = 1, gain: float = 1.0) -> Tensor:
    """`x` (B, C, H, W) through the separable filter TAPS, padded by zeros; each `step`-th texel."""
    channels = x.shape[1]
    taps = x.new_tensor(TAPS)
    kernel = torch.outer(taps, taps) * (gain / float(sum(TAPS)) ** 2)
    kernel = kernel.expand(channels, 1, len(TAPS), len(TAPS))
    return functional.conv2d(x, kernel, stride=step, padding=padding, groups=channels)


def doubled(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, C, 2 H, 2 W), bilinear: what zeros between the texels and TAPS give."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
