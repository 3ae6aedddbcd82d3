"""A folder of pictures in our atlas in; the pictures, small enough for the network, out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch

from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import sha256_file

from ..imaging.image_files import pixels_8bit, read_image, unit_from_pixels
from ..synthetic.corpus.errors import CorpusError, require_colour, require_square

SUFFIXES = (".png", ".jpg", ".jpeg")
BASE_COLOUR = "base_color.png"


def atlas_pictures(folder: Path, origin: str) -> list[Path]:
    """Base colours in the atlas: those of avatars below `folder` (`textures/<origin>/`), else the
    pictures in it. Raises CorpusError where there are none."""
    found = sorted(folder.glob(f"**/textures/{origin}/{BASE_COLOUR}"))
    found = found or sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise CorpusError(
            f"The folder {folder} holds no {origin} textures.",
            f"Name a folder of avatars, or of base colours in the atlas ({', '.join(SUFFIXES)}).",
        )
    return found


def read_atlas_pictures(paths: list[Path], size: int) -> torch.Tensor:
    """(P, 3, size, size) uint8 sRGB. Raises CorpusError for what is damaged, grey, not square or
    smaller."""
    return torch.stack([_read(path, size) for path in paths])


def content_hash(paths: list[Path]) -> str:
    """16 hex digits that change with the files' content, not with their place."""
    marks = sorted(sha256_file(path) for path in paths)
    return hashlib.sha256("".join(marks).encode()).hexdigest()[:16]


def _read(path: Path, size: int) -> torch.Tensor:
    try:
        pixels = read_image(path)
    except AvatarFolderError as error:
        raise CorpusError(f"The texture {path} cannot be read.", "Export it again.") from error
    require_colour(path, pixels)
    require_square(path, pixels, size)
    small = cv2.resize(
        unit_from_pixels(pixels[..., :3]), (size, size), interpolation=cv2.INTER_AREA
    )
    return torch.from_numpy(pixels_8bit(np.asarray(small, np.float32))).permute(2, 0, 1)
