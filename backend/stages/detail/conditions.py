"""Phone and studio texture in; what the detail network gets of them, and what it adds, out.

The network works in log light: it gets stage 1 with the phone's trusted gradients on it
("blended"), and draws the difference of skin to that, without the broad band, which is stage 1's to
estimate, and the height of the skin's relief.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...imaging.log_light import LUMINANCE
from ...imaging.smooth_step import smooth_step
from ...imaging.tensor_blur import gaussian_blur

# What the network draws, at about unit variance: log light of three channels, and metres.
COLOUR_SCALE, HEIGHT_SCALE_M = 0.08, 25e-6
OUTPUT_CHANNELS = 4
CONDITION_CHANNELS = (
    10  # of every texel: blended and the phone's differences of three channels, trust
)
BROAD_CHANNELS = 3  # the broad band of blended, given once a block
SLOPE_SCALE = 0.04  # log light a texel
MAX_STEP = 0.5  # log; a stronger change within a texel is no skin
MEAN_LOG, LOG_SCALE = -1.6, 0.8
FINE_SCALE = 0.15
# Broad is what this share of the atlas blurs away: 8 mm on the face.
BROAD_GRID, BROAD_SIGMA = 256, 4.0
# Trust ends some texels at 2048 inside charts and what was seen, ...
BORDER_2048 = 9
# ... where the two textures' ratio is steep (log per texel at 2048): a shadow ended there ...
SHADOW_EDGE, EDGE_SIGMA = (0.008, 0.020), 2.5  # the latter in texels of BROAD_GRID
# ... and where sensors and shine take over (sRGB of the brightest channel).
CLIPPING = (0.93, 0.99)

ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Conditions:
    """Of B textures of N x N texels in the atlas, or of a piece of it; float32."""

    texels: Tensor  # (B, CONDITIONS, N, N) each about in [-1, 1]
    broad: Tensor  # (B, BROAD, N, N) smooth
    place: Tensor  # (B, 2, N, N) u and v, each in [-1, 1]
    octave: Tensor  # (B,) log2 of 2048 over the atlas's size

    def piece(self, rows: slice, columns: slice) -> Conditions:
        texels, broad, place = (
            m[:, :, rows, columns] for m in (self.texels, self.broad, self.place)
        )
        return Conditions(texels, broad, place, self.octave)

    def to(self, device: torch.device) -> Conditions:
        parts = (self.texels, self.broad, self.place, self.octave)
        return Conditions(*(part.to(device) for part in parts))


@dataclass(frozen=True, eq=False)
class Shares:
    """What of each texel may be believed; (B, 1, N, N) in [0, 1]."""

    skin: Tensor
    coverage: Tensor


def conditions_of(
    phone_log: Tensor, blended_log: Tensor, broad: Tensor, trust: Tensor, place: Tensor, size: int
) -> Conditions:
    """Log light (B, 3, H, W) of both textures, the broad band of the latter, `trust` (B, 1, H, W)
    and `place` (B, 2, H, W) of a piece of an atlas of `size` texels a side."""
    slopes = forward_differences(phone_log).clamp(-MAX_STEP, MAX_STEP) * trust
    fine = ((blended_log - broad) / FINE_SCALE).clamp(-4.0, 4.0)
    texels = torch.cat([fine, (slopes / SLOPE_SCALE).clamp(-4.0, 4.0), 2.0 * trust - 1.0], 1)
    octave = torch.full((len(texels),), 2048.0 / size, device=texels.device).log2()
    return Conditions(texels, (broad - MEAN_LOG) / LOG_SCALE, place, octave)


def trust_of(conditions: Conditions) -> Tensor:
    """(B, 1, H, W) in [0, 1], of the texels, as the network gets it."""
    return 0.5 + 0.5 * conditions.texels[:, -1:]


def forward_differences(image: Tensor) -> Tensor:
    """Forward differences (B, 2 C, H, W) along x, then y; 0 in the last column and row."""
    across = functional.pad(image[..., :, 1:] - image[..., :, :-1], (0, 1))
    down = functional.pad(image[..., 1:, :] - image[..., :-1, :], (0, 0, 0, 1))
    return torch.cat([across, down], 1)


def texel_coordinates(
    size: int, device: torch.device, rows: slice = ALL, columns: slice = ALL
) -> Tensor:
    """(1, 2, H, W) u to the right and v up, each in [-1, 1], of a piece of an atlas of `size`."""
    place = (torch.arange(size, device=device) + 0.5) * (2.0 / size) - 1.0
    v, u = torch.meshgrid(-place[rows], place[columns], indexing="ij")
    return torch.stack([u, v])[None]


def downsample(image: Tensor) -> Tensor:
    """(B, C, N, N) at BROAD_GRID, or as it is where it is smaller."""
    size = min(BROAD_GRID, image.shape[-1])
    return functional.interpolate(image, (size, size), mode="area")


def broad_band(image: Tensor) -> Tensor:
    """(B, C, N, N) without what is finer than some 8 mm, at BROAD_GRID."""
    return gaussian_blur(downsample(image), BROAD_SIGMA)


def upsample(image: Tensor, size: int) -> Tensor:
    """(B, C, M, M) to (B, C, size, size), bicubic."""
    return functional.interpolate(image, (size, size), mode="bicubic", align_corners=False)


def estimate_trust(
    phone_srgb: Tensor, shares: Shares, phone_log: Tensor, studio_log: Tensor
) -> Tensor:
    """(B, 1, N, N) in [0, 1]: skin that was seen, clear of borders, shadow edges and clipping."""
    size = phone_srgb.shape[-1]
    border = max(round(BORDER_2048 * size / 2048.0), 3) | 1
    hidden = 1.0 - shares.skin * shares.coverage
    inside = 1.0 - functional.max_pool2d(hidden, border, stride=1, padding=border // 2)
    weights = phone_log.new_tensor(LUMINANCE)[:, None, None]
    light = ((downsample(phone_log) - downsample(studio_log)) * weights).sum(1, keepdim=True)
    across, down = forward_differences(gaussian_blur(light, EDGE_SIGMA)).chunk(2, 1)
    steep = torch.hypot(across, down) * (light.shape[-1] / 2048.0)
    edge = upsample(smooth_step(*SHADOW_EDGE, steep), size).clamp(0.0, 1.0)
    clipped = smooth_step(*CLIPPING, phone_srgb.amax(1, keepdim=True))
    return inside * (1.0 - edge) * (1.0 - clipped)
