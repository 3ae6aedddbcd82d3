"""A face's anatomy in; how its skin stands up and shines out: height, roughness, specular level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from .anatomy import Anatomy
from .noise import cell_noise, fractal_noise
from .strokes import Canvas

# Means over the face; specular is Principled's IOR level, .35 being skin's F0 of .028.
_ROUGHNESS, _SPECULAR = 0.47, 0.35


@dataclass(frozen=True, eq=False)
class _Line:
    points_mm: FloatArray  # (k, 2) in the chart
    width_mm: float
    depth: float  # in [0, 1]


def wrinkles(anatomy: Anatomy, random: np.random.Generator) -> NDArray[np.float32]:
    """Depth (n,) in [0, 1] of forehead lines, crow's feet, smile lines and neck rings."""
    lines = _forehead_lines(anatomy, random)
    for side in (1.0, -1.0):
        lines += _side_lines(anatomy, side, random)
    canvas = Canvas.around(np.concatenate([line.points_mm for line in lines]), 6.0, 8.0)
    for line in lines:
        canvas.draw(line.points_mm[None], line.width_mm, np.array([line.depth]))
    canvas.soften(0.45)
    return canvas.at(anatomy.chart) * (anatomy.points[:, 1] < 20.0)


def _forehead_lines(anatomy: Anatomy, random: np.random.Generator) -> list[_Line]:
    low = float(anatomy.places("sellion")[0][2]) + 24.0
    high = float(anatomy.places("hairline")[0][2]) - 6.0
    lines = []
    for height in np.linspace(low, high, 4):
        u = np.linspace(random.uniform(-44, -30), random.uniform(30, 44), 40)
        arch = -4.0 * (u / 40.0) ** 2 + random.uniform(0.5, 1.4) * np.sin(u / 9.0 + height)
        lines.append(_Line(np.stack([u, height + arch], 1), 0.6, random.uniform(0.35, 0.6)))
    return lines


def _side_lines(anatomy: Anatomy, side: float, random: np.random.Generator) -> list[_Line]:
    """Crow's feet, the line under the eye, the smile line, a neck ring; `side` is 1 left, -1."""
    at = anatomy.chart_place
    lines = []
    for tilt in (0.45, 0.1, -0.3):
        start = at("outer_canthus", 5.0, 1.0 + 4.0 * tilt)
        end = start + np.array([random.uniform(8.0, 12.0), 9.0 * tilt - 2.0])
        lines.append(_Line(_bent(start, end, -0.5), 0.4, random.uniform(0.3, 0.5)))
    lid = _bent(at("inner_canthus", 2.0, -6.0), at("outer_canthus", 0.0, -7.0), -5.0)
    lines.append(_Line(lid, 0.5, 0.45))
    smile = _bent(at("wing", 4.0, 2.0), at("mouth_corner", 9.0, -4.0), 0.0)
    smile[:, 0] += 3.0 * np.sin(np.linspace(0.0, np.pi, len(smile)))
    lines.append(_Line(smile, 1.0, 0.8))
    ring = _bent(at("chin", 0.0, -48.0), at("chin", 70.0, -36.0), -3.0)
    lines.append(_Line(ring, 0.8, 0.6))
    return [_Line(line.points_mm * [side, 1.0], line.width_mm, line.depth) for line in lines]


def _bent(start: FloatArray, end: FloatArray, sag_mm: float) -> FloatArray:
    """A line (16, 2) from start to end that hangs by `sag_mm` in the middle."""
    share = np.linspace(0.0, 1.0, 16)
    line = start + share[:, None] * (end - start)
    line[:, 1] += sag_mm * np.sin(np.pi * share)
    return line


def pores(anatomy: Anatomy) -> NDArray[np.float32]:
    """Depth (n,) in [0, 1] of pores, widest on nose and cheeks."""
    place = anatomy.bump("nose_tip", 16.0) + 0.8 * anatomy.bump("cheek", 20.0)
    place = np.minimum(place + 0.5 * anatomy.bump("forehead", 25.0) + 0.25, 1.0)
    return place * np.clip(1.0 - cell_noise(anatomy.points, 1.1, 51) / 0.33, 0.0, 1.0)


def skin_height_m(
    anatomy: Anatomy, pore_depth: FloatArray, wrinkle_depth: FloatArray
) -> FloatArray:
    """Height (n,) of the skin above its smooth surface, metres."""
    grain = fractal_noise(anatomy.points, 1.6, 3, 52)
    lumps = fractal_noise(anatomy.points, 9.0, 2, 53)
    micrometres = 25.0 * grain + 55.0 * lumps - 140.0 * pore_depth - 330.0 * wrinkle_depth
    return micrometres * 1e-6


def skin_shine(anatomy: Anatomy, lips: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Roughness (n,) and specular level (n,): oily nose and forehead, dry cheeks and neck."""
    roughness = _ROUGHNESS + 0.02 * fractal_noise(anatomy.points, 7.0, 3, 61)
    roughness -= 0.11 * anatomy.bump("nose_tip", 14.0) + 0.08 * anatomy.bump("forehead", 26.0)
    roughness += 0.06 * anatomy.region("ears") + 0.05 * anatomy.region("neck") - 0.12 * lips
    specular = _SPECULAR + 0.02 * fractal_noise(anatomy.points, 4.0, 2, 62) + 0.08 * lips
    return np.clip(roughness, 0.25, 0.6), np.clip(specular, 0.2, 0.5)
