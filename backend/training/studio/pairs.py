"""Painted and real skins in; simulated pairs of phone and studio texture, ready to learn from, out.

Simulating takes longer than learning, so a pool of pairs is kept in 8 bits and made anew only
after many steps. All is drawn from seeds that follow from the number of the pool or step, so that
a training that goes on makes the same as one that never stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from studio_avatar_addon.avatar.template import HeadTemplate

from ...atlas.texel_map import TexelMap, texel_map
from ...stages.studio_texture.networks import PhoneInputs, clipping_mask
from ...synthetic.simulator import Simulator
from ...synthetic.simulator.shading import Heads
from ..texture_pool import TexturePool, to_uint8

BATCH = 16  # simulated at a time: more take more memory and are no faster
NON_SKIN_WEIGHT = 0.2  # of eyes and mouth, which the phone texture's stage draws itself


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of N x N texels, 8 bits each."""

    phone_srgb: Tensor  # (P, 3, N, N) uint8
    coverage: Tensor  # (P, N, N) uint8, of 255
    studio_srgb: Tensor  # (P, 3, N, N) uint8
    head: Tensor  # (P,) int64 into the bank of heads

    def __len__(self) -> int:
        return len(self.head)


@dataclass(frozen=True, eq=False)
class Batch:
    inputs: PhoneInputs
    studio_srgb: Tensor  # (B, 3, N, N) in [0, 1]


@dataclass(frozen=True, eq=False)
class AtlasFacts:
    """What does not change with the texture, on one device; N x N texels."""

    skin: Tensor  # (N, N) 1 on skin, whose two sides mirror each other in the atlas
    weight: Tensor  # (N, N) of a texel in losses on pairs; of mean 1
    normal: Tensor  # (H, 3, N, N) of each head of the bank
    openness: Tensor  # (H, N, N)

    @classmethod
    def of(cls, template: HeadTemplate, simulator: Simulator, size: int) -> AtlasFacts:
        skin, weight = skin_and_weight(texel_map(template, size))
        device = simulator.tables.normals.device
        heads = Heads(
            simulator.tables, torch.arange(len(simulator.tables), device=device), simulator.sphere
        )
        both = torch.cat([heads.normals, heads.openness[..., None]], 2)
        image = functional.interpolate(
            simulator.atlas.coarse_image(both), (size, size), mode="bilinear"
        )
        normal = functional.normalize(image[:, :3], dim=1)
        return cls(skin.to(device), weight.to(device), normal, image[:, 3].clamp(0.0, 1.0))


def skin_and_weight(texels: TexelMap) -> tuple[Tensor, Tensor]:
    """`AtlasFacts.skin` and `.weight`, both (N, N); gutters count as little as eyes and mouth."""
    skin = torch.from_numpy(
        texels.scatter(texels.is_material("skin"), gutters=False).astype(np.float32)
    )
    weight = NON_SKIN_WEIGHT + (1.0 - NON_SKIN_WEIGHT) * skin
    return skin, weight / weight.mean()


def simulated_pairs(
    simulator: Simulator, skins: TexturePool, size: int, count: int, generator: torch.Generator
) -> Pairs:
    """`count` pairs of random skins of `skins`, simulated at its size and made as small as `size`;
    the generator on the simulator's device."""
    batches: list[Pairs] = []
    for start in range(0, count, BATCH):
        index = torch.randint(
            len(skins), (min(BATCH, count - start),), generator=generator, device=generator.device
        )
        pair = simulator.simulate(skins.take(index), generator)
        batches.append(
            Pairs(
                to_uint8(downsample(pair.phone_srgb, size)),
                to_uint8(downsample(pair.coverage[:, None], size)[:, 0]),
                to_uint8(downsample(pair.studio_srgb, size)),
                pair.head,
            )
        )
    parts = ([getattr(p, name) for p in batches] for name in Pairs.__dataclass_fields__)
    return Pairs(*(torch.cat(part) for part in parts))


