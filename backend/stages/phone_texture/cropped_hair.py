"""Complete skin and where hair grows in, the same with a close-cropped scalp in the hair's colour
out.

Hair has a volume that a head's surface cannot show: painted on, it smears.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.solid_noise import solid_noise
from ...atlas.texel_map import TexelMap
from ...imaging.smooth_step import smooth_step
from .filmed_hair import FilmedHair

# Cropped hair lets this share of the skin's colour through.
SKIN_THROUGH = 0.22
STRANDS = ((0.0006, 31, 0.08), (0.0018, 32, 0.05), (0.008, 33, 0.04))  # size in m, seed, log light
# A hairline thins out over some millimetres, hair by hair.
EDGE_M, EDGE_NOISE = 0.0007, 0.20
EDGE = (0.15, 0.85)


def draw_cropped_hair(
    texels: TexelMap, neutral_m: FloatArray, albedo_log: FloatArray, hair: FilmedHair
) -> NDArray[np.float32]:
    """`albedo_log` (n, 3), complete skin of a head (V, 3), with cropped hair where it grows."""
    if hair.colour_log is None:
        return albedo_log
    near = np.flatnonzero(hair.grows > 0.0)
    position = texels.interpolate(neutral_m)[near]
    share = hair.grows[near]
    ragged = 4.0 * share * (1.0 - share)  # no stray hair where none grows
    edge = share + EDGE_NOISE * ragged * solid_noise(position, EDGE_M, 30)
    inside = smooth_step(*EDGE, edge)[:, None]
    strands = np.zeros(len(near), np.float32)
    for size_m, seed, strength in STRANDS:
        strands += strength * solid_noise(position, size_m, seed)
    skin = albedo_log[near]
    cropped = hair.colour_log + SKIN_THROUGH * (skin - hair.colour_log) + strands[:, None]
    out = albedo_log.copy()
    out[near] = skin + inside * (cropped - skin)
    return out
