"""A network and its running mean in; the mean, moved towards the network, out."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

# A young network's mean forgets half over this share of the images it has seen, so that it does
# not carry its random start along (`ema_rampup` of StyleGAN2-ADA and its successors).
RAMP_UP = 0.05


@torch.no_grad()
def update(mean: nn.Module, net: nn.Module, images: int, half_life: int, seen: int) -> None:
    """Move the parameters of `mean` towards those of `net` after a batch of `images`.

    `half_life`: images over which half is forgotten, once `seen` images in all are many. Buffers
    are copied, since the networks keep running means of their own in them.

    Torch's AveragedModel does not fit: it begins with a copy, knows of updates but not of images,
    and adds a prefix and a counter to what checkpoints hold. Its averaging alone is used.
    """
    decay = 0.5 ** (images / max(min(half_life, RAMP_UP * seen), 1e-8))
    average = get_ema_multi_avg_fn(decay)
    average(list(mean.parameters()), list(net.parameters()), None)
    for averaged, current in zip(mean.buffers(), net.buffers(), strict=True):
        averaged.copy_(current)
