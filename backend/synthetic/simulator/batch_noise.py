"""Random numbers and smooth random fields, from a generator on its own device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional


def uniform(
    generator: torch.Generator, shape: Sequence[int], low: float, high: float
) -> torch.Tensor:
    """Numbers (*shape,) drawn evenly between `low` and `high`, on the generator's device."""
    return low + (high - low) * torch.rand(*shape, generator=generator, device=generator.device)


def normal(generator: torch.Generator, shape: Sequence[int]) -> torch.Tensor:
    """Numbers (*shape,) of mean 0 and deviation 1, on the generator's device."""
    return torch.randn(*shape, generator=generator, device=generator.device)


def smooth_field(
    generator: torch.Generator, shape: tuple[int, int], cells: int, size: int
) -> torch.Tensor:
    """Smooth noise (B, C, size, size) for `shape` (B, C): deviation 1, `cells` blobs a side."""
    field = normal(generator, (*shape, cells, cells))
    return functional.interpolate(field, size=(size, size), mode="bicubic", align_corners=False)
