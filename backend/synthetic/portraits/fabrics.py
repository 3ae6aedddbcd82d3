"""Chance in; colours and pictures of cloth and walls, as sRGB, out."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from ...imaging.image_files import pixels_8bit, srgb_from_linear

PATTERNS = ("plain", "stripes", "hoops", "checks", "blobs", "knit")
_SIZE = 256
Colour = tuple[float, float, float]


def draw_colour(
    random: np.random.Generator, skin_srgb: Colour, hair_srgb: Colour
) -> tuple[Colour, str]:
    """An sRGB colour in [0, 1] of cloth or wall, and which kind it is of."""
    kind = str(random.choice(
        ["grey", "black", "white", "vivid", "muted", "skin", "hair", "yellow", "brown"],
        p=[0.12, 0.14, 0.14, 0.16, 0.18, 0.09, 0.08, 0.04, 0.05],
    ))  # fmt: skip
    if kind in ("skin", "hair"):
        base = np.array(skin_srgb if kind == "skin" else hair_srgb)
        red, green, blue = np.clip(base * random.lognormal(0.0, 0.12, 3), 0.02, 0.98)
        return (float(red), float(green), float(blue)), kind
    hue, full, value = {
        "grey": (random.random(), random.uniform(0.0, 0.1), random.uniform(0.2, 0.75)),
        "black": (random.random(), random.uniform(0.0, 0.3), random.uniform(0.03, 0.16)),
        "white": (random.random(), random.uniform(0.0, 0.08), random.uniform(0.82, 0.97)),
        "vivid": (random.random(), random.uniform(0.6, 0.95), random.uniform(0.35, 0.9)),
        "muted": (random.random(), random.uniform(0.15, 0.5), random.uniform(0.2, 0.7)),
        "yellow": (random.uniform(0.09, 0.16), random.uniform(0.4, 0.9), random.uniform(0.6, 0.95)),
        "brown": (random.uniform(0.03, 0.1), random.uniform(0.3, 0.7), random.uniform(0.15, 0.5)),
    }[kind]
    return colorsys.hsv_to_rgb(float(hue), float(full), float(value)), kind


def fabric(
    pattern: str, colours: tuple[Colour, Colour], random: np.random.Generator
) -> NDArray[np.uint8]:
    """A picture (256, 256, 3) of a pattern of PATTERNS that repeats seamlessly."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] / _SIZE
    many = int(random.integers(3, 9))
    if pattern == "plain":
        share = np.zeros_like(x)
    elif pattern == "stripes":
        share = _step(np.sin(2 * np.pi * many * x) + random.uniform(-0.7, 0.7))
    elif pattern == "hoops":
        share = _step(np.sin(2 * np.pi * many * y) + random.uniform(-0.7, 0.7))
    elif pattern == "checks":
        share = 0.5 * _step(np.sin(2 * np.pi * many * x)) + 0.5 * _step(
            np.sin(2 * np.pi * many * y)
        )
    elif pattern == "knit":
        share = 0.5 + 0.5 * np.sin(2 * np.pi * (24 * x + np.abs(np.sin(2 * np.pi * 12 * y))))
    else:
        share = _step(3.0 * _soft_noise(random, float(random.uniform(6.0, 18.0))))
    first, second = (np.array(colour) for colour in colours)
    picture = first + share[..., None] * (second - first)
    grain = 0.025 * _soft_noise(random, 0.8) + 0.015 * _soft_noise(random, 12.0)
    return pixels_8bit(picture * (1.0 + grain[..., None]))


def draw_fabric(
    random: np.random.Generator, skin_srgb: Colour, hair_srgb: Colour, plain: float = 0.55
) -> tuple[NDArray[np.uint8], str]:
    """A picture of cloth or wall paper, plain with that probability, and its colour's kind."""
    colour, kind = draw_colour(random, skin_srgb, hair_srgb)
    other, _ = draw_colour(random, skin_srgb, hair_srgb)
    pattern = "plain" if random.random() < plain else str(random.choice(PATTERNS[1:]))
    if pattern == "knit":
        red, green, blue = 0.6 * np.array(colour)
        other = float(red), float(green), float(blue)
    return fabric(pattern, (colour, other), random), kind


def flat_texture(colour_srgb: Colour) -> NDArray[np.uint8]:
    """(4, 4, 3) of one colour."""
    return np.tile(pixels_8bit(np.array(colour_srgb)), (4, 4, 1))


def srgb_of(linear: Colour) -> Colour:
    """A linear colour encoded."""
    red, green, blue = (float(c) for c in srgb_from_linear(np.array(linear)))
    return red, green, blue


def _step(values: NDArray) -> NDArray:
    return np.clip(0.5 + 4.0 * values, 0.0, 1.0)


def _soft_noise(random: np.random.Generator, sigma_px: float) -> NDArray[np.float64]:
    """(256, 256) of standard deviation 1 that repeats seamlessly."""
    pad = int(4 * sigma_px) + 1
    noise = np.pad(random.normal(0.0, 1.0, (_SIZE, _SIZE)), pad, mode="wrap")
    soft = cv2.GaussianBlur(noise, (0, 0), sigma_px)[pad:-pad, pad:-pad]
    return soft / soft.std()
