"""Linear textures in; what a phone's processing and codec leave of them out."""

from __future__ import annotations

from math import pi

import torch

from .noise import normal, uniform
from .tone import luminance, srgb_from_linear

SHOULDER = 0.5  # linear, from which phones roll highlights off, more or less
CONTRAST = (-0.15, 0.45)  # share of an S-curve
SATURATION = (0.9, 1.15)
# Noise that is left after blending, in sRGB; most clips are shot in fair light.
NOISIEST = 0.015
BLOCK = 8
COARSEST_STEP = 0.05  # of the codec's lowest frequency, in sRGB
CHROMA_STEPS = 2.0  # codecs keep colours more coarsely than luminance


def processed(generator: torch.Generator, linear: torch.Tensor) -> torch.Tensor:
    """Tone curve, clipping, noise, a codec's blocks and 8 bits: (B, 3, N, N) sRGB, uint8."""
    count = len(linear)
    soft = uniform(generator, (count, 1, 1, 1), 0.0, 1.0)
    over = (linear - SHOULDER).clamp(min=0.0)
    rolled = SHOULDER + (1.0 - SHOULDER) * (1.0 - torch.exp(-over / (1.0 - SHOULDER)))
    linear = linear + soft * (torch.minimum(linear, rolled) - linear)
    srgb = srgb_from_linear(linear).clamp(0.0, 1.0)
    contrast = uniform(generator, (count, 1, 1, 1), *CONTRAST)
    srgb = srgb + contrast * srgb * (1.0 - srgb) * (2.0 * srgb - 1.0)
    grey = luminance(srgb)[:, None]
    srgb = grey + uniform(generator, (count, 1, 1, 1), *SATURATION) * (srgb - grey)
    strength = NOISIEST * uniform(generator, (count, 1, 1, 1), 0.0, 1.0) ** 2
    # Shot noise: in sRGB it is strongest in the shadows.
    srgb = srgb + strength * (1.3 - srgb) * normal(generator, tuple(srgb.shape))
    step = COARSEST_STEP * uniform(generator, (count, 1, 1, 1, 1, 1), 0.0, 1.0) ** 2
    return torch.round(_coded(srgb.clamp(0.0, 1.0), step).clamp(0.0, 1.0) * 255.0).to(torch.uint8)


def _coded(srgb: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """Rounds the cosine transform of 8 x 8 blocks, high frequencies the most, as JPEG does."""
    grey = luminance(srgb)
    planes = torch.stack([grey, srgb[:, 0] - grey, srgb[:, 2] - grey], 1)
    rows = srgb.shape[-1] // BLOCK
    blocks = planes.unflatten(3, (rows, BLOCK)).unflatten(2, (rows, BLOCK)).transpose(3, 4)
    cosine = _cosines(srgb.device)
    frequency = torch.arange(BLOCK, device=srgb.device)
    steps = step * (0.3 + 0.15 * (frequency[:, None] + frequency)) + 1e-6
    coarse = steps * steps.new_tensor([1.0, CHROMA_STEPS, CHROMA_STEPS])[:, None, None, None, None]
    known = torch.round(cosine @ blocks @ cosine.T / coarse) * coarse
    planes = (cosine.T @ known @ cosine).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    grey, red, blue = planes.unbind(1)
    red, blue = red + grey, blue + grey
    green = (grey - 0.2126 * red - 0.0722 * blue) / 0.7152
    return torch.stack([red, green, blue], 1)


def _cosines(device: torch.device) -> torch.Tensor:
    """(8, 8) the orthonormal cosine transform."""
    place = torch.arange(BLOCK, device=device)
    rows = torch.cos(pi / BLOCK * (place[None] + 0.5) * place[:, None]) * (2.0 / BLOCK) ** 0.5
    rows[0] /= 2.0**0.5
    return rows
