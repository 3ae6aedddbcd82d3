"""A studio texture in; the maps that a capture's spec or an avatar names as its skin, out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.image_files import pixels_8bit, write_png
from ...imaging.normal_map import normals_from_slopes
from .anatomy import MM_PER_M, Anatomy
from .painter import StudioTexture
from .person_sheets import texture_srgb

_STEEPEST = 1.0


def skin_maps(texture: StudioTexture, anatomy: Anatomy) -> dict[str, NDArray[np.uint8]]:
    """Images by map name: base_color (N, N, 3) sRGB, roughness and specular (N, N) and normal
    (N, N, 3), tangent space, +Y up. `anatomy`: the head that the texture was painted on."""
    place_m = anatomy.texels.scatter(anatomy.points / MM_PER_M)
    normal = normal_map(texture.height_m.cpu().numpy(), place_m)
    return {
        "base_color": texture_srgb(texture),
        "roughness": pixels_8bit(texture.roughness.cpu().numpy()),
        "specular": pixels_8bit(texture.specular.cpu().numpy()),
        "normal": pixels_8bit(0.5 + 0.5 * normal),
    }


def write_maps(maps: Mapping[str, NDArray[np.uint8]], folder: Path) -> dict[str, str]:
    """Store the maps as PNG in `folder`, which exists; their file names by map name."""
    for name, image in maps.items():
        write_png(folder / f"{name}.png", image)
    return {name: f"{name}.png" for name in maps}


def normal_map(height_m: FloatArray, place_m: FloatArray) -> NDArray[np.float32]:
    """Unit normals (N, N, 3), tangent space, +Y up, of a height (N, N) above the surface whose
    texels lie at `place_m` (N, N, 3)."""
    slope = []
    for axis in (1, 0):
        rise = np.gradient(height_m, axis=axis)
        run = np.linalg.norm(np.gradient(place_m, axis=axis), axis=-1)
        slope.append(np.where(run > 1e-6, rise / np.maximum(run, 1e-6), 0.0))
    # Across a chart's border the neighbours belong to another place: keep such slopes small.
    right, down = (np.clip(s, -_STEEPEST, _STEEPEST) for s in slope)
    return normals_from_slopes(right, -down).astype(np.float32)
