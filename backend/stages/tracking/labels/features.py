"""The window's picture in, what a pixel is told by out: colour and texture, place, the person
network's layers.

Colours are taken relative to the face's own, as nobody's light or skin is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....detector.person_network import PersonNetwork
from ....imaging.image_files import Image8, linear_from_srgb
from ....imaging.log_light import LUMINANCE, log_light
from .head_window import GRID_PX, HeadWindow

COLOUR_SIGMAS_PX = (1.0, 6.0)  # of the picture, a millimetre each: a lock's, its surroundings'
GRADIENT_SIGMAS_PX = (2.0, 5.0)  # over which directions are averaged: strands lie side by side
DEVIATION_SIGMAS_PX = (2.0, 6.0)
LOOK_FEATURES = 21  # the first features: colour and texture
FINE_DEVIATION = 19  # among them: how much log light varies over some four millimetres
MIN_FACE_PX = 50  # of the grid: fewer say nothing of the face's colour
LAB_UNITS = np.float32(50.0)
_LOG_LIGHT = log_light(linear_from_srgb(np.arange(256, dtype=np.float32) / 255.0))  # of 8 bits


@dataclass(frozen=True)
class WindowFeatures:
    """F features of each pixel of the grid, and the person as the network has it."""

    values: NDArray[np.float32]  # (GRID_PX, GRID_PX, F); the first LOOK_FEATURES: the look
    person: NDArray[np.float32]  # (GRID_PX, GRID_PX) in [0, 1]


def window_features(picture: Image8, window: HeadWindow, network: PersonNetwork) -> WindowFeatures:
    """Of a window's picture (PICTURE_PX, PICTURE_PX, 3)."""
    small = cv2.resize(picture, (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA)
    found = network.features(np.asarray(small, np.uint8))
    values = np.concatenate(
        [_look(picture, window.face), window.place, found.person[..., None], found.layers], axis=2
    )
    return WindowFeatures(np.ascontiguousarray(values), found.person)


def _look(picture: Image8, face: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(GRID_PX, GRID_PX, LOOK_FEATURES)."""
    log = _LOG_LIGHT[picture]
    if face.sum() < MIN_FACE_PX:
        face = np.ones_like(face)
    log = log - np.median(_on_grid(log)[face], axis=0)
    bright = log @ LUMINANCE
    tones = np.dstack([bright, log[..., 0] - bright, log[..., 2] - bright])
    parts = [cv2.GaussianBlur(tones, (0, 0), sigma) for sigma in COLOUR_SIGMAS_PX]
    lab = cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB) / LAB_UNITS
    lab = cv2.GaussianBlur(lab, (0, 0), COLOUR_SIGMAS_PX[0])
    own = np.median(_on_grid(lab)[face], axis=0)
    parts += [lab, lab[..., 1:] - own[1:]]
    parts += [_strands(bright, sigma) for sigma in GRADIENT_SIGMAS_PX]
    parts += [_deviation(bright, sigma) for sigma in DEVIATION_SIGMAS_PX]
    return _on_grid(np.dstack(parts).astype(np.float32))


def _on_grid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each 2 x 2 of (PICTURE_PX, PICTURE_PX, C); OpenCV resizes four channels at
    most."""
    rows = values[0::2] + values[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)


def _strands(bright: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """(H, W, 4) of log light (H, W): how far gradients lie in one line, how strong they are, and
    how that line lies (the structure tensor, Bigun & Granlund 1987)."""
    by_x = cv2.Sobel(bright, cv2.CV_32F, 1, 0, scale=1 / 8)
    by_y = cv2.Sobel(bright, cv2.CV_32F, 0, 1, scale=1 / 8)
    xx, yy, xy = (
        cv2.GaussianBlur(product, (0, 0), sigma_px)
        for product in (by_x * by_x, by_y * by_y, by_x * by_y)
    )
    energy = xx + yy + 1e-6
    along = np.hypot(xx - yy, 2.0 * xy) + 1e-9
    return np.dstack(
        [along / energy, np.log(energy) / 5.0, (xx - yy) / along, np.abs(2.0 * xy) / along]
    )


def _deviation(bright: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    mean = cv2.GaussianBlur(bright, (0, 0), sigma_px)
    square = cv2.GaussianBlur(bright * bright, (0, 0), sigma_px)
    return np.sqrt(np.maximum(square - mean * mean, 0.0))
