"""A network and its running mean in; the mean, moved towards the network, out."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(mean: nn.Module, net: nn.Module, images: int, half_life: int, seen: int) -> None:
    """Move `mean` towards `net` after a batch of `images`; young networks are followed faster,
    as if half were forgotten over a twentieth of what was `seen`."""
    forgotten = 0.5 ** (images / max(min(half_life, 0.05 * seen), 1e-8))
    for slow, fast in zip(mean.parameters(), net.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - forgotten)
    for slow, fast in zip(mean.buffers(), net.buffers(), strict=True):
        slow.copy_(fast)
