"""Two images of one skin in; what they have in common out.

Images are stacks (T, H, W, 3) in sRGB, [0, 1]; `inside` (T, H, W) says what is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...imaging.image_files import linear_from_srgb, srgb_from_linear
from ...imaging.log_light import LUMINANCE

MIN_LUMINANCE = 1e-3  # linear luminance, before a logarithm
SSIM_SIGMA, SSIM_C1, SSIM_C2 = 1.5, 0.01**2, 0.03**2  # Wang et al. 2004
GRADIENT_SIGMA = 0.8  # px; finer than that is noise of the render
MIN_VARIANCE = 1e-7  # of linear light; below it an image has no contrast to scale


@dataclass(frozen=True)
class Alignment:
    """One scale and bias a channel, in linear light: what a tone slider could mend."""

    scale: NDArray[np.float64]  # (3,)
    bias: NDArray[np.float64]  # (3,)

    @classmethod
    def between(cls, shown: FloatArray, truth: FloatArray, inside: BoolArray) -> Alignment:
        """The least-squares one from `shown` to `truth` (T, H, W, 3), over `inside` (T, H, W)."""
        ours, theirs = (linear_from_srgb(image[inside]) for image in (shown, truth))
        middle, wanted = ours.mean(0), theirs.mean(0)
        variance = ((ours - middle) ** 2).mean(0)
        together = ((ours - middle) * (theirs - wanted)).mean(0)
        scale = np.where(
            variance > MIN_VARIANCE, together / np.maximum(variance, MIN_VARIANCE), 1.0
        )
        return cls(scale, wanted - scale * middle)

    def __call__(self, srgb: FloatArray) -> FloatArray:
        """Colours (..., 3) in sRGB, aligned and clipped to [0, 1]."""
        linear = linear_from_srgb(srgb) * self.scale + self.bias
        return srgb_from_linear(np.clip(linear, 0.0, 1.0)).astype(np.float32)


def psnr_db(shown: FloatArray, truth: FloatArray, inside: BoolArray) -> float:
    """Peak signal to noise in sRGB of (T, H, W, 3) over `inside` (T, H, W); at most 120."""
    error = float(np.mean((shown[inside] - truth[inside]) ** 2, dtype=np.float64))
    return float(-10.0 * np.log10(max(error, 1e-12)))


def ssim(shown: FloatArray, truth: FloatArray, inside: BoolArray) -> float:
    """Structural similarity (Wang et al. 2004) of (T, H, W, 3), mean over `inside` and channels."""
    maps = [_ssim_map(a, b, here) for a, b, here in zip(shown, truth, inside, strict=True)]
    return float(np.stack(maps)[inside].mean())


def _ssim_map(a: FloatArray, b: FloatArray, inside: BoolArray) -> NDArray[np.float32]:
    """(H, W, 3), of what lies inside alone."""
    weight = inside[..., None].astype(np.float32)
    share = cv2.GaussianBlur(weight, (0, 0), SSIM_SIGMA)[..., None] + 1e-6

    def blurred(image: FloatArray) -> FloatArray:
        return cv2.GaussianBlur(image.astype(np.float32) * weight, (0, 0), SSIM_SIGMA) / share

    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    upper = (2 * mean_a * mean_b + SSIM_C1) * (2 * both + SSIM_C2)
    return upper / ((mean_a**2 + mean_b**2 + SSIM_C1) * (var_a + var_b + SSIM_C2))


def gradient_correlation(shown: FloatArray, truth: FloatArray, inside: BoolArray) -> float:
    """Of the gradients of log luminance of (T, H, W, 3), in [-1, 1]; 0 for an image without any."""
    ours, theirs = (np.stack([_gradients(i) for i in image])[inside] for image in (shown, truth))
    return correlation(ours.ravel(), theirs.ravel())


def _gradients(srgb: FloatArray) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(log_luminance(srgb), (0, 0), GRADIENT_SIGMA)
    return np.stack([cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1)], axis=-1)


def shading_leak(shown: FloatArray, truth: FloatArray, lit: FloatArray, inside: BoolArray) -> float:
    """Correlation, in [-1, 1], of the error with the true shading, both in log luminance.

    `lit` (T, H, W, 3): the frames.
    """
    ours, theirs, filmed = (log_luminance(image[inside]) for image in (shown, truth, lit))
    return correlation(ours - theirs, filmed - theirs)


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's, of (n,) values; 0 where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a**2).mean() * (b**2).mean()))
    return float((a * b).mean() / spread) if spread > 1e-12 else 0.0


def log_luminance(srgb: FloatArray) -> NDArray[np.float32]:
    """(...) natural logarithm of the linear luminance of sRGB (..., 3), from MIN_LUMINANCE on."""
    luminance = linear_from_srgb(srgb) @ LUMINANCE
    return np.log(np.maximum(luminance, MIN_LUMINANCE)).astype(np.float32)
