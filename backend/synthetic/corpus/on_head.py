"""A texture in; pictures of it on the head, unlit, out: what an atlas hides is seen only there."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.frames import rotation_about, texel_from_uv
from studio_avatar_addon.avatar.template import MATERIALS, SEE_THROUGH, HeadTemplate

from ...atlas.texel_map import sample_at
from ...geometry.raster import interpolate_corners, rasterize

YAWS_DEG = (0.0, 35.0, 70.0)
_SUPERSAMPLING = 2
_CENTRE_M, _SPAN_M = np.array([0.0, 0.0, 0.005]), 0.27
_BACKGROUND = 40


def heads(
    texture_srgb: NDArray[np.uint8],
    template: HeadTemplate,
    size_px: int,
    yaws_deg: Sequence[float] = YAWS_DEG,
    span_m: float = _SPAN_M,
) -> list[NDArray[np.uint8]]:
    """Pictures (size_px, size_px, 3), orthographic, of the template's head turned to its right by
    `yaws_deg` under a texture (N, N, 3)."""
    drawn = ~np.isin(template.triangle_material, [MATERIALS.index(name) for name in SEE_THROUGH])
    texels = texel_from_uv(template.triangle_uv[drawn].reshape(-1, 2), len(texture_srgb))
    large = size_px * _SUPERSAMPLING
    pictures = []
    for yaw in yaws_deg:
        turn = rotation_about(np.array([0.0, 0.0, 1.0]), np.deg2rad(yaw))
        placed = (template.vertices_m - _CENTRE_M) @ turn.T
        pixels = 0.5 * large + large / span_m * placed[:, [0, 2]] * np.array([1.0, -1.0])
        raster = rasterize(
            pixels, placed[:, 1] + 1.0, template.triangles[drawn], (large, large), cull_back=True
        )
        where = interpolate_corners(raster, texels.reshape(-1, 3, 2))[raster.covered]
        picture = np.full((large, large, 3), _BACKGROUND, np.uint8)
        picture[raster.covered] = sample_at(texture_srgb, where)
        small = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(small, np.uint8))
    return pictures