def downsample(image: Tensor, size: int) -> Tensor:
    """Images (B, C, M, M) at (B, C, size, size) by means over blocks; `size` divides M."""
    return functional.interpolate(image, (size, size), mode="area")


@dataclass(eq=False)
class Sources:
    """All that the phases draw from. `simulate` makes the pool of a number."""

    facts: AtlasFacts
    held_out: Pairs  # of persons that nothing is trained on
    simulate: Callable[[int], Pairs]
    pool_steps: int
    phone: Tensor | None = None  # (P, 3, N, N) uint8 a studio's own; None: those of the pairs
    studio: Tensor | None = None  # the same, evenly lit
    _pool_number: int = -1
    _pool: Pairs | None = None

    def pair_pool(self, step: int) -> Pairs:
        """The pool that lasts over `step`, which counts over all phases."""
        number = step // self.pool_steps
        if self._pool is None or number != self._pool_number:
            self._pool = None  # the memory of the old one first
            self._pool, self._pool_number = self.simulate(number), number
        return self._pool

    def pairs(self, step: int, count: int, random: torch.Generator) -> Batch:
        """`count` random pairs of the pool of `step`, some of them mirrored."""
        pool = self.pair_pool(step)
        return gather_batch(pool, self.facts, _random_index(len(pool), count, random), random)

    def phone_textures(self, step: int, count: int, random: torch.Generator) -> Tensor:
        """Phone textures (B, 3, N, N) in [0, 1], B = `count`, half of them mirrored."""
        stored = self.pair_pool(step).phone_srgb if self.phone is None else self.phone
        return self._textures(stored, count, random)

    def studio_textures(self, step: int, count: int, random: torch.Generator) -> Tensor:
        """Studio textures (B, 3, N, N) in [0, 1], B = `count`, half of them mirrored."""
        stored = self.pair_pool(step).studio_srgb if self.studio is None else self.studio
        return self._textures(stored, count, random)

    def _textures(self, stored: Tensor, count: int, random: torch.Generator) -> Tensor:
        textures = stored[_random_index(len(stored), count, random)].float() / 255.0
        return mirror_skin(textures, self.facts.skin, _coin_flips(count, random))


def gather_batch(
    pairs: Pairs, facts: AtlasFacts, index: Tensor, random: torch.Generator | None = None
) -> Batch:
    """The pairs of `index` (B,) int64; with `random` half of them are mirrored."""
    phone, studio = pairs.phone_srgb[index].float() / 255, pairs.studio_srgb[index].float() / 255
    coverage, head = pairs.coverage[index].float() / 255, pairs.head[index]
    normal, openness = facts.normal[head], facts.openness[head]
    if random is not None:
        is_mirrored = _coin_flips(len(index), random)
        sides = torch.where(is_mirrored, -1.0, 1.0)[:, None, None]
        normal = mirror_skin(normal, facts.skin, is_mirrored)
        normal = torch.cat([normal[:, :1] * sides[:, None], normal[:, 1:]], 1)
        phone, studio = (mirror_skin(t, facts.skin, is_mirrored) for t in (phone, studio))
        coverage, openness = (
            mirror_skin(t[:, None], facts.skin, is_mirrored)[:, 0] for t in (coverage, openness)
        )
    clipped = clipping_mask(phone, coverage)
    return Batch(PhoneInputs(phone, coverage, clipped, normal, openness), studio)


def mirror_skin(image: Tensor, skin: Tensor, which: Tensor) -> Tensor:
    """Images (B, C, N, N) with the sides of the `skin` (N, N) changed in those of `which` (B,).

    Eyes and mouth stay: their charts are no mirror images of each other in the atlas.
    """
    swapped = (skin > 0.5) & which[:, None, None, None]
    return torch.where(swapped, image.flip(3), image)


def _random_index(stored: int, count: int, random: torch.Generator) -> Tensor:
    return torch.randint(stored, (count,), generator=random, device=random.device)


def _coin_flips(count: int, random: torch.Generator) -> Tensor:
    return torch.rand(count, generator=random, device=random.device) < 0.5
