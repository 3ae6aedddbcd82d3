"""A phone texture in; W+ and what changes the generator's features at its middle sizes out.

W+ carries who it is only roughly; the features carry what has a place, as blind face restorers
do (Wang and others, "Towards Real-World Blind Face Restoration with Generative Facial Prior",
CVPR 2021). They begin as no change, so that the pure W+ answer is where training starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .discriminator import Residual
from .generator import Change
from .inputs import CHANNELS, PhoneInputs
from .layers import Conv, Linear, activate, doubled
from .network_shape import StudioShape


@dataclass(frozen=True, eq=False)
class Code:
    """What a generator needs to draw B textures."""

    offset: Tensor  # (B, layers, D) from the mean of w
    changes: dict[int, Change]  # by edge


class Up(nn.Module):
    """Coarse features, doubled, and the downward path's of that edge: one set of both."""

    def __init__(self, coarse: int, channels: int) -> None:
        super().__init__()
        self.coarse = Conv(coarse, channels, 1)
        self.both = Conv(channels, channels)

    def forward(self, coarse: Tensor, aside: Tensor) -> Tensor:
        """(B, C', H, W) and (B, C, 2 H, 2 W) to (B, C, 2 H, 2 W)."""
        return activate(self.both(doubled(self.coarse(coarse)) + aside))


class ChangeHead(nn.Module):
    """Features of one edge to the change of the generator's; zero at the start."""

    def __init__(self, channels: int, generator_channels: int) -> None:
        super().__init__()
        self.conv = Conv(channels, channels)
        self.out = Conv(channels, 2 * generator_channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Change:
        """(B, C, edge, edge) to scale and shift of the generator's channels there."""
        scale, shift = self.out(activate(self.conv(x))).chunk(2, 1)
        return Change(scale, shift)


class Encoder(nn.Module):
    def __init__(self, shape: StudioShape) -> None:
        super().__init__()
        self.shape = shape
        channels = shape.encoder_channels
        self.inputs = Conv(CHANNELS, channels(shape.size))
        self.down = nn.ModuleList(
            Residual(channels(edge), channels(edge // 2)) for edge in shape.edges[:0:-1]
        )
        self.hidden = Linear(16 * channels(4), shape.latent)
        self.offset = Linear(shape.latent, shape.layers * shape.latent)
        nn.init.zeros_(self.offset.weight)
        highest = max(shape.feature_sizes, default=4)
        self.up_edges = tuple(edge for edge in shape.edges[1:] if edge <= highest)
        self.up = nn.ModuleList(Up(channels(e // 2), channels(e)) for e in self.up_edges)
        self.heads = nn.ModuleDict(
            {str(e): ChangeHead(channels(e), shape.channels(e)) for e in shape.feature_sizes}
        )

    def forward(self, inputs: PhoneInputs) -> Code:
        """Raises ValueError where the textures are of another size."""
        if inputs.phone_srgb.shape[-1] != self.shape.size:
            raise ValueError(
                f"Textures of {inputs.phone_srgb.shape[-1]} texels a side do not fit an encoder of "
                f"{self.shape.size}."
            )
        x = activate(self.inputs(inputs.stacked()))
        passed = {self.shape.size: x}
        for edge, block in zip(self.shape.edges[-2::-1], self.down, strict=True):
            passed[edge] = x = block(x)
        offset = self.offset(activate(self.hidden(x.flatten(1))))
        changes: dict[int, Change] = {}
        for edge, up in zip(self.up_edges, self.up, strict=True):
            x = up(x, passed[edge])
            if edge in self.shape.feature_sizes:
                changes[edge] = self.heads[str(edge)](x)
        return Code(offset.unflatten(1, (self.shape.layers, self.shape.latent)), changes)
