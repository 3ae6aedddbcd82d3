"""Relief, openness and the template's regions in; normal, roughness, specular, cavity out.

Where the relief is not known, luminance stands in for it: fine dark lines in evenly lit skin are
mostly furrows and pores, and what is pigment instead (brows, moles) is kept flat by its size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, HeadFit

from ...atlas.texel_map import TexelMap, region
from ...imaging.normal_map import normals_from_slopes
from ...imaging.smooth_step import smooth_step

# Relief is in units of this height: about what one unit of log luminance stands for.
RELIEF_M = 0.0006
# The sizes of luminance that count as relief.
FINE_M, COARSE_M = 0.00025, 0.0016
MAX_SWING = 0.22  # log luminance; a stronger one is pigment or hair
MAX_SLOPE = 0.45
FLAT_REGIONS = ("brows", "eyelids")
ROUGHNESS_SKIN = 0.44
ROUGHNESS_REGIONS = {
    "nose": 0.34, "lips": 0.32, "forehead": 0.38, "cheeks": 0.45, "chin": 0.42, "scalp": 0.42,
    "neck": 0.52, "ears": 0.52, "eyelids": 0.42,
}  # fmt: skip
ROUGHNESS_DETAIL = 0.35  # furrows are rougher, by log luminance
SPECULAR_SKIN, SPECULAR_LIPS = 0.35, 0.42
# Strands scatter what bare skin mirrors: where hair grows, and skin is this much darker in log
# luminance than plain skin, over HAIR_M. Even sparse stubble scatters, so this begins sooner than
# what the studio stage takes for hair.
HAIRY_REGIONS, PLAIN_REGIONS = ("scalp", "brows", "chin"), ("cheeks", "forehead", "nose")
DULLING_CONTRAST, HAIR_M = (0.25, 0.70), 0.002
ROUGHNESS_HAIR, SPECULAR_HAIR = 0.75, 0.06
# Roughness and specular of what is not skin.
OTHER_MATERIALS = {
    "eye": (0.18, 0.45), "cornea": (0.03, 0.50), "teeth": (0.22, 0.55), "gums": (0.25, 0.45),
    "tongue": (0.35, 0.42), "mouth": (0.30, 0.42), "lashes": (0.45, 0.50),
    "tear": (0.03, 0.50), "caruncle": (0.20, 0.50),
}  # fmt: skip
CAVITY_RELIEF = 1.2
# Texels so much longer than wide show what is drawn in them as streaks; blurred over some texels.
STREAK_RATIO, STREAK_SIGMA_2048 = (2.5, 5.0), 6.0


@dataclass(frozen=True)
class SkinMaps:
    """All (N, N[, 3]) float32, as in `TextureSet`."""

    normal: NDArray[np.float32]
    roughness: NDArray[np.float32]
    specular: NDArray[np.float32]
    cavity: NDArray[np.float32]


def make_maps(
    texels: TexelMap,
    log_luminance: FloatArray,
    relief: FloatArray,
    openness: FloatArray | None,
    spacing_m: FloatArray,
) -> SkinMaps:
    """`log_luminance` (N, N) of the base colour; `relief` (N, N) in units of RELIEF_M; `openness`
    (N, N) in [0, 1], None: all open; `spacing_m` (n, 2) as of `texel_spacing_m`."""
    openness = np.ones_like(relief) if openness is None else openness
    hair = _hair(texels, log_luminance, float(np.median(spacing_m)))
    roughness, specular = _gloss(texels, relief, hair)
    return SkinMaps(
        normal=_normal(texels, relief, spacing_m),
        roughness=roughness,
        specular=specular,
        cavity=np.clip(openness * (1.0 + CAVITY_RELIEF * np.minimum(relief, 0.0)), 0.0, 1.0),
    )


def texel_spacing_m(texels: TexelMap, fit: HeadFit) -> NDArray[np.float32]:
    """(n, 2) metres on the head per texel along x and y."""
    corners = fit.neutral_m[texels.template.triangles].astype(np.float64)
    uv = texels.template.triangle_uv.astype(np.float64) * texels.size
    edges, in_atlas = corners[:, 1:] - corners[:, :1], uv[:, 1:] - uv[:, :1]
    area = in_atlas[:, 0, 0] * in_atlas[:, 1, 1] - in_atlas[:, 0, 1] * in_atlas[:, 1, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)[:, None]
    per_u = (edges[:, 0] * in_atlas[:, 1, 1:] - edges[:, 1] * in_atlas[:, 0, 1:]) / area
    per_v = (edges[:, 1] * in_atlas[:, 0, :1] - edges[:, 0] * in_atlas[:, 1, :1]) / area
    spacing = np.stack([np.linalg.norm(per_u, axis=1), np.linalg.norm(per_v, axis=1)], 1)
    return spacing[texels.triangle].astype(np.float32)


def stretch_mask(texels: TexelMap, spacing_m: FloatArray) -> NDArray[np.float32]:
    """(N, N) in [0, 1]: 0 where the atlas stretches texels, at throat and crown."""
    ratio = spacing_m.max(1) / np.maximum(spacing_m.min(1), 1e-9)
    even = texels.scatter(1.0 - smooth_step(*STREAK_RATIO, ratio).astype(np.float32))
    return cv2.GaussianBlur(even, (0, 0), STREAK_SIGMA_2048 * texels.size / 2048)


def relief_from_height(texels: TexelMap, height_m: FloatArray) -> NDArray[np.float32]:
    """(N, N) of a height (N, N) above the surface; 0 off the skin."""
    share = texels.is_material("skin").astype(np.float32)
    return (height_m / RELIEF_M).astype(np.float32) * _fade(texels, share)


def relief_from_luminance(
    texels: TexelMap, log_luminance: FloatArray, spacing_m: FloatArray
) -> NDArray[np.float32]:
    """(N, N) log luminance between the two sizes, flat where it is pigment; 0 off the skin."""
    image = log_luminance.astype(np.float32)
    typical_m = float(np.median(spacing_m))
    fine = cv2.GaussianBlur(image, (0, 0), max(FINE_M / typical_m, 0.5))
    band = fine - cv2.GaussianBlur(image, (0, 0), max(COARSE_M / typical_m, 1.5))
    band = MAX_SWING * np.tanh(band / MAX_SWING)
    flat = texels.interpolate(region(texels.template, *FLAT_REGIONS))
    share = np.where(texels.is_material("skin"), 1.0 - 0.8 * flat, 0.0)
    return band * _fade(texels, share.astype(np.float32))


def _fade(texels: TexelMap, share: FloatArray) -> NDArray[np.float32]:
    """(N, N) of texels' (n,): materials and charts end abruptly, relief fades before they do."""
    image = texels.scatter(share, gutters=False)
    return cv2.GaussianBlur(cv2.erode(image, np.ones((7, 7))), (0, 0), 2.0)


