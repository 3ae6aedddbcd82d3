"""Seen skin in; structure of the same strength for skin that is made up out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.solid_noise import solid_noise
from ...atlas.texel_map import TexelMap
from ...imaging.log_light import LUMINANCE

# Blob size in metres and seed of the invented skin's texture.
GRAINS_M = ((0.0045, 21), (0.0016, 22), (0.0006, 23))
# A Gaussian's deviation by its median distance from 0, over the deviation of the noise.
STRENGTH = 1.48 / 1.215


def synthesize_grain(
    texels: TexelMap, neutral_m: FloatArray, albedo_log: FloatArray, coverage: FloatArray
) -> NDArray[np.float32]:
    """Noise (n,), in log light, for made-up skin: as strong, band by band, as the seen skin's.

    `neutral_m` (V, 3) the head; `albedo_log` (n, 3); `seen` (n,) in [0, 1].
    """
    skin = texels.is_material("skin")
    position = texels.interpolate(neutral_m)
    image = texels.scatter(albedo_log @ LUMINANCE)
    clear = cv2.erode(
        texels.scatter(np.where(skin, coverage, 0.0).astype(np.float32)), np.ones((9, 9))
    )
    inner = texels.gather(clear) > 0.9
    texels_per_m = _texels_per_m(texels, neutral_m)
    out = np.zeros(len(texels), np.float32)
    finer = image
    for grain, seed in sorted(GRAINS_M):
        coarser = cv2.GaussianBlur(image, (0, 0), max(grain * texels_per_m / 2.0, 0.6))
        band = texels.gather(finer - coarser)[inner]
        strength = STRENGTH * np.median(np.abs(band)) if len(band) else 0.01
        out += strength * solid_noise(position, grain, seed)
        finer = coarser
    return out


def _texels_per_m(texels: TexelMap, neutral_m: FloatArray) -> float:
    """Median density of the skin's chart."""
    triangles = texels.template.triangles[np.unique(texels.triangle[texels.is_material("skin")])]
    uv = texels.template.triangle_uv[np.unique(texels.triangle[texels.is_material("skin")])]
    side = np.linalg.norm(neutral_m[triangles[:, 1]] - neutral_m[triangles[:, 0]], axis=1)
    in_atlas = np.linalg.norm(uv[:, 1] - uv[:, 0], axis=1) * texels.size
    return float(np.median(in_atlas / np.maximum(side, 1e-9)))
