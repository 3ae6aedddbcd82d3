"""An image and wished gradients in; the image that has those gradients out.

Screened Poisson equation (Bhat et al. 2008): min |grad u - g|^2 + s (u - image)^2 over the square
with free borders. With constant s it is diagonal in the cosine basis: no iterations.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from .conditions import MAX_STEP

WORKERS = 2  # threads of the transform: for speed only
# Texels at 2048 over which the phone's gradients rule: beyond, light is in them that stage 1 took
# away.
REACH_2048 = 12.0


def forward_differences(image: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Forward differences (H, W, ...) along x and y; 0 in the last column and row."""
    across, down = np.zeros_like(image), np.zeros_like(image)
    np.subtract(image[:, 1:], image[:, :-1], out=across[:, :-1])
    np.subtract(image[1:], image[:-1], out=down[:-1])
    return across, down


def solve_screened_poisson(
    image: FloatArray, across: FloatArray, down: FloatArray, reach: float
) -> NDArray[np.float32]:
    """The image (H, W) whose forward differences are near `across` and `down` (H, W).

    `reach`: pixels over which the gradients rule before `image` does; s = 1 / reach^2.
    """
    screen = np.float32(1.0 / reach**2)
    divergence = across + down
    divergence[:, 1:] -= across[:, :-1]
    divergence[1:] -= down[:-1]
    right = scipy.fft.dctn(screen * image - divergence, workers=WORKERS)
    rows, columns = (
        2.0 - 2.0 * np.cos(np.pi * np.arange(n, dtype=np.float32) / n) for n in image.shape
    )
    right /= screen + rows[:, None].astype(np.float32) + columns[None].astype(np.float32)
    return scipy.fft.idctn(right, workers=WORKERS, overwrite_x=True).astype(np.float32)


def add_trusted_gradients(
    studio_log: FloatArray, phone_log: FloatArray, trust: FloatArray
) -> NDArray[np.float32]:
    """Log light (N, N, 3) of stage 1 with the phone's gradients, as far as `trust` (N, N) goes."""
    size, out = len(trust), np.empty_like(studio_log)
    for c in range(3):
        image, wanted = studio_log[..., c], []
        for filmed, studio in zip(
            forward_differences(phone_log[..., c]), forward_differences(image), strict=True
        ):
            filmed = np.clip(filmed, -MAX_STEP, MAX_STEP)
            wanted.append(studio + trust * (filmed - studio))
        out[..., c] = solve_screened_poisson(
            image, wanted[0], wanted[1], REACH_2048 * size / 2048.0
        )
    return out
