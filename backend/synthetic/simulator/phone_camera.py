"""Linear views in; what a phone's processing leaves of each, and a codec of their blend, out."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import torch

from studio_avatar_addon.avatar.colour import LUMINANCE_WEIGHTS

from ...imaging.log_light import LOG_FLOOR
from ...imaging.tensor_color import luminance, srgb_from_linear
from .batch_noise import normal, uniform

SHOULDER_LINEAR = 0.5  # linear, from which phones roll highlights off, more or less
GAMMA = 2.2  # close enough to sRGB's curve for what is drawn at random
CONTRAST_RANGE = (-0.15, 0.45)  # share of an S-curve
SATURATION_RANGE = (0.9, 1.15)  # factor on chroma: phones mostly add some
MAX_NOISE_SRGB = 0.015  # in sRGB, of a view at a texel's size; most clips are shot in fair light
BLOCK_PX = 8  # as JPEG and the codecs' smaller transforms
MAX_QUANTIZATION_STEP = 0.05  # of the codec's lowest frequency, in sRGB
CHROMA_STEP_FACTOR = 2.0  # codecs keep colours more coarsely than luminance


@dataclass(frozen=True, eq=False)
class PhoneCamera:
    """The phones of B clips; (B, 1, 1, 1) unless told."""

    softness: torch.Tensor  # in [0, 1] of the highlights' roll-off
    contrast: torch.Tensor
    saturation: torch.Tensor
    noise: torch.Tensor  # (B, 3, N + V, N + V) in sRGB; each view sees it a texel farther on

    def process(self, view: int, linear: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log light (B, 3, N, N) of `linear`, which is spent, as a frame keeps it.

        And its brightest channel (B, 1, N, N).
        """
        log_rgb, srgb = self._tone_map(linear)
        size = linear.shape[-1]
        noise = self.noise[:, :, view : view + size, view : view + size]
        # Shot noise: in sRGB it is strongest in the shadows, (1.3 - s) in all.
        log_rgb.addcmul_(noise, srgb.reciprocal_(), value=1.3 * GAMMA).sub_(noise, alpha=GAMMA)
        log_rgb.clamp_(max=log(1.0 + float(LOG_FLOOR)))
        return log_rgb, log_rgb.amax(1, keepdim=True)

    def tone_map(self, linear: torch.Tensor) -> torch.Tensor:
        """Log light of `linear` (B, 3, N, N) without noise, clipped."""
        return self._tone_map(linear.clone())[0].clamp_(max=log(1.0 + float(LOG_FLOOR)))

    def _tone_map(self, linear: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log light, and about its sRGB in (0, 1]."""
        room = 1.0 - SHOULDER_LINEAR
        over = linear.sub(SHOULDER_LINEAR).clamp_(min=0.0)
        rolled = over.mul(-1.0 / room).expm1_().mul_(-room)
        log_rgb = linear.addcmul_(self.softness, rolled.sub_(over))
        log_rgb = log_rgb.add_(float(LOG_FLOOR)).log_()
        srgb = log_rgb.mul(1.0 / GAMMA).exp_().clamp_(max=1.0)
        # An S-curve of sRGB, s + c s (1 - s) (2 s - 1), as a factor.
        bent = torch.addcmul(3.0 * self.contrast, srgb, -2.0 * self.contrast)
        bent = bent.mul_(srgb).sub_(self.contrast)
        log_rgb.add_(bent.log1p_(), alpha=GAMMA)
        grey = luminance(log_rgb)[:, None]
        return torch.lerp(grey, log_rgb, self.saturation), srgb


def draw_phone_camera(generator: torch.Generator, count: int, views: int, size: int) -> PhoneCamera:
    """For textures of `size` texels."""

    def between(low: float, high: float) -> torch.Tensor:
        """(B, 1, 1, 1) evenly."""
        return uniform(generator, (count, 1, 1, 1), low, high)

    strength = MAX_NOISE_SRGB * between(0.0, 1.0) ** 2
    return PhoneCamera(
        softness=between(0.0, 1.0),
        contrast=between(*CONTRAST_RANGE),
        saturation=between(*SATURATION_RANGE),
        noise=strength * normal(generator, (count, 3, size + views, size + views)),
    )


def compress(generator: torch.Generator, linear: torch.Tensor) -> torch.Tensor:
    """A codec's blocks and 8 bits: (B, 3, N, N) linear to sRGB, uint8."""
    srgb = srgb_from_linear(linear).clamp(0.0, 1.0)
    step = MAX_QUANTIZATION_STEP * uniform(generator, (len(srgb), 1, 1, 1, 1, 1), 0.0, 1.0) ** 2
    return torch.round(_quantize_blocks(srgb, step).clamp(0.0, 1.0) * 255.0).to(torch.uint8)


def _quantize_blocks(srgb: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """Rounds the cosine transform of 8 x 8 blocks, high frequencies the most, as JPEG does."""
    grey = luminance(srgb)
    planes = torch.stack([grey, srgb[:, 0] - grey, srgb[:, 2] - grey], 1)
    rows = srgb.shape[-1] // BLOCK_PX
    blocks = planes.unflatten(3, (rows, BLOCK_PX)).unflatten(2, (rows, BLOCK_PX)).transpose(3, 4)
    cosine = _dct_matrix(srgb.device)
    frequency = torch.arange(BLOCK_PX, device=srgb.device)
    steps = step * (0.3 + 0.15 * (frequency[:, None] + frequency)) + 1e-6
    coarse = (
        steps
        * steps.new_tensor([1.0, CHROMA_STEP_FACTOR, CHROMA_STEP_FACTOR])[:, None, None, None, None]
    )
    quantized = torch.round(cosine @ blocks @ cosine.T / coarse) * coarse
    planes = (cosine.T @ quantized @ cosine).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    grey, red, blue = planes.unbind(1)
    red, blue = red + grey, blue + grey
    red_weight, green_weight, blue_weight = LUMINANCE_WEIGHTS
    green = (grey - red_weight * red - blue_weight * blue) / green_weight
    return torch.stack([red, green, blue], 1)


def _dct_matrix(device: torch.device) -> torch.Tensor:
    """(8, 8) the orthonormal cosine transform."""
    position = torch.arange(BLOCK_PX, device=device)
    rows = (
        torch.cos(pi / BLOCK_PX * (position[None] + 0.5) * position[:, None])
        * (2.0 / BLOCK_PX) ** 0.5
    )
    rows[0] /= 2.0**0.5
    return rows
