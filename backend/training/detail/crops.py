"""Filmed persons in; pieces of atlas as the detail network meets them, and what it should draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...imaging.tensor_color import linear_from_srgb, log_light
from ...stages.detail.conditions import COLOUR_SCALE, Conditions, conditions_of, places
from .filmed_persons import HEIGHT_STEP, Filmed

HALF_SIZE_SHARE = 0.3  # of pieces that are seen in an atlas of half the size
NETWORK_SHARE = 0.3  # of pieces whose stage 1 is the studio network's own smooth answer
TRIES = 30  # to meet skin


@dataclass(frozen=True, eq=False)
class Pieces:
    """B pieces of c x c texels."""

    conditions: Conditions
    drawn: Tensor  # (B, DRAWN, c, c) what the network should draw
    weight: Tensor  # (B, DRAWN, c, c) in [0, 1] of it in the loss
    blended_log: Tensor  # (B, 3, c, c) stage 1 with the phone's trusted gradients on it
    apart: Tensor  # (B, 3, c, c) the broad band of truth less that
    albedo_log: Tensor  # (B, 3, c, c) the truth

    @classmethod
    def joined(cls, pieces: Sequence[Pieces]) -> Pieces:
        """All of one size."""
        names = [name for name in cls.__dataclass_fields__ if name != "conditions"]
        told = [p.conditions for p in pieces]
        conditions = Conditions(
            *(
                torch.cat([getattr(c, name) for c in told])
                for name in Conditions.__dataclass_fields__
            )
        )
        return cls(conditions, *(torch.cat([getattr(p, n) for p in pieces]) for n in names))


def draw_crops(persons: Sequence[Filmed], crop: int, count: int, random: torch.Generator) -> Pieces:
    """`count` random pieces of `crop` texels, about their middle skin; on `random`'s device."""
    return Pieces.joined([_drawn(persons, crop, random) for _ in range(count)])


def _drawn(persons: Sequence[Filmed], crop: int, random: torch.Generator) -> Pieces:
    def number(below: int) -> int:
        return int(torch.randint(below, (1,), generator=random, device=random.device))

    halved, smooth = torch.rand(2, generator=random, device=random.device).tolist()
    person = persons[number(len(persons))]
    octave = 1 if halved < HALF_SIZE_SHARE else 0
    edge = crop << octave
    size = person.skin.shape[-1]
    row = column = 0
    for _ in range(TRIES):
        row, column = number(size - edge + 1), number(size - edge + 1)
        if person.skin[row + edge // 2, column + edge // 2]:
            break
    by_network = smooth < NETWORK_SHARE
    return crop_at(person, row, column, crop, octave, random.device, by_network=by_network)


def crop_at(
    person: Filmed, row: int, column: int, crop: int, octave: int, device: torch.device,
    *, by_network: bool,
) -> Pieces:  # fmt: skip
    """The piece of `crop` texels of an atlas that is `octave` times half as large, whose corner is
    texel (row, column) of the full one; on `device`, where whole persons would not fit."""
    edge, size = crop << octave, person.skin.shape[-1]
    rows, columns = slice(row, row + edge), slice(column, column + edge)

    def small(image: Tensor) -> Tensor:
        """(C, N, N) of any kind to the piece (1, C, c, c)."""
        piece = image[:, rows, columns].to(device).float()[None]
        return functional.avg_pool2d(piece, 1 << octave) if octave else piece

    place = places(size, device, rows, columns)
    place = functional.avg_pool2d(place, 1 << octave) if octave else place
    grid = torch.stack([place[:, 0], -place[:, 1]], -1)

    def at(coarse: Tensor) -> Tensor:
        """A coarse map (C, M, M) here, as `conditions.enlarged` has it."""
        return functional.grid_sample(
            coarse[None].to(device),
            grid,
            mode="bicubic",
            padding_mode="border",
            align_corners=False,
        )

    phone_log, albedo_log = (
        log_light(linear_from_srgb(small(image) / 255))
        for image in (person.phone_srgb, person.albedo_srgb)
    )
    if by_network:
        blended = person.network_log, person.network_broad, person.network_apart
    else:
        blended = person.hybrid_log, person.hybrid_broad, person.hybrid_apart
    blended_log, (broad, apart) = small(blended[0]), map(at, blended[1:])
    trust, skin = small(person.trust[None]) / 255, small(person.skin[None])
    height = small(person.height[None]) * HEIGHT_STEP
    colour = (albedo_log - blended_log - apart) / COLOUR_SCALE
    skin = (skin > 0.99).float()
    weight = torch.cat([skin.expand(-1, 3, -1, -1), skin * person.knows_height.to(device)], 1)
    return Pieces(
        conditions=conditions_of(phone_log, blended_log, broad, trust, place, size >> octave),
        drawn=torch.cat([colour, height], 1).clamp(-8.0, 8.0),
        weight=weight,
        blended_log=blended_log,
        apart=apart,
        albedo_log=albedo_log,
    )
