"""Points in space to smooth random fields and strewn spots, in torch: an atlas has no seams there.

Fields are looked up in one repeating volume of band-limited noise, turned and shifted by seed,
which is some ten times faster than hashing a lattice at every texel. What a texel cannot hold is
left out, so that the same person looks the same at every size.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from ...imaging.band_noise import band_response, periodic_noise

_VOLUME = 96  # voxels a side
_VOXELS_PER_WAVE = 4.0
_VOLUME_SEED = 7
# An octave is faded out between these wavelengths, in texels.
_GONE, _WHOLE = 1.6, 3.2


def fractal_noise(
    points_mm: torch.Tensor,
    wavelength_mm: float,
    octaves: int,
    seed: int,
    texel_mm: float | torch.Tensor,
    gain: float = 0.6,
) -> torch.Tensor:
    """Noise (n,) at points (n, 3), mean 0, standard deviation about 1.

    Each further octave halves the wavelength and has `gain` times the amplitude; waves shorter than
    texels hold are missing, and with them their share of the deviation. `texel_mm`: one size for
    all points or one each (n,).
    """
    total = torch.zeros(len(points_mm), device=points_mm.device)
    for octave in range(octaves):
        wave = wavelength_mm / 2.0**octave
        kept = _kept(wave, texel_mm)
        if bool((kept > 0.0).any()):
            total += kept * gain**octave * _octave(points_mm, wave, seed * 31 + octave)
    return total / float(np.sqrt(sum(gain ** (2 * octave) for octave in range(octaves))))


def _kept(wavelength_mm: float, texel_mm: float | torch.Tensor) -> torch.Tensor:
    """Share of a wave that texels of this size hold, one for all or one each."""
    texels = wavelength_mm / torch.as_tensor(texel_mm)
    return ((texels - _GONE) / (_WHOLE - _GONE)).clamp(0.0, 1.0)


def _octave(points_mm: torch.Tensor, wavelength_mm: float, seed: int) -> torch.Tensor:
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.standard_normal((3, 3)))
    turn *= _VOXELS_PER_WAVE / wavelength_mm
    turned = torch.from_numpy(turn.astype(np.float32)).to(points_mm.device)
    shift = torch.from_numpy(random.uniform(0, _VOLUME, 3).astype(np.float32)).to(points_mm.device)
    place = torch.remainder(points_mm @ turned + shift, _VOLUME)
    volume = _volume(points_mm.device)
    found = torch.nn.functional.grid_sample(
        volume, (place * (2.0 / _VOLUME) - 1.0)[None, None, None], align_corners=True
    )
    return found[0, 0, 0, 0]


@cache
def _volume(device: torch.device) -> torch.Tensor:
    """(1, 1, n, n, n) periodic noise of deviation 1 whose first voxels are repeated at the end."""
    random = np.random.default_rng(_VOLUME_SEED)
    axis = np.fft.fftfreq(_VOLUME)
    frequency = np.sqrt(
        axis[:, None, None] ** 2
        + axis[None, :, None] ** 2
        + np.fft.rfftfreq(_VOLUME)[None, None, :] ** 2
    )
    octave = _VOXELS_PER_WAVE * np.sqrt(0.5), _VOXELS_PER_WAVE * np.sqrt(2.0)
    field = periodic_noise(random, (_VOLUME,) * 3, band_response(frequency, *octave))
    field = np.pad(field, ((0, 1),) * 3, mode="wrap")
    return torch.from_numpy(field.astype(np.float32)).to(device)[None, None]


def strewn_spots(
    points_mm: torch.Tensor, spacing_mm: float, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Distance (n,) in mm to the nearest of points strewn one per cube, and its own number (n,).

    The number, even in [0, 1), tells spots apart. Exact up to 0.45 of the spacing.
    """
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    turned = torch.from_numpy((turn / spacing_mm).astype(np.float32)).to(points_mm.device)
    scaled = points_mm @ turned
    # The eight cubes round the corner nearest to the point.
    first = torch.floor(scaled - 0.5)
    nearest = torch.full((len(scaled),), 9.0, device=points_mm.device)
    number = torch.zeros_like(nearest)
    for corner in range(8):
        step = torch.tensor([corner & 1, (corner >> 1) & 1, corner >> 2], device=points_mm.device)
        cube = first + step
        bits = _hashed(cube.to(torch.int32), seed)
        # Within the middle of each cube, so that farther cubes need no look.
        place = torch.stack([(bits >> shift) & 1023 for shift in (0, 10, 20)], 1)
        arm = scaled - cube - (0.22 + 0.56 / 1023.0 * place)
        squared = (arm * arm).sum(1)
        closer = squared < nearest
        nearest = torch.where(closer, squared, nearest)
        number = torch.where(closer, _own_number(bits), number)
    return spacing_mm * nearest.sqrt(), number


def _hashed(cube: torch.Tensor, seed: int) -> torch.Tensor:
    """(n,) int32 with well mixed low 30 bits of integer cubes (n, 3). Products wrap around."""
    h = (
        cube[:, 0] * 374761393
        + cube[:, 1] * 668265263
        + cube[:, 2] * 1442695041
        + seed * 40503 % 2**31
    )
    for factor in (1274126177, 1103515245):
        h = (h ^ ((h >> 15) & 0x1FFFF)) * factor
    return (h ^ ((h >> 13) & 0x7FFFF)) & 0x3FFFFFFF


def _own_number(bits: torch.Tensor) -> torch.Tensor:
    mixed = (bits ^ (bits >> 11)) * 1540483477
    return ((mixed >> 8) & 0xFFFF).float() / 65536.0
