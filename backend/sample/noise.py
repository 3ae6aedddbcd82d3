"""Points in space to smooth random fields: 3D gradient noise, so that an atlas has no seams.

Ken Perlin, "Improving noise", 2002: lattice gradients, quintic fade.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

# Measured standard deviation of one octave over a large volume.
_OCTAVE_SD = 0.27


def fractal_noise(
    points: FloatArray, wavelength: float, octaves: int, seed: int, gain: float = 0.5
) -> NDArray[np.float32]:
    """Noise (n,) at points (n, 3), mean 0, standard deviation 1; `wavelength` in their unit.

    Each further octave halves the wavelength and has `gain` times the amplitude.
    """
    scaled = np.ascontiguousarray(points, np.float32) / np.float32(wavelength)
    total = np.zeros(len(scaled), np.float32)
    for octave in range(octaves):
        total += gain**octave * _gradient_noise(scaled * 2.0**octave, seed * 31 + octave)
    deviation = _OCTAVE_SD * np.sqrt(sum(gain ** (2 * octave) for octave in range(octaves)))
    return total / np.float32(deviation)


def cell_noise(points: FloatArray, wavelength: float, seed: int) -> NDArray[np.float32]:
    """Distance (n,) to the nearest of points strewn one per cell, in cells: about 0 to 1.2."""
    return _nearest_point(np.ascontiguousarray(points, np.float32) / np.float32(wavelength), seed)


@numba.njit(cache=True, nogil=True, inline="always")
def _hash(x, y, z, seed):
    h = np.uint32(x * 374761393 + y * 668265263 + z * 2147483647 + seed * 1274126177)
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(1274126177))
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(2246822519))
    return np.uint32(h ^ (h >> np.uint32(16)))


@numba.njit(cache=True, nogil=True)
def _slope(x, y, z, seed, dx, dy, dz):
    """Dot product of a lattice point's gradient, one of 12 edge directions, with an offset."""
    edge = _hash(x, y, z, seed) % np.uint32(12)
    a = 1.0 if edge & np.uint32(1) else -1.0
    b = 1.0 if edge & np.uint32(2) else -1.0
    axis = edge // np.uint32(4)
    if axis == 0:
        return a * dx + b * dy
    if axis == 1:
        return a * dx + b * dz
    return a * dy + b * dz


@numba.njit(cache=True, nogil=True)
def _gradient_noise(points, seed):
    out = np.empty(len(points), np.float32)
    for i in range(len(points)):
        fx, fy, fz = np.floor(points[i, 0]), np.floor(points[i, 1]), np.floor(points[i, 2])
        x, y, z = int(fx), int(fy), int(fz)
        dx, dy, dz = points[i, 0] - fx, points[i, 1] - fy, points[i, 2] - fz
        u = dx * dx * dx * (dx * (dx * 6.0 - 15.0) + 10.0)
        v = dy * dy * dy * (dy * (dy * 6.0 - 15.0) + 10.0)
        w = dz * dz * dz * (dz * (dz * 6.0 - 15.0) + 10.0)
        value = 0.0
        for corner in range(8):
            a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
            share = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
            value += share * _slope(x + a, y + b, z + c, seed, dx - a, dy - b, dz - c)
        out[i] = value
    return out


@numba.njit(cache=True, nogil=True)
def _nearest_point(points, seed):
    out = np.empty(len(points), np.float32)
    for i in range(len(points)):
        x, y = int(np.floor(points[i, 0])), int(np.floor(points[i, 1]))
        z = int(np.floor(points[i, 2]))
        nearest = 9.0
        for a in range(-1, 2):
            for b in range(-1, 2):
                for c in range(-1, 2):
                    h = _hash(x + a, y + b, z + c, seed)
                    px = x + a + (h & np.uint32(1023)) / 1023.0
                    py = y + b + ((h >> np.uint32(10)) & np.uint32(1023)) / 1023.0
                    pz = z + c + ((h >> np.uint32(20)) & np.uint32(1023)) / 1023.0
                    squared = (
                        (points[i, 0] - px) ** 2
                        + (points[i, 1] - py) ** 2
                        + (points[i, 2] - pz) ** 2
                    )
                    nearest = min(nearest, squared)
        out[i] = np.sqrt(nearest)
    return out
