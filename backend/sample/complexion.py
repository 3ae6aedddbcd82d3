"""A face's anatomy in; the pigments under its skin out: melanin, blood, freckles, moles.

Chromophores add up in the logarithm of the albedo (Beer and Lambert; Tsumura and others, 1999),
so a complexion is a base colour and a few density maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from .anatomy import LID_LOWER, LID_UPPER, MM_PER_M, Anatomy, smoothstep
from .noise import cell_noise, fractal_noise

BASE_LINEAR = np.array([0.515, 0.318, 0.218])
# Loss of log albedo (red, green, blue) per unit of density.
MELANIN = np.array([0.31, 0.43, 0.58])
BLOOD = np.array([0.10, 0.42, 0.33])
CAROTENE = np.array([0.0, 0.05, 0.30])
VENOUS = np.array([0.42, 0.30, 0.16])

MOLES = 18
_MOLE_SPACING_MM = 15.0


@dataclass(frozen=True)
class Moles:
    """m moles: positions (m, 3) in metres, head frame, and radii (m,) in metres."""

    position_m: NDArray[np.float32]
    radius_m: NDArray[np.float32]


def skin_density(anatomy: Anatomy, beard: FloatArray) -> FloatArray:
    """Log-albedo loss (n, 3) of the bare skin; `beard` (n,) says where hair roots shine through."""
    melanin = _melanin(anatomy)
    blood = _blood(anatomy)
    lids = _lid_shade(anatomy)
    carotene = 0.25 + 0.40 * anatomy.bump("forehead", 26.0) + 0.15 * anatomy.bump("chin_boss", 14.0)
    under_eye = anatomy.bump("under_eye", 7.5, (-4.0, 0.0, 4.0))
    venous = 0.34 * beard + 0.24 * under_eye + 0.20 * lids
    melanin = melanin + 0.20 * lids + 0.10 * under_eye
    return (
        melanin[:, None] * MELANIN
        + blood[:, None] * BLOOD
        + carotene[:, None] * CAROTENE
        + venous[:, None] * VENOUS
    )


def _melanin(anatomy: Anatomy) -> FloatArray:
    points = anatomy.points
    field = 0.13 * fractal_noise(points, 55.0, 2, 1) + 0.08 * fractal_noise(points, 13.0, 3, 2)
    field += 0.10 * fractal_noise(points, 3.6, 3, 3, gain=0.7)
    tanned = smoothstep(-20.0, 80.0, points[:, 2])
    field += 0.16 * tanned - 0.12 * smoothstep(-70.0, -110.0, points[:, 2])
    return field + _freckles(anatomy)


def _freckles(anatomy: Anatomy) -> FloatArray:
    """Small flat spots where the sun falls: nose, cheeks, forehead."""
    sunny = anatomy.bump("cheek", 22.0) + anatomy.bump("nose_bridge", 14.0)
    sunny = np.minimum(sunny + 0.35 * anatomy.bump("forehead", 30.0) + 0.06, 1.0)
    warped = anatomy.points + 0.7 * np.stack(
        [fractal_noise(anatomy.points, 2.5, 2, seed) for seed in (11, 12, 13)], axis=1
    )
    some = smoothstep(-0.4, 0.9, fractal_noise(anatomy.points, 7.0, 2, 14))
    spots = smoothstep(0.30, 0.14, cell_noise(warped, 4.6, 15))
    dots = smoothstep(0.28, 0.16, cell_noise(warped, 2.7, 16))
    return sunny * some * (0.75 * spots + 0.35 * dots)


def _blood(anatomy: Anatomy) -> FloatArray:
    points = anatomy.points
    field = 0.10 * fractal_noise(points, 32.0, 2, 21) + 0.09 * fractal_noise(points, 8.0, 3, 22)
    field += 0.11 * fractal_noise(points, 2.6, 3, 23, gain=0.7)
    flush = 0.40 * anatomy.bump("cheek", 17.0, (6.0, 0.0, -4.0)) + 0.42 * anatomy.bump(
        "nose_tip", 10.0
    )
    flush = flush + 0.40 * anatomy.bump("ala", 5.0) + 0.15 * anatomy.bump("chin_boss", 11.0)
    flush = flush + 0.45 * anatomy.region("ears") + 0.12 * anatomy.bump("inner_canthus", 6.0)
    blotches = 1.0 + 0.35 * np.clip(fractal_noise(points, 6.0, 3, 24), -2.0, 2.0)
    return field + flush * blotches + _capillaries(anatomy)


def _capillaries(anatomy: Anatomy) -> FloatArray:
    """Fine broken vessels beside the nose and on the cheeks: the zero lines of a noise."""
    crest = 1.0 - np.abs(fractal_noise(anatomy.points, 5.0, 3, 31)) / 0.16
    place = anatomy.bump("ala", 8.0) + 0.6 * anatomy.bump("cheek", 12.0)
    return 0.5 * np.clip(crest, 0.0, 1.0) * np.minimum(place, 1.0)


def _lid_shade(anatomy: Anatomy) -> FloatArray:
    """Thin skin round the eyes, darkest at the upper lid."""
    shade = np.zeros(len(anatomy.table), np.float32)
    for side in range(2):
        upper = anatomy.distance_to_line(anatomy.landmarks[list(LID_UPPER[side])])
        lower = anatomy.distance_to_line(anatomy.landmarks[list(LID_LOWER[side])])
        shade = np.maximum(shade, np.exp(-0.5 * (upper / 6.0) ** 2))
        shade = np.maximum(shade, 0.7 * np.exp(-0.5 * (lower / 4.0) ** 2))
    return shade


def place_moles(anatomy: Anatomy, free: FloatArray, random: np.random.Generator) -> Moles:
    """Strew moles over the face and neck where `free` (n,) is above one half, well apart."""
    points = anatomy.points
    ahead = anatomy.normals[:, 1] < -0.05
    low = anatomy.places("chin")[0][2] - 4.0
    candidates = np.flatnonzero((free > 0.5) & ahead & (points[:, 2] > low))
    order = random.permutation(candidates)
    chosen: list[int] = []
    for texel in order:
        apart = np.linalg.norm(points[chosen] - points[texel], axis=1) if chosen else np.inf
        if np.min(apart) > _MOLE_SPACING_MM:
            chosen.append(int(texel))
        if len(chosen) == MOLES:
            break
    radius = random.uniform(0.8, 1.9, len(chosen)).astype(np.float32)
    return Moles(points[chosen] / MM_PER_M, radius / MM_PER_M)


def mole_density(anatomy: Anatomy, moles: Moles) -> NDArray[np.float32]:
    """Melanin (n,) of the moles, with ragged borders."""
    density = np.zeros(len(anatomy.table), np.float32)
    ragged = 0.12 * fractal_noise(anatomy.points, 1.0, 2, 41)
    for i, (position, radius) in enumerate(
        zip(moles.position_m * MM_PER_M, moles.radius_m * MM_PER_M, strict=True)
    ):
        distance = np.linalg.norm(anatomy.points - position, axis=1) / radius + ragged
        density = np.maximum(density, (1.8 + 0.35 * (i % 4)) * smoothstep(1.15, 0.7, distance))
    return density
