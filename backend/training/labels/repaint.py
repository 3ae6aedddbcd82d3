"""A labelled picture in, the same one of other colours, in other light, by another camera out.

A network that has seen a few hundred people would take their colours for the classes' own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, SKIN

from ...imaging.image_files import Image8
from ...stages.tracking.labels.head_window import DISTANCE_M, Place

# How often each part is painted anew.
BACKGROUND_SHARE, HAIR_SHARE, CLOTHES_SHARE, SKIN_SHARE = 0.5, 0.5, 0.6, 0.5
GREY_SHARE = 0.06  # monochrome footage
# Few of the rendered are bald; so others are made so, down to this height over the eyes.
SHAVED_SHARE, SHAVED_ABOVE_M = 0.35, (-0.05, 0.07)
LUMA = np.array([0.3, 0.6, 0.1], np.float32)  # of sRGB, roughly
BORDER_PX = 1.2  # softness of a part's border
# sRGB in [0, 1] that hair has: darkest black, browns, red, blond, grey, white.
HAIR_TONES = np.array(
    [
        (0.05, 0.045, 0.045), (0.14, 0.10, 0.085), (0.27, 0.19, 0.14), (0.42, 0.30, 0.20),
        (0.47, 0.25, 0.14), (0.66, 0.51, 0.33), (0.80, 0.68, 0.48), (0.50, 0.49, 0.48),
        (0.78, 0.77, 0.76),
    ],
    np.float32,
)  # fmt: skip


@dataclass(frozen=True)
class Repainted:
    picture: Image8  # (H, W, 3)
    labels: NDArray[np.uint8]  # (h, w)


def repaint(
    picture_srgb: Image8,
    labels: NDArray[np.uint8],
    place: NDArray[np.float32],
    random: np.random.Generator,
) -> Repainted:
    """A window's picture (H, W, 3) with its labels (h, w), as another person might look elsewhere.

    `place` (h, w, P): as `HeadWindow` has it.
    """
    image = picture_srgb.astype(np.float32) / 255.0
    shaved = random.random() < SHAVED_SHARE
    if shaved:
        image, labels = _shave(image, labels, place, random)
    if shaved or random.random() < BACKGROUND_SHARE:
        there = _part(image, labels == BACKGROUND)
        image = image * (1.0 - there) + _backdrop(image, there, random) * there
    if random.random() < HAIR_SHARE:
        image = _recolour(image, _part(image, labels == HAIR), _hair_tone(random), random)
    if random.random() < CLOTHES_SHARE:
        tone = _clothes_tone(image, labels, random)
        image = _recolour(image, _part(image, labels == CLOTHES), tone, random)
    if random.random() < SKIN_SHARE:
        gain = np.exp(random.normal(0.0, (0.35, 0.30, 0.30)) + random.normal(0.0, 0.15))
        there = _part(image, labels == SKIN)
        image = image * (1.0 + there * (gain.astype(np.float32) ** 0.6 - 1.0))
    return Repainted(_film(_light(image, random), random), labels)


def _part(image: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W, 1) in [0, 1] of a mask (h, w), with a soft border."""
    mask = cv2.resize(where.astype(np.float32), image.shape[1::-1])
    return cv2.GaussianBlur(mask, (0, 0), BORDER_PX)[..., None]


