"""A face's anatomy in; the colours of what is not plain skin out: lips, eyes, mouth, lashes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from .anatomy import LIP_LOWER, LIP_UPPER, Anatomy, smoothstep
from .noise import fractal_noise

IRIS_LINEAR = np.array([0.115, 0.085, 0.045], np.float32)
_IRIS_MM, _PUPIL_MM = 5.85, 1.9
_SCLERA = np.array([0.62, 0.585, 0.55])
_VESSEL = np.array([0.55, 0.13, 0.10])
_TISSUE = {
    "teeth": (0.64, 0.55, 0.42),
    "gums": (0.42, 0.15, 0.13),
    "tongue": (0.40, 0.15, 0.13),
    "mouth": (0.26, 0.065, 0.055),
    "lashes": (0.012, 0.008, 0.006),
    "cornea": (0.05, 0.04, 0.03),
    "tear": (0.05, 0.04, 0.03),
    "caruncle": (0.42, 0.20, 0.17),
}
# Loss of log albedo from skin to the red of the lips.
_LIP_DENSITY = np.array([0.28, 0.70, 0.57])


def lip_share(anatomy: Anatomy) -> NDArray[np.float32]:
    """Share of lip (n,), with a border that is neither straight nor sharp."""
    ragged = 0.05 * fractal_noise(anatomy.points, 2.0, 2, 71)
    return smoothstep(0.30, 0.62, anatomy.region("lips") + ragged).astype(np.float32)


def lip_density(anatomy: Anatomy) -> FloatArray:
    """Log-albedo loss (n, 3) of the lips over that of the skin: red, with vertical creases."""
    # Stretched upward, so that the noise makes creases that run across the lip.
    flat = anatomy.points * np.array([1.0, 0.35, 0.16], np.float32)
    creases = 0.10 * fractal_noise(flat, 1.5, 3, 72)
    line = 0.5 * (anatomy.landmarks[list(LIP_UPPER)] + anatomy.landmarks[list(LIP_LOWER)])
    seam = np.exp(-0.5 * (anatomy.distance_to_line(line) / 1.6) ** 2)
    strength = 1.0 + creases + 0.25 * seam + 0.08 * fractal_noise(anatomy.points, 5.0, 2, 73)
    return strength[:, None] * _LIP_DENSITY


def eye_colors(anatomy: Anatomy) -> NDArray[np.float32]:
    """Linear albedo (n, 3) of the eyeballs, right where the material is "eye"."""
    color = np.zeros((len(anatomy.table), 3), np.float32)
    eyes = np.flatnonzero(anatomy.table.is_material("eye"))
    points = anatomy.points[eyes]
    nearest = (points[:, :1] < 0).astype(int)[:, 0]
    arm = points - anatomy.eye_centres[nearest]
    color[eyes] = _eye(arm / np.linalg.norm(arm, axis=1, keepdims=True), nearest)
    return color


def _eye(direction: FloatArray, eye: NDArray[np.integer]) -> FloatArray:
    """Colour (k, 3) by direction (k, 3) from the eye's centre: pupil, fibres, limbus, white."""
    radius_mm = 12.0 * np.arccos(np.clip(-direction[:, 1], -1.0, 1.0))
    around = np.arctan2(direction[:, 2], direction[:, 0])
    place = np.stack([np.cos(around), np.sin(around), 0.04 * radius_mm], 1) + 7.0 * eye[:, None]
    fibres = fractal_noise(place, 0.16, 3, 75)
    depth = smoothstep(_PUPIL_MM, _PUPIL_MM + 1.4, radius_mm)
    shade = (1.35 - 0.45 * depth) * np.exp(0.28 * fibres)
    shade *= 1.0 - 0.8 * smoothstep(_IRIS_MM - 1.1, _IRIS_MM, radius_mm)
    shade *= smoothstep(_PUPIL_MM - 0.2, _PUPIL_MM + 0.2, radius_mm)
    iris = IRIS_LINEAR * shade[:, None]
    away = smoothstep(6.0, 17.0, radius_mm)[:, None]
    white = _SCLERA * (1.0 - away * np.array([0.04, 0.16, 0.20]))
    crest = 1.0 - np.abs(fractal_noise(direction, 0.33, 3, 76)) / 0.10
    vessels = 0.35 * np.clip(crest, 0.0, 1.0) * smoothstep(7.5, 13.0, radius_mm)
    white = white + vessels[:, None] * (_VESSEL - white)
    share = smoothstep(_IRIS_MM - 0.35, _IRIS_MM + 0.35, radius_mm)[:, None]
    return iris + share * (white - iris)


def tissue_colors(anatomy: Anatomy) -> NDArray[np.float32]:
    """Linear albedo (n, 3) of teeth, gums, tongue, mouth and lashes; zero elsewhere."""
    color = np.zeros((len(anatomy.table), 3), np.float32)
    mottle = np.exp(0.07 * fractal_noise(anatomy.points, 3.0, 3, 77))[:, None]
    for material, tissue in _TISSUE.items():
        where = anatomy.table.is_material(material)
        color[where] = np.array(tissue) * mottle[where]
    return color
