"""Filmed persons in; crops of atlas as the detail network meets them, and what it should draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...imaging.tensor_color import linear_from_srgb, log_light
from ...stages.detail.conditions import COLOUR_SCALE, Conditions, conditions_of, texel_coordinates
from .filmed_persons import HEIGHT_STEP, FilmedPerson

# How often a crop is shown as in an atlas of half the size, which the product has too, and how
# often its stage 1 is the studio network's own smooth answer, which hybrid may fall back to.
HALF_SIZE_CHANCE = 0.3
NETWORK_CHANCE = 0.3
MAX_TRIES = 30  # to meet skin, which fills most of the atlas
MAX_TARGET = 8.0  # of what the network draws: 8 deviations are a texel's fault, not skin
SKIN_ONLY = 0.99  # share of a texel of the smaller atlas: mixed ones do not count


@dataclass(frozen=True, eq=False)
class Crops:
    """B crops of c x c texels."""

    conditions: Conditions
    drawn: Tensor  # (B, DRAWN, c, c) what the network should draw
    weight: Tensor  # (B, DRAWN, c, c) in [0, 1] of it in the loss
    blended_log: Tensor  # (B, 3, c, c) stage 1 with the phone's trusted gradients on it
    broad_residual: Tensor  # (B, 3, c, c) the broad band of truth less that
    albedo_log: Tensor  # (B, 3, c, c) the truth

    @classmethod
    def concatenate(cls, crops: Sequence[Crops]) -> Crops:
        """The crops of all, which are of one size."""
        names = [name for name in cls.__dataclass_fields__ if name != "conditions"]
        conditions = Conditions(
            *(
                torch.cat([getattr(c.conditions, name) for c in crops])
                for name in Conditions.__dataclass_fields__
            )
        )
        return cls(conditions, *(torch.cat([getattr(c, n) for c in crops]) for n in names))


@dataclass(frozen=True)
class Window:
    """A square of an atlas that was halved `octave` times."""

    row: int  # first texel, in the full atlas
    column: int
    crop: int  # texels a side, in the halved atlas
    octave: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the full atlas."""
        edge = self.crop << self.octave
        return slice(self.row, self.row + edge), slice(self.column, self.column + edge)

    def halve(self, image: Tensor) -> Tensor:
        """(B, C, e, e) of the full atlas at (B, C, crop, crop)."""
        return functional.avg_pool2d(image, 1 << self.octave) if self.octave else image


def draw_crops(
    persons: Sequence[FilmedPerson], crop: int, count: int, random: torch.Generator
) -> Crops:
    """`count` random crops of `crop` texels a side, with skin in their middle; on `random`'s
    device."""
    return Crops.concatenate([_draw_crop(persons, crop, random) for _ in range(count)])


def _draw_crop(persons: Sequence[FilmedPerson], crop: int, random: torch.Generator) -> Crops:
    def number(below: int) -> int:
        return int(torch.randint(below, (1,), generator=random, device=random.device))

    half_size_roll, network_roll = torch.rand(2, generator=random, device=random.device).tolist()
    person = persons[number(len(persons))]
    octave = 1 if half_size_roll < HALF_SIZE_CHANCE else 0
    edge = crop << octave
    size = person.skin.shape[-1]
    row = column = 0
    for _ in range(MAX_TRIES):
        row, column = number(size - edge + 1), number(size - edge + 1)
        if person.skin[row + edge // 2, column + edge // 2]:
            break
    window = Window(row, column, crop, octave)
    return crop_at(person, window, random.device, use_network=network_roll < NETWORK_CHANCE)


def crop_at(
    person: FilmedPerson, window: Window, device: torch.device, *, use_network: bool
) -> Crops:
    """One crop of the person in the window; on `device`, where whole persons would not fit."""
    size = person.skin.shape[-1]
    rows, columns = window.slices

    def read(image: Tensor) -> Tensor:
        """(C, N, N) of any kind in the window: (1, C, c, c)."""
        return window.halve(image[:, rows, columns].to(device).float()[None])

    place = window.halve(texel_coordinates(size, device, rows, columns))
    grid = torch.stack([place[:, 0], -place[:, 1]], -1)
    phone_log, albedo_log = (
        log_light(linear_from_srgb(read(image) / 255))
        for image in (person.phone_srgb, person.albedo_srgb)
    )
    if use_network:
        stage_1 = person.network_log, person.network_broad, person.network_broad_residual
    else:
        stage_1 = person.hybrid_log, person.hybrid_broad, person.hybrid_broad_residual
    blended_log = read(stage_1[0])
    broad, broad_residual = (_sample_coarse(coarse.to(device), grid) for coarse in stage_1[1:])
    trust, skin = read(person.trust[None]) / 255, read(person.skin[None])
    height = read(person.height[None]) * HEIGHT_STEP
    colour = (albedo_log - blended_log - broad_residual) / COLOUR_SCALE
    skin = (skin > SKIN_ONLY).float()
    weight = torch.cat([skin.expand(-1, 3, -1, -1), skin * person.has_height.to(device)], 1)
    octave_size = size >> window.octave
    return Crops(
        conditions=conditions_of(phone_log, blended_log, broad, trust, place, octave_size),
        drawn=torch.cat([colour, height], 1).clamp(-MAX_TARGET, MAX_TARGET),
        weight=weight,
        blended_log=blended_log,
        broad_residual=broad_residual,
        albedo_log=albedo_log,
    )


def _sample_coarse(coarse: Tensor, grid: Tensor) -> Tensor:
    """A coarse map (C, M, M) at `grid` (1, c, c, 2), as `detail.conditions` enlarges it."""
    return functional.grid_sample(
        coarse[None], grid, mode="bicubic", padding_mode="border", align_corners=False
    )
