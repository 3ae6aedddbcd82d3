"""A finished avatar and its clip's hand-drawn labels in; how much of its ears and neck is painted
in the colour of hair or cloth, out.

The hand-drawn map says which pixels of its frame are skin, hair and clothes; each texel takes the
side of the nearer of their colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.bundle import AvatarFolder, template_of
from studio_avatar_addon.avatar.labels import CLOTHES, HAIR, SKIN

from ...atlas.texel_map import region, texel_map
from ...imaging.image_files import Image8, read_image, unit_from_pixels

SIZE = 512  # texels a side
PLACES = {"ears": ("ears",), "neck": ("neck",), "cheeks": ("cheeks", "jaw")}
INSIDE = 0.7  # of a region's weight
COLOURS, ROUNDS = 12, 10  # of each side: light and shade, and several pieces of clothing
MAX_PIXELS = 6000  # that a palette is made of


@dataclass(frozen=True)
class StrayColours:
    """Shares of the texels of ears, neck and cheeks; of all of them, filmed or made up."""

    share: dict[str, float]


def stray_colours(
    avatar: AvatarFolder, frame_srgb: Image8, truth: NDArray[np.uint8]
) -> StrayColours | None:
    """Of an avatar's phone texture, with a frame (H, W, 3) of its clip and its labels (h, w).

    None where the frame shows neither hair nor clothes, or the avatar has no phone texture.
    """
    path = avatar.texture("phone", "base_color")
    small = cv2.resize(frame_srgb, truth.shape[::-1], interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    foreign = lab[(truth == HAIR) | (truth == CLOTHES)]
    skin = lab[truth == SKIN]
    if path is None or min(len(foreign), len(skin)) < COLOURS:
        return None
    texels = texel_map(template_of(avatar), SIZE)
    texture = cv2.resize(
        unit_from_pixels(read_image(path)), (SIZE, SIZE), interpolation=cv2.INTER_AREA
    )
    colours = texels.gather(cv2.cvtColor(texture, cv2.COLOR_RGB2LAB))
    nearest = [_distance(colours, _palette(side)) for side in (skin, foreign)]
    stray = nearest[1] < nearest[0]
    shares = {}
    for name, regions in PLACES.items():
        inside = texels.interpolate(region(texels.template, *regions)) > INSIDE
        inside &= texels.is_material("skin")
        shares[name] = float(stray[inside].mean())
    return StrayColours(shares)


def _palette(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """(COLOURS, 3) that stand for many (n, 3)."""
    cv2.setRNGSeed(0)
    chosen = np.ascontiguousarray(lab[:: max(len(lab) // MAX_PIXELS, 1)])
    stop = (cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, 0.0)
    _, _, centres = cv2.kmeans(
        chosen, COLOURS, np.empty(0, np.int32), stop, 3, cv2.KMEANS_PP_CENTERS
    )
    return np.asarray(centres, np.float32)


def _distance(colours: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) to the nearest of the palette's."""
    return np.linalg.norm(colours[:, None] - palette, axis=2).min(axis=1)
