"""Views of persons: the studio's and several phones', small enough to be kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..texture_pool import to_uint8

# Numbers of persons (B,) in, one phone texture of each (B, 3, N, N) sRGB out.
Film = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Album:
    """P persons in L views, the first of them the studio's."""

    views: Tensor  # (P, L, 3, N, N) uint8 sRGB

    @property
    def persons(self) -> int:
        return len(self.views)

    def draw(self, persons: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """(B, count, 3, N, N) in [0, 1]: different views of each of `persons` (B,)."""
        order = torch.rand(len(persons), self.views.shape[1], generator=generator).argsort(1)
        return self.views[persons[:, None], order[:, :count]].float() / 255


def film_album(studio_srgb: Tensor, film: Film, views: int, texels: int, batch: int) -> Album:
    """`studio_srgb` (P, 3, M, M) uint8; each call of `film` shows persons in another light."""
    stored = torch.empty(len(studio_srgb), views, 3, texels, texels, dtype=torch.uint8)
    for start in range(0, len(studio_srgb), batch):
        part = torch.arange(start, min(start + batch, len(studio_srgb)))
        stored[part, 0] = _shrink(studio_srgb[part].float() / 255, texels)
        for view in range(1, views):
            stored[part, view] = _shrink(film(part), texels)
    return Album(stored)


def _shrink(srgb: Tensor, texels: int) -> Tensor:
    small = functional.interpolate(srgb, (texels, texels), mode="area")
    return to_uint8(small)
