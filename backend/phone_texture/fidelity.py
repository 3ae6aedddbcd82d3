"""A texture and the capture it came from in; how well it shows the frames again out.

Both figures belong together: blur lowers sharpness and flatters the PSNR.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, Capture, HeadFit, TextureSet

from ..images import load_frame_linear, srgb_from_linear
from ..posed_head import pose_head, show_texture
from ..raster import Raster

EROSION_PX = 3
SEEN = 0.5
GRADIENT_SIGMA = 0.8  # sensor noise is no sharpness


@dataclass(frozen=True)
class Fidelity:
    """K' views. `psnr_db` (K',) in sRGB; `sharpness` (K',) gradient energy over the frame's."""

    psnr_db: NDArray[np.float64]
    sharpness: NDArray[np.float64]


def measure_fidelity(
    texture: TextureSet, capture: Capture, fit: HeadFit, template: HeadTemplate, views: int = 8
) -> Fidelity:
    """Show the texture again in up to `views` frames and compare, on seen skin only."""
    used = np.flatnonzero(fit.frame_used)
    chosen = used[np.linspace(0, len(used) - 1, min(views, len(used))).round().astype(int)]
    figures = np.array([_compare(texture, capture, fit, template, int(k)) for k in chosen])
    return Fidelity(figures[:, 0], figures[:, 1])


def show_again(
    texture: TextureSet, fit: HeadFit, template: HeadTemplate, k: int
) -> tuple[NDArray[np.float32], BoolArray, Raster]:
    """Base colour in chosen frame k, unlit: sRGB (H, W, 3), seen skin (H, W), the raster."""
    posed = pose_head(fit, k, template)
    raster = posed.raster
    colour = show_texture(posed, template, texture.base_color_srgb)
    seen = show_texture(posed, template, texture.coverage)[..., 0] > SEEN
    material = template.triangle_material[posed.shown[raster.triangle]]
    skin = raster.covered & (material == MATERIALS.index("skin"))
    return colour, seen & skin, raster


def _compare(
    texture: TextureSet, capture: Capture, fit: HeadFit, template: HeadTemplate, k: int
) -> tuple[float, float]:
    shown, seen, _ = show_again(texture, fit, template, k)
    frame = np.clip(srgb_from_linear(load_frame_linear(capture, k)), 0.0, 1.0)
    square = np.ones((2 * EROSION_PX + 1, 2 * EROSION_PX + 1), np.uint8)
    inside = cv2.erode(seen.astype(np.uint8), square) > 0
    error = float(np.mean((shown - frame)[inside] ** 2))
    energy = [_gradient_energy(image)[inside].mean() for image in (shown, frame)]
    return 10.0 * np.log10(1.0 / max(error, 1e-12)), float(energy[0] / max(energy[1], 1e-12))


def _gradient_energy(image: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(image.mean(2), (0, 0), GRADIENT_SIGMA)
    return cv2.Sobel(smooth, -1, 1, 0) ** 2 + cv2.Sobel(smooth, -1, 0, 1) ** 2
