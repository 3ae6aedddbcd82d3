"""Random numbers in, periodic noise of one band of wavelengths out: it tiles without a border."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray


def band_response(frequency: FloatArray, shortest: float, longest: float) -> FloatArray:
    """Amplitude (...) in [0, 1] at frequencies (...) >= 0 of a band between two wavelengths.

    A Gaussian over the logarithm of frequency, one standard deviation from its middle to its ends:
    smooth on both sides, so that no lattice shows.
    """
    middle = 1.0 / np.sqrt(shortest * longest)
    octaves = np.log(np.maximum(frequency, 1e-12) / middle)
    return np.exp(-0.5 * (octaves / (0.5 * np.log(longest / shortest))) ** 2)


def periodic_noise(
    random: np.random.Generator, shape: tuple[int, ...], response: FloatArray
) -> FloatArray:
    """White noise of `shape` filtered to mean 0 and standard deviation 1, periodic on every axis.

    `response`: amplitudes on the grid of `np.fft.rfftn`, (..., shape[-1] // 2 + 1).
    """
    spectrum = np.fft.rfftn(random.standard_normal(shape)) * response
    spectrum.flat[0] = 0.0
    field = np.fft.irfftn(spectrum, shape)
    return field / field.std()
