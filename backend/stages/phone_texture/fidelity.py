"""A texture and the capture it came from in; how well it shows the frames again out.

Both figures belong together: blur lowers sharpness and flatters the PSNR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import BoolArray, TextureSet

from ...imaging.image_files import linear_from_srgb, srgb_from_linear
from ..frame_sampling.frame_sampler import Frames
from ..frame_sampling.posed_head import PosedHead, render_texture
from ..frame_sampling.subsample import subsample
from .common_light import CommonLight

EROSION_PX = 3  # real outlines are off by as much, and would count as errors of the texture
COVERED = 0.5  # coverage of a texel that is compared
GRADIENT_SIGMA = 0.8  # sensor noise is no sharpness


@dataclass(frozen=True)
class Fidelity:
    """K' views. `psnr_db` (K',) in sRGB; `sharpness` (K',) gradient energy over the frame's."""

    psnr_db: NDArray[np.float64]
    sharpness: NDArray[np.float64]


@dataclass(frozen=True)
class Rerendering:
    """A texture in a chosen frame of H x W pixels, unlit, and that frame, both in sRGB."""

    shown: NDArray[np.float32]  # (H, W, 3)
    frame: NDArray[np.float32]  # (H, W, 3)
    posed: PosedHead
    compared: BoolArray  # (H, W) skin that the texture has as seen and this frame shows bare


def measure_fidelity(
    texture: TextureSet, frames: Frames, common_light: CommonLight, views: int = 8
) -> Fidelity:
    """Show the texture in up to `views` frames, in their own light; compare on seen skin only."""
    figures = []
    for k in choose_views(frames, views):
        rerendered = rerender(texture, frames, k)
        figures.append(compare(relight(rerendered, common_light, frames, k)))
    psnr_db, sharpness = np.array(figures).T
    return Fidelity(psnr_db, sharpness)


def choose_views(frames: Frames, count: int) -> list[int]:
    """Up to `count` of the frames that the fit uses, evenly spread."""
    used = np.flatnonzero(frames.fit.frame_used)
    return subsample(used, count).tolist()


def rerender(texture: TextureSet, frames: Frames, k: int) -> Rerendering:
    """The texture in chosen frame k."""
    opened, template = frames.open(k), frames.template
    posed = opened.posed
    raster = posed.raster
    covered = render_texture(posed, template, texture.coverage)[..., 0] > COVERED
    material = template.triangle_material[posed.opaque_triangles[raster.triangle]]
    skin = raster.covered & (material == MATERIALS.index("skin")) & opened.skin
    square = np.ones((2 * EROSION_PX + 1, 2 * EROSION_PX + 1), np.uint8)
    return Rerendering(
        render_texture(posed, template, texture.base_color_srgb),
        np.clip(srgb_from_linear(opened.linear), 0.0, 1.0),
        posed,
        cv2.erode((covered & skin).astype(np.uint8), square) > 0,
    )


def relight(
    rerendered: Rerendering, common_light: CommonLight, frames: Frames, k: int
) -> Rerendering:
    """The texture with chosen frame k's light given back, where the views' lights differ."""
    if not common_light.differs:
        return rerendered
    gain = render_texture(rerendered.posed, frames.template, common_light.to_common(k))
    shown = srgb_from_linear(linear_from_srgb(rerendered.shown) * np.exp(-gain))
    return replace(rerendered, shown=np.clip(shown, 0.0, 1.0))


def compare(rerendered: Rerendering) -> tuple[float, float]:
    """PSNR in dB and sharpness, as in `Fidelity`."""
    inside = rerendered.compared
    error = float(np.mean((rerendered.shown - rerendered.frame)[inside] ** 2))
    energy = [
        _gradient_energy(image)[inside].mean() for image in (rerendered.shown, rerendered.frame)
    ]
    return 10.0 * np.log10(1.0 / max(error, 1e-12)), float(energy[0] / max(energy[1], 1e-12))


def _gradient_energy(image: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(image.mean(2), (0, 0), GRADIENT_SIGMA)
    return cv2.Sobel(smooth, -1, 1, 0) ** 2 + cv2.Sobel(smooth, -1, 0, 1) ** 2
