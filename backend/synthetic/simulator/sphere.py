"""The 512 directions of the simulator's light in; quick look-ups in any direction out.

Light and visibility are given in these directions. A ray between them is weighed over the nearest
ones: by a picture of the sphere where all points look at the same light, by a table of neighbours
where every point has a visibility of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
import torch
import torch.nn.functional as functional

from ...stages.room_light.visibility import even_directions

# Fibonacci directions, 9 degrees apart. Against 4096 of them panoramas come to 37 to 56 dB on the
# skin, with 256 to 31 to 49; a sun needs more and is traced by itself.
DIRECTIONS = 512
MAP_SIZE = (48, 96)  # rows from -Z to +Z, columns by azimuth from -X over -Y, +X and +Y
NEIGHBOURS = 4  # nearest directions over which visibility is weighed
TABLE_SIZE = (128, 256)  # cells by height and azimuth: 1.4 degrees, far finer than directions lie
# Of the interpolation between directions that lie 9 degrees apart: of their light, which must not
# leak from windows, and of what a point sees there, whose edges must not show steps.
LIGHT_SPREAD_RAD, OPEN_SPREAD_RAD = 0.065, 0.10
# Perceptual roughness of the pictures in which shine looks the light up.
ROUGHNESS_LEVELS = (0.25, 0.40, 0.60)


@dataclass(frozen=True, eq=False)
class Sphere:
    """Tensors on one device."""

    directions: torch.Tensor  # (D, 3) unit
    to_map: torch.Tensor  # (rows * columns, D) light between the directions; rows sum to 1
    to_rough_maps: torch.Tensor  # (levels * rows * columns, D) seen in surfaces of ROUGHNESS_LEVELS
    neighbour: torch.Tensor  # (cells, NEIGHBOURS) int64 nearest directions of a look's cell, ...
    neighbour_share: torch.Tensor  # (cells, NEIGHBOURS) ... how much each counts; rows sum to 1

    @classmethod
    def on(cls, device: torch.device) -> Sphere:
        directions = even_directions(DIRECTIONS)
        at_map = _cell_centres(MAP_SIZE) @ directions.T
        sharp = np.exp((at_map - 1.0) / LIGHT_SPREAD_RAD**2)
        rough = np.concatenate([_ggx_weight(at_map, level) for level in ROUGHNESS_LEVELS])
        at_table = _cell_centres(TABLE_SIZE) @ directions.T
        neighbour = np.argsort(-at_table, axis=1)[:, :NEIGHBOURS]
        near = np.exp((np.take_along_axis(at_table, neighbour, 1) - 1.0) / OPEN_SPREAD_RAD**2)

        def tensor(values: np.ndarray) -> torch.Tensor:
            """The same values (...) on the device."""
            return torch.as_tensor(np.ascontiguousarray(values), device=device)

        return cls(
            directions=tensor(directions),
            to_map=tensor((sharp / sharp.sum(1, keepdims=True)).astype(np.float32)),
            to_rough_maps=tensor((rough / rough.sum(1, keepdims=True)).astype(np.float32)),
            neighbour=tensor(neighbour.astype(np.int64)),
            neighbour_share=tensor((near / near.sum(1, keepdims=True)).astype(np.float32)),
        )

    def light_towards(self, radiance: torch.Tensor, rays: torch.Tensor) -> torch.Tensor:
        """Radiance (B, 3, D) in `rays` (B, ..., 3), unit: (B, ..., 3)."""
        return _sample_maps(radiance @ self.to_map.T, rays).movedim(1, -1)

    def shine_towards(
        self, radiance: torch.Tensor, rays: torch.Tensor, roughness: torch.Tensor
    ) -> torch.Tensor:
        """What points of `roughness` (B, n) mirror from `rays` (B, n, K, 3): (B, n, K, 3)."""
        count, points, cameras, _ = rays.shape
        maps = (radiance @ self.to_rough_maps.T).reshape(count, 3 * len(ROUGHNESS_LEVELS), -1)
        levels = _sample_maps(maps, rays).view(count, 3, len(ROUGHNESS_LEVELS), points, cameras)
        total = torch.zeros_like(levels[:, :, 0])
        for level, share in enumerate(_level_shares(roughness)):
            total.addcmul_(share[:, None, :, None], levels[:, :, level])
        return total.permute(0, 2, 3, 1)

    def visibility_towards(self, bits: torch.Tensor, rays: torch.Tensor) -> torch.Tensor:
        """Share in [0, 1] of the nearest directions that are open: (B, n, K).

        `bits` (B, n, D / 8) uint8, `rays` (B, n, K, 3) unit.
        """
        rows, columns = TABLE_SIZE
        azimuth, height = _azimuth_height(rays)
        row = ((height + 1.0) * (0.5 * rows)).long().clamp_(0, rows - 1)
        column = ((azimuth + 1.0) * (0.5 * columns)).long().clamp_(0, columns - 1)
        cell = row * columns + column
        share = torch.zeros(cell.shape, device=rays.device)
        for number in range(NEIGHBOURS):
            near = self.neighbour[:, number][cell]
            byte = torch.gather(bits, 2, near >> 3)
            is_open = (byte >> (near & 7).to(torch.uint8)) & 1
            share += self.neighbour_share[:, number][cell] * is_open
        return share

    def shares_towards(self, rays: torch.Tensor) -> torch.Tensor:
        """How much each direction counts in `rays` (B, K, 3), unit: (B, D, K), to sum 1."""
        near = torch.exp((self.directions @ rays.transpose(1, 2) - 1.0) / OPEN_SPREAD_RAD**2)
        return near / near.sum(1, keepdim=True)


def unpack(bits: torch.Tensor) -> torch.Tensor:
    """Bits (..., D / 8) uint8 to (..., D) float32, 1: open."""
    shift = torch.arange(8, device=bits.device)
    of_byte = ((torch.arange(256, device=bits.device)[:, None] >> shift) & 1).float()
    return of_byte.index_select(0, bits.flatten().int()).view(*bits.shape[:-1], -1)


def pack(is_open: np.ndarray) -> np.ndarray:
    """Booleans (n, D) to bits (n, D / 8) uint8, as `unpack` reads them."""
    return np.packbits(is_open, axis=1, bitorder="little")


def _cell_centres(size: tuple[int, int]) -> np.ndarray:
    """Unit directions (rows * columns, 3) of the middle of each cell."""
    rows, columns = size
    height = ((np.arange(rows) + 0.5) / rows * 2.0 - 1.0) * (pi / 2.0)
    azimuth = ((np.arange(columns) + 0.5) / columns * 2.0 - 1.0) * pi
    height, azimuth = (grid.ravel() for grid in np.meshgrid(height, azimuth, indexing="ij"))
    ring = np.cos(height)
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), np.sin(height)], 1)


def _ggx_weight(cosine: np.ndarray, roughness: float) -> np.ndarray:
    """How much of the light at an angle of the mirror's direction a rough surface mirrors.

    GGX's distribution of the half vector, seen head on (Walter et al. 2007).
    """
    alpha = roughness**2
    half = 0.5 + 0.5 * cosine  # squared cosine of half the angle
    return np.maximum(cosine, 0.0) / (half * (alpha**2 - 1.0) + 1.0) ** 2


def _level_shares(roughness: torch.Tensor) -> list[torch.Tensor]:
    """For each of ROUGHNESS_LEVELS how much it counts at a roughness (...)."""
    first, middle, last = ROUGHNESS_LEVELS
    low = ((middle - roughness) / (middle - first)).clamp(0.0, 1.0)
    high = ((roughness - middle) / (last - middle)).clamp(0.0, 1.0)
    return [low, 1.0 - low - high, high]


def _azimuth_height(rays: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Angles of unit directions (..., 3), both in [-1, 1]."""
    azimuth = torch.atan2(rays[..., 1], rays[..., 0]) / pi
    height = torch.asin(rays[..., 2].clamp(-1.0, 1.0)) * (2.0 / pi)
    return azimuth, height


def _sample_maps(maps: torch.Tensor, rays: torch.Tensor) -> torch.Tensor:
    """Pictures of the sphere (B, C, rows * columns) in `rays` (B, ..., 3): (B, C, ...)."""
    columns = MAP_SIZE[1]
    wrapped = functional.pad(maps.unflatten(-1, MAP_SIZE), (1, 1, 0, 0), mode="circular")
    azimuth, height = _azimuth_height(rays.flatten(1, -2))
    position = torch.stack([azimuth * (columns / (columns + 2.0)), height], -1)[:, None]
    found = functional.grid_sample(wrapped, position, padding_mode="border", align_corners=False)
    return found[:, :, 0].unflatten(2, rays.shape[1:-1])
