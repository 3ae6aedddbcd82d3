"""Persons in; pictures of their textures, flat, on heads and close up, out: to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate

from ...atlas.texel_map import texel_map
from ...imaging.image_files import pixels_8bit, srgb_from_linear
from .anatomy import Anatomy
from .on_head import heads
from .painter import StudioTexture, paint
from .person import draw_person

_CLOSE_TEXTURE, _CLOSE_PX = 2048, 320
# Places of the face: millimetres outward and up, of the left side.
_CLOSE_UPS = {
    "cheek": ("cheek", 0.0, 0.0),
    "lips": ("lip_lower_middle", 0.0, 4.0),
    "brow": ("outer_canthus", -14.0, 16.0),
    "ear": ("tragus", 14.0, 4.0),
    "chin": ("chin_boss", 8.0, -6.0),
}


def texture_srgb(texture: StudioTexture) -> NDArray[np.uint8]:
    """(N, N, 3) sRGB, 8 bits."""
    linear = texture.albedo.permute(1, 2, 0).cpu().numpy()
    return pixels_8bit(srgb_from_linear(linear))


def close_up_sheet(template: HeadTemplate, seeds: Sequence[int]) -> NDArray[np.uint8]:
    """A row for each person: cheek, lips, brow, ear and chin of the texture at 2048 texels."""
    anatomy = Anatomy(texel_map(template, _CLOSE_TEXTURE), template.vertices_m)
    tiles: list[NDArray[np.uint8]] = []
    for seed in seeds:
        painted = paint(draw_person(seed), anatomy, torch.device("cpu"))
        tiles += close_ups(texture_srgb(painted), anatomy)
    return tiled(tiles, len(_CLOSE_UPS))


def head_sheet(
    template: HeadTemplate, images: Sequence[NDArray[np.uint8]], size_px: int
) -> NDArray[np.uint8]:
    """A column for each texture (N, N, 3): the head under it, turned by `YAWS_DEG`."""
    columns = [np.vstack(heads(image, template, size_px)) for image in images]
    return np.hstack(columns)


def close_ups(image: NDArray[np.uint8], anatomy: Anatomy) -> list[NDArray[np.uint8]]:
    """Pieces (320, 320, 3) of an image (N, N, 3) round the places of `_CLOSE_UPS`."""
    size, half = len(image), _CLOSE_PX // 2
    framed = cv2.copyMakeBorder(image, half, half, half, half, cv2.BORDER_REPLICATE)
    pieces = []
    for name, outward_mm, up_mm in _CLOSE_UPS.values():
        place = anatomy.chart_place(name, outward_mm, up_mm)
        front = np.abs(anatomy.chart - place).sum(1) + np.where(
            anatomy.texels.is_material("skin"), 0.0, 1e6
        )
        row, column = divmod(int(anatomy.texels.texel[int(front.argmin())]), size)
        pieces.append(framed[row : row + _CLOSE_PX, column : column + _CLOSE_PX].astype(np.uint8))
    return pieces


def tiled(images: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Images of one size in rows of `columns`; the last row is filled up with black."""
    missing = -len(images) % columns
    full = [*images, *[np.zeros_like(images[0])] * missing]
    return np.vstack([np.hstack(full[i : i + columns]) for i in range(0, len(full), columns)])
