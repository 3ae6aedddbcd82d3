"""A phone texture and what is known about its texels in; the encoder's image of channels out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CHANNELS = 11  # colour 3, coverage, clipping, openness, normal 3, place 2
# sRGB, of a texel's brightest channel: where a sensor begins to clip, and where it surely does.
CLIPPED_SRGB = (0.95, 0.985)


@dataclass(frozen=True, eq=False)
class PhoneInputs:
    """B phone textures of N x N texels in the atlas, top row first; float32."""

    phone_srgb: Tensor  # (B, 3, N, N) in [0, 1], as filmed
    coverage: Tensor  # (B, N, N) in [0, 1]: share of the texel that was really seen
    clipped: Tensor  # (B, N, N) in [0, 1]: too bright to tell its colour
    normal: Tensor  # (B, 3, N, N) unit, head frame
    openness: Tensor  # (B, N, N) in [0, 1]: share of the hemisphere that is open sky

    def __post_init__(self) -> None:
        count, _, size, _ = self.phone_srgb.shape
        image, map_ = (count, 3, size, size), (count, size, size)
        maps = (self.coverage, self.clipped, self.openness)
        if self.normal.shape != image or any(m.shape != map_ for m in maps):
            raise ValueError("A phone texture and its maps differ in number or size.")

    def stacked(self) -> Tensor:
        """(B, CHANNELS, N, N), each about in [-1, 1]; the last two tell the place in the atlas."""
        count, _, size, _ = self.phone_srgb.shape
        maps = torch.stack([self.coverage, self.clipped, self.openness], 1)
        place = (torch.arange(size, device=maps.device) + 0.5) * (2.0 / size) - 1.0
        v, u = torch.meshgrid(-place, place, indexing="ij")
        uv = torch.stack([u, v]).expand(count, -1, -1, -1)
        return torch.cat([2.0 * self.phone_srgb - 1.0, 2.0 * maps - 1.0, self.normal, uv], 1)


def clipping_mask(phone_srgb: Tensor, coverage: Tensor) -> Tensor:
    """(B, N, N) in [0, 1] of phone textures (B, 3, N, N) and what of them was seen (B, N, N)."""
    low, high = CLIPPED_SRGB
    return ((phone_srgb.amax(1) - low) / (high - low)).clamp(0.0, 1.0) * coverage