def _normal(texels: TexelMap, relief: FloatArray, spacing_m: FloatArray) -> NDArray[np.float32]:
    """Tangent-space normals (N, N, 3), OpenGL: +X along u, +Y along v, which is up the image."""
    height = relief * np.float32(RELIEF_M)
    slope_x = texels.gather(cv2.Sobel(height, -1, 1, 0, scale=1 / 8)) / spacing_m[:, 0]
    slope_y = texels.gather(cv2.Sobel(height, -1, 0, 1, scale=1 / 8)) / spacing_m[:, 1]
    steep = np.maximum(np.hypot(slope_x, slope_y) / MAX_SLOPE, 1.0)
    normal = normals_from_slopes(slope_x / steep, -slope_y / steep)
    return texels.scatter(normal.astype(np.float32))


def _hair(texels: TexelMap, log_luminance: FloatArray, spacing_m: float) -> NDArray[np.float32]:
    """(n,) in [0, 1]: how densely hair covers the skin."""
    grows, plain = (
        texels.interpolate(region(texels.template, *names))
        for names in (HAIRY_REGIONS, PLAIN_REGIONS)
    )
    low = cv2.GaussianBlur(log_luminance.astype(np.float32), (0, 0), HAIR_M / spacing_m)
    low = texels.gather(low)
    return grows * smooth_step(*DULLING_CONTRAST, np.median(low[plain > 0.5]) - low)


def _gloss(
    texels: TexelMap, relief: FloatArray, hair: FloatArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Roughness and specular (N, N) by region and `hair` (n,), roughness with the relief."""
    template = texels.template
    by_vertex = np.full(len(template.vertices_m), ROUGHNESS_SKIN, np.float32)
    for name, value in ROUGHNESS_REGIONS.items():
        by_vertex += region(template, name) * (value - by_vertex)
    roughness = texels.interpolate(by_vertex) - ROUGHNESS_DETAIL * texels.gather(relief)
    lips = texels.interpolate(region(template, "lips"))
    specular = SPECULAR_SKIN + (SPECULAR_LIPS - SPECULAR_SKIN) * lips
    roughness += hair * (ROUGHNESS_HAIR - roughness)
    specular += hair * (SPECULAR_HAIR - specular)
    for name, (rough, shine) in OTHER_MATERIALS.items():
        here = texels.is_material(name)
        roughness[here], specular[here] = rough, shine
    roughness = np.clip(roughness, 0.02, 0.9).astype(np.float32)
    return texels.scatter(roughness), texels.scatter(specular.astype(np.float32))
