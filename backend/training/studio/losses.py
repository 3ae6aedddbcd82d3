"""Textures or scores in, losses out. Textures are sRGB (B, 3, N, N), about in [0, 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...stages.studio_texture.networks import Discriminator
from ..identity.embedding import IdentityNet

EPSILON = 1e-6  # of a squared length, so that features of 0 can be divided by it


def generator_loss(fake_scores: Tensor) -> Tensor:
    """The generator's non-saturating loss: -log of the chance that fakes (B,) are real."""
    return functional.softplus(-fake_scores).mean()


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """The discriminator's logistic loss of scores (B,) each."""
    return functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()


def r1_penalty(real: Tensor, scores: Tensor) -> Tensor:
    """Squared gradient of the scores at real textures (Mescheder and others 2018, equation 9);
    `real` must require gradients before `scores` were made of it."""
    (gradient,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def path_lengths(textures: Tensor, wplus: Tensor, random: torch.Generator) -> Tensor:
    """(B,) how far textures move as W+ (B, layers, D) does (StyleGAN2's equation 4)."""
    noise = torch.randn(textures.shape, generator=random, device=textures.device)
    noise = noise / math.sqrt(textures.shape[2] * textures.shape[3])
    (gradient,) = torch.autograd.grad((textures * noise).sum(), wplus, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def pixel_loss(generated: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of (B, 3, N, N); `weight` (N, N) of mean 1."""
    return ((generated - truth).abs() * weight).mean()


@dataclass(frozen=True, eq=False)
class Perceptual:
    """How unlike textures look to a discriminator, which then learns no more.

    Features are brought to unit length at each place, as LPIPS does; the coarsest, of 4 texels,
    are left out, since what they tell has no place.
    """

    judge: Discriminator

    def __call__(self, generated: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.judge.features(truth)[:-1]
        total = generated.new_zeros(())
        for mine, other in zip(self.judge.features(generated)[:-1], wanted, strict=True):
            difference = _unit(mine.float()) - _unit(other.float())
            total = total + difference.square().sum(1).mean()
        return total / max(len(wanted), 1)


def _unit(features: Tensor) -> Tensor:
    return features * (features.square().sum(1, keepdim=True) + EPSILON).rsqrt()


def identity_loss(net: IdentityNet, generated: Tensor, truth: Tensor) -> Tensor:
    """1 less the cosine between embeddings of textures (B, 3, N, N): 0 for the same person."""
    with torch.autocast(generated.device.type, enabled=False):
        generated, truth = generated.float().clamp(0.0, 1.0), truth.float().clamp(0.0, 1.0)
        return 1.0 - (net(generated) * net(truth)).sum(1).mean()