def _shave(
    image: NDArray[np.float32],
    labels: NDArray[np.uint8],
    place: NDArray[np.float32],
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Hair above some height becomes bare scalp, lit unevenly, or background beside the head."""
    high = place[..., Place.HEIGHT] * DISTANCE_M > random.uniform(*SHAVED_ABOVE_M)
    gone = (labels == HAIR) & high
    scalp = gone & (place[..., Place.INSIDE] > 0.0)
    small = cv2.resize(image, labels.shape[::-1], interpolation=cv2.INTER_AREA)
    skin = small[(labels == SKIN) & (place[..., Place.INSIDE] > 0.0)]
    if not len(skin) or not scalp.any():
        return image, labels
    tone = np.median(skin, axis=0) * random.uniform(0.5, 1.1)
    tone += random.uniform(0.0, 0.5) * (tone @ LUMA - tone)  # stubble greys
    corners = random.normal(0.0, 0.3, (3, 3)).astype(np.float32)
    shade = cv2.resize(corners, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)[..., None]
    pores = random.normal(0.0, random.uniform(0.0, 0.06), (*image.shape[:2], 1))
    bare = _clip(tone * np.exp(shade + cv2.GaussianBlur(pores, (0, 0), 1.0)[..., None]))
    there = _part(image, scalp)
    out = labels.copy()
    out[gone] = BACKGROUND
    out[scalp] = SKIN
    return image + there * (bare - image), out


def _hair_tone(random: np.random.Generator) -> NDArray[np.float32]:
    one, other = HAIR_TONES[random.integers(len(HAIR_TONES), size=2)]
    share = np.float32(random.random() * 0.5)
    if random.random() < 0.06:  # dyed
        one = random.random(3).astype(np.float32)
    return one + share * (other - one)


def _clothes_tone(
    image: NDArray[np.float32], labels: NDArray[np.uint8], random: np.random.Generator
) -> NDArray[np.float32]:
    kind = random.random()
    if kind < 0.2:  # as the hair, or as the skin
        label = HAIR if random.random() < 0.5 else SKIN
        small = cv2.resize(image, labels.shape[::-1], interpolation=cv2.INTER_AREA)
        chosen = small[labels == label]
        if len(chosen):
            return np.median(chosen, axis=0)
    if kind < 0.5:  # black, grey, white
        return np.full(3, random.random(), np.float32)
    return random.random(3).astype(np.float32)


def _recolour(
    image: NDArray[np.float32],
    there: NDArray[np.float32],
    tone: NDArray[np.float32],
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Towards a mean colour, light and shade kept."""
    weight = float(there.sum())
    if weight < 1.0:
        return image
    mean = (image * there).sum(axis=(0, 1)) / weight
    shade = (image @ LUMA)[..., None] / max(float(mean @ LUMA), 0.02)
    contrast = np.float32(random.uniform(0.6, 1.1))
    # Dark parts are mostly gloss: taken as shade, their light places would be glaring.
    painted = tone * np.clip(shade, 0.0, 2.5) ** contrast
    kept = np.float32(random.uniform(0.0, 0.35))
    mixed = kept * (image - mean + tone) + (1.0 - kept) * painted
    return image + there * (np.clip(mixed, 0.0, 1.0) - image)


def _backdrop(
    image: NDArray[np.float32], there: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float32]:
    """Plain, blotched, or the old one in other colours."""
    kind = random.random()
    height, width = image.shape[:2]
    if kind < 0.3:
        return _clip(image * random.uniform(0.4, 1.6, 3).astype(np.float32))
    tone = random.random(3).astype(np.float32)
    if kind < 0.5:
        tone = _hair_tone(random)
    coarse = int(random.integers(2, 24))
    blotches = random.normal(0.0, random.choice((0.02, 0.1, 0.25)), (coarse, coarse, 3))
    field = cv2.resize(blotches.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return _clip(tone + field)


def _light(image: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """A gradient of light over the picture, its tint, exposure and contrast."""
    height, width = image.shape[:2]
    corners = random.normal(0.0, 0.22, (2, 2)) + random.normal(0.0, 0.22)
    field = cv2.resize(corners.astype(np.float32), (width, height))[..., None]
    tint = random.normal(0.0, 0.07, 3).astype(np.float32)
    image = image * np.exp(field + tint)
    image = _clip(image) ** np.float32(np.exp(random.normal(0.0, 0.15)))
    if random.random() < GREY_SHARE:
        image = np.repeat((image @ LUMA)[..., None], 3, axis=2)
    return _clip(image)


def _film(image: NDArray[np.float32], random: np.random.Generator) -> Image8:
    """Blur, noise and compression of a phone."""
    if random.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 1.6))
    noise = random.normal(0.0, random.choice((0.004, 0.012, 0.03)), image.shape)
    pixels = np.rint(_clip(image + noise) * 255.0).astype(np.uint8)
    quality = int(random.integers(35, 95))
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def _clip(image: NDArray) -> NDArray[np.float32]:
    return np.clip(image, 0.0, 1.0).astype(np.float32)
