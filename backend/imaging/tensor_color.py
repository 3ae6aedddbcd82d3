"""Colours as tensors, as `image_files` and `log_light` have them as arrays."""

from __future__ import annotations

import torch

from .log_light import LOG_FLOOR, LUMINANCE


def srgb_from_linear(linear: torch.Tensor) -> torch.Tensor:
    """IEC 61966-2-1 encoding of values (...) in [0, 1]; above 1 stays above 1."""
    positive = linear.clamp(min=1e-8)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * positive ** (1 / 2.4) - 0.055)


def linear_from_srgb(srgb: torch.Tensor) -> torch.Tensor:
    """IEC 61966-2-1 decoding of values (...), [0, 1] to [0, 1]."""
    return torch.where(
        srgb <= 0.04045, srgb / 12.92, ((srgb.clamp(min=0.0) + 0.055) / 1.055) ** 2.4
    )


def log_from_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """Log light (...) of sRGB pixels (...) uint8."""
    values = torch.arange(256, device=pixels.device) / 255.0
    return log_light(linear_from_srgb(values))[pixels.int()]


def luminance(rgb: torch.Tensor) -> torch.Tensor:
    """Rec.709 luminance (..., H, W) of linear images (..., 3, H, W)."""
    red, green, blue = rgb.unbind(-3)
    return float(LUMINANCE[0]) * red + float(LUMINANCE[1]) * green + float(LUMINANCE[2]) * blue


def log_light(linear: torch.Tensor) -> torch.Tensor:
    """Linear light (...) to log(light + LOG_FLOOR) (...), as `log_light.log_light`."""
    return torch.log(linear.clamp(min=0.0) + float(LOG_FLOOR))


def light_from_log(log: torch.Tensor) -> torch.Tensor:
    """Inverse of `log_light`: (...) to linear light (...), clipped at 0."""
    return (log.exp() - float(LOG_FLOOR)).clamp(min=0.0)
