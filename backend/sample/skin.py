"""A head in, its painted skin out: the maps of one made-up person in the template's atlas.

Everything is computed texel by texel from positions on the head, so that no seam of the atlas
shows, whatever template and identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ..atlas import AtlasTable, atlas_table
from ..images import srgb_from_linear
from .anatomy import MM_PER_M, Anatomy
from .complexion import BASE_LINEAR, MELANIN, Moles, mole_density, place_moles, skin_density
from .hair import beard_area, brows, scalp_area, scalp_hair, scalp_tufts, stubble
from .organs import eye_colors, lip_density, lip_share, tissue_colors
from .relief import pores, skin_height_m, skin_shine, wrinkles

# Linear albedo.
SHORT_HAIR = np.array([0.026, 0.017, 0.011])
SCALP_HAIR = np.array([0.024, 0.017, 0.012])


@dataclass(frozen=True)
class SkinMaps:
    """Square maps (N, N), top row first, continued into the gutters, and what tests look for."""

    base_color_srgb: NDArray[np.float32]  # (N, N, 3) in [0, 1]
    roughness: NDArray[np.float32]  # perceptual
    specular: NDArray[np.float32]  # Principled's IOR level
    normal: NDArray[np.float32]  # (N, N, 3) in [-1, 1], tangent space, +Y up
    moles: Moles


@dataclass(frozen=True, eq=False)
class _Layers:
    """What lies on the skin: shares (n,) in [0, 1]."""

    lips: FloatArray
    beard: FloatArray
    scalp: FloatArray
    short_hair: FloatArray  # brows and stubble
    scalp_hair: FloatArray
    wrinkles: FloatArray
    pores: FloatArray

    @property
    def free(self) -> FloatArray:
        """(n,) plain skin."""
        covered = self.lips + self.beard + self.scalp + 3.0 * self.short_hair
        return 1.0 - np.clip(covered, 0.0, 1.0)


def paint_skin(template: HeadTemplate, neutral_m: FloatArray, size: int, seed: int) -> SkinMaps:
    """Paint the head with vertices `neutral_m` (V, 3) into maps of `size` texels."""
    table = atlas_table(template, size)
    anatomy = Anatomy(table, neutral_m.astype(np.float32))
    random = np.random.default_rng(seed)
    skin = table.is_material("skin")
    layers = _layers(anatomy, random)
    moles = place_moles(anatomy, skin * layers.free, random)
    bare = _skin_albedo(anatomy, layers, moles)
    other = eye_colors(anatomy) + tissue_colors(anatomy)
    linear = np.where(skin[:, None], bare, other).astype(np.float32)
    height_m = skin_height_m(anatomy, layers.pores, layers.wrinkles) * skin
    roughness, specular = skin_shine(anatomy, layers.lips)
    return SkinMaps(
        base_color_srgb=np.clip(srgb_from_linear(table.image(linear)), 0.0, 1.0),
        roughness=table.image(roughness.astype(np.float32)),
        specular=table.image(specular.astype(np.float32)),
        normal=_normal_map(anatomy, table, height_m),
        moles=moles,
    )


def _layers(anatomy: Anatomy, random: np.random.Generator) -> _Layers:
    lips, beard, scalp = lip_share(anatomy), beard_area(anatomy), scalp_area(anatomy)
    return _Layers(
        lips=lips,
        beard=beard,
        scalp=scalp,
        short_hair=np.maximum(stubble(anatomy, beard, random), brows(anatomy, random)),
        scalp_hair=scalp_hair(anatomy, scalp, random),
        wrinkles=wrinkles(anatomy, random),
        pores=pores(anatomy) * (1.0 - lips),
    )


def _skin_albedo(anatomy: Anatomy, layers: _Layers, moles: Moles) -> FloatArray:
    """Linear albedo (n, 3) of skin with lips, moles and lines, and of the hair on it."""
    density = skin_density(anatomy, np.maximum(layers.beard, 0.5 * layers.scalp))
    density += layers.lips[:, None] * lip_density(anatomy)
    marks = 0.9 * mole_density(anatomy, moles) + 0.25 * layers.pores + 0.22 * layers.wrinkles
    density += marks[:, None] * MELANIN
    linear = BASE_LINEAR * np.exp(-density)
    linear *= (1.0 - 0.9 * np.clip(anatomy.region("nostrils"), 0.0, 1.0))[:, None]
    linear += (0.92 * layers.short_hair)[:, None] * (SHORT_HAIR - linear)
    tufts = np.exp(scalp_tufts(anatomy))[:, None]
    return linear + (0.96 * layers.scalp_hair)[:, None] * (SCALP_HAIR * tufts - linear)


def _normal_map(anatomy: Anatomy, table: AtlasTable, height_m: FloatArray) -> NDArray[np.float32]:
    """Tangent-space normals (N, N, 3) of a height (n,) over the surface, +Y up."""
    height = table.image(height_m.astype(np.float32))
    place_m = table.image(anatomy.points / MM_PER_M)
    slope = []
    for axis in (1, 0):
        rise = np.gradient(height, axis=axis)
        run = np.linalg.norm(np.gradient(place_m, axis=axis), axis=-1)
        slope.append(np.where(run > 1e-6, rise / np.maximum(run, 1e-6), 0.0))
    # Across a chart's border the neighbours belong to another place: keep such slopes small.
    right, down = (np.clip(s, -1.0, 1.0) for s in slope)
    normal = np.stack([-right, down, np.ones_like(right)], axis=-1)
    return (normal / np.linalg.norm(normal, axis=-1, keepdims=True)).astype(np.float32)
