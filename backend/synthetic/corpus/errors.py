"""What can be wrong with studio textures that are given or were stored before."""

from __future__ import annotations

from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import StudioAvatarError


class CorpusError(StudioAvatarError):
    """A folder of studio textures, its mesh or a stored bank cannot be used."""


def require_colour(name: object, pixels: NDArray) -> None:
    """Raises CorpusError for a grey picture."""
    if pixels.ndim != 3 or pixels.shape[2] < 3:
        raise CorpusError(
            f"The texture {name} is greyscale.", "Name the base colour, saved as RGB."
        )


def require_square(name: object, pixels: NDArray, least_px: int) -> None:
    """Raises CorpusError for a picture that is not square or smaller."""
    height, width = pixels.shape[:2]
    if height != width or height < least_px:
        raise CorpusError(
            f"The texture {name} has {width} x {height} pixels.",
            f"It must be square with at least {least_px} pixels a side.",
        )
