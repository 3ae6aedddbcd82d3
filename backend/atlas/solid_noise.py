"""Points in space in, smooth random values out: texture without seams, whatever the atlas does."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray


def solid_noise(points_m: FloatArray, grain_m: float, seed: int) -> NDArray[np.float32]:
    """Value noise (n,) of about unit variance at points (n, 3); `grain_m`: size of a blob."""
    scaled = np.ascontiguousarray(points_m / grain_m + 1000.0, np.float64)
    return _noise(scaled, seed)


@numba.njit(cache=True, nogil=True)
def _lattice(x, y, z, seed):
    """A number in [-1, 1) that belongs to a lattice point (integer mixing)."""
    mixed = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791) ^ (seed * 39916801)
    mixed = (mixed ^ (mixed >> 13)) * 1274126177 & 0x7FFFFFFF
    mixed = (mixed ^ (mixed >> 16)) * 668265263 & 0x7FFFFFFF
    return mixed / 1073741824.0 - 1.0


@numba.njit(cache=True, nogil=True)
def _noise(points, seed):
    out = np.empty(len(points), np.float32)
    for i in range(len(points)):
        x, y, z = int(points[i, 0]), int(points[i, 1]), int(points[i, 2])
        fx, fy, fz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
        fx, fy, fz = (
            fx * fx * (3.0 - 2.0 * fx),
            fy * fy * (3.0 - 2.0 * fy),
            fz * fz * (3.0 - 2.0 * fz),
        )
        total = 0.0
        for dx in range(2):
            wx = fx if dx else 1.0 - fx
            for dy in range(2):
                wy = fy if dy else 1.0 - fy
                for dz in range(2):
                    wz = fz if dz else 1.0 - fz
                    total += wx * wy * wz * _lattice(x + dx, y + dy, z + dz, seed)
        out[i] = total * 3.3  # uniform values blended in three axes: about .3 rms
    return out
