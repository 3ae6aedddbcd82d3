"""Texture sets as aligned PNG maps in a folder (names as in `layout.MAPS`), and back.

Base colour of "phone" is 8 bit, as the footage was; the others and normals are 16 bit, so that
smooth skin does not band under a strong light.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.types import FloatArray, TextureSet

from ..imaging.image_files import pixels_8bit, pixels_16bit, read_image, unit_from_pixels, write_png

COLOURS_FILE = "colours.npz"
ALIGNMENT_FILE = "alignment.png"
SCALAR_MAPS = ("coverage", "confidence", "roughness", "specular", "cavity")


def write_texture_set(folder: Path, textures: TextureSet) -> None:
    """Raises AvatarFolderError where the folder cannot be written."""
    base_pixels = pixels_8bit if textures.origin == "phone" else pixels_16bit
    write_png(folder / "base_color.png", base_pixels(textures.base_color_srgb))
    write_png(folder / "views.png", textures.view_count)
    if textures.normal is not None:
        write_png(folder / "normal.png", pixels_16bit(textures.normal * 0.5 + 0.5))
    for name in SCALAR_MAPS:
        values = getattr(textures, name)
        if values is not None:
            write_png(folder / f"{name}.png", pixels_8bit(values))
    if textures.alignment_srgb is not None:
        write_png(folder / ALIGNMENT_FILE, pixels_8bit(textures.alignment_srgb))
    colours = {"iris_linear": textures.iris_linear}
    if textures.hair_linear is not None:
        colours["hair_linear"] = textures.hair_linear
    write_arrays(folder / COLOURS_FILE, **colours)


def read_texture_set(folder: Path, values: Mapping[str, Any]) -> TextureSet:
    """`values`: what is no image, i.e. `origin` and `findings`.

    Raises AvatarFolderError or OSError where a map is missing or damaged.
    """

    def optional(name: str) -> FloatArray | None:
        """A map (N, N, ...) in [0, 1]; None where this set has none."""
        path = folder / f"{name}.png"
        return unit_from_pixels(read_image(path)) if path.is_file() else None

    normal = optional("normal")
    colours = read_arrays(folder / COLOURS_FILE)
    return TextureSet(
        base_color_srgb=unit_from_pixels(read_image(folder / "base_color.png")),
        coverage=unit_from_pixels(read_image(folder / "coverage.png")),
        confidence=unit_from_pixels(read_image(folder / "confidence.png")),
        view_count=read_image(folder / "views.png").astype(np.uint8),
        normal=None if normal is None else normal * 2 - 1,
        roughness=optional("roughness"),
        specular=optional("specular"),
        cavity=optional("cavity"),
        alignment_srgb=optional("alignment"),
        iris_linear=colours["iris_linear"],
        hair_linear=colours.get("hair_linear"),
        **values,
    )
