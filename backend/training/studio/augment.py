"""Textures in; the same with other colours and small shifts, as often as a strength says, out.

After Karras and others, "Training Generative Adversarial Networks with Limited Data", NeurIPS
2020, but only what leaves the atlas aligned: real and drawn textures are treated alike before the
discriminator sees them, and a share of them stays untouched, so that it does not leak. The mirror
is no part of it: a mirrored face is a face (`pairs.mirror_skin`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...imaging.log_light import LUMINANCE

# Standard deviations of log factors, somewhat weaker than the paper's; no skin has the hues that it
# turns to, so tints stand in for them.
EXPOSURE_SD, TINT_SD, CONTRAST_SD, SATURATION_SD = 0.2, 0.06, 0.25, 0.5
MAX_SHIFT_SHARE = 1 / 32  # of the edge, at most


def augment(srgb: Tensor, strength: float, random: torch.Generator) -> Tensor:
    """(B, 3, N, N); each change meets a texture with the chance `strength` in [0, 1]."""
    if strength <= 0.0:
        return srgb
    count, device = len(srgb), srgb.device

    def draw_change(channels: int, spread: float) -> Tensor:
        """(B, channels, 1, 1), 0 where the change does not meet the texture."""
        affected = torch.rand(count, 1, 1, 1, generator=random, device=device) < strength
        values = torch.randn(count, channels, 1, 1, generator=random, device=device)
        return torch.where(affected, spread * values, 0.0)

    middle = srgb.mean((1, 2, 3), keepdim=True).detach()
    srgb = middle + (srgb - middle) * draw_change(1, CONTRAST_SD).exp()
    grey = (srgb * srgb.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    srgb = grey + (srgb - grey) * draw_change(1, SATURATION_SD).exp()
    srgb = srgb * (draw_change(1, EXPOSURE_SD) + draw_change(3, TINT_SD)).exp()
    return _shift(srgb, strength, random)


def _shift(srgb: Tensor, strength: float, random: torch.Generator) -> Tensor:
    """By whole texels, the border continued."""
    count, _, size, _ = srgb.shape
    max_shift = max(round(MAX_SHIFT_SHARE * size), 1)
    affected = torch.rand(count, generator=random, device=srgb.device) < strength
    steps = torch.randint(
        -max_shift, max_shift + 1, (count, 2), generator=random, device=srgb.device
    ) * affected[:, None]  # fmt: skip
    padded = functional.pad(srgb, (max_shift,) * 4, mode="replicate")
    corners = (steps + max_shift).tolist()
    cut = [
        texture[:, row : row + size, column : column + size]
        for texture, (row, column) in zip(padded, corners, strict=True)
    ]
    return torch.stack(cut)
