"""Phone and studio texture in; the `TextureSet` of origin "detail" out.

The studio stage may be coarse or smoothed (a network's answer is); the phone's fine structure is
put back through its gradients, where they are skin and not light.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    FloatArray,
    HeadFit,
    Progress,
    Quality,
    TextureSet,
)

from ..atlas import AtlasTable, atlas_table
from ..images import linear_from_srgb, srgb_from_linear
from ..log_light import LUMINANCE, light_from_log, log_light, smooth_step
from .maps import make_maps
from .poisson import differences, with_gradients

# Texels at 2048 over which the phone's gradients rule.
REACH_2048 = 20.0
BORDER_2048 = 9
# The two textures' ratio, blurred beyond a mole's size: where it is steep (log per texel at 2048)
# a shadow ended.
SHADOW_EDGE = (0.008, 0.020)
EDGE_SIGMA_2048 = 20.0
# sRGB of the brightest channel where sensors and shine take over.
CLIPPING = (0.93, 0.99)
LARGEST_STEP = 0.5  # log; a stronger change within a texel is no skin


def restore_detail(
    phone: TextureSet,
    studio: TextureSet,
    fit: HeadFit,
    template: HeadTemplate,
    quality: Quality,
    progress: Progress,
) -> TextureSet:
    """Base colour with the phone's detail, and the maps of a skin material."""
    table = atlas_table(template, quality.texture_size)
    progress(0, 5, "weighing the phone's detail")
    phone_log = log_light(linear_from_srgb(phone.base_color_srgb))
    studio_log = log_light(linear_from_srgb(studio.base_color_srgb))
    trust = _trust(table, phone, phone_log, studio_log)
    detailed = np.empty_like(studio_log)
    for c in range(3):
        progress(1 + c, 5, "restoring detail")
        detailed[..., c] = _restored(phone_log[..., c], studio_log[..., c], trust, phone.size)
    drawn = table.image(~table.is_material("skin"))
    detailed[drawn] = studio_log[drawn]
    progress(4, 5, "making the maps")
    log_luminance = detailed @ LUMINANCE
    maps = make_maps(table, log_luminance, studio.cavity, fit, template)
    base_color = np.clip(srgb_from_linear(light_from_log(detailed)), 0.0, 1.0)
    progress(5, 5, "")
    return replace(
        studio,
        origin="detail",
        base_color_srgb=table.image(table.pick(base_color)),
        normal=maps.normal,
        roughness=maps.roughness,
        specular=maps.specular,
        cavity=maps.cavity,
        findings=(),
    )


def _trust(
    table: AtlasTable, phone: TextureSet, phone_log: FloatArray, studio_log: FloatArray
) -> NDArray[np.float32]:
    """(N, N) in [0, 1]: seen skin, clear of chart borders, shadow edges and clipped light."""
    scale = phone.size / 2048.0
    skin = table.image(table.is_material("skin"), gutters=False)
    border = max(round(BORDER_2048 * scale), 3)
    inside = cv2.erode((skin * phone.coverage).astype(np.float32), np.ones((border, border)))
    light = cv2.GaussianBlur((phone_log - studio_log) @ LUMINANCE, (0, 0), EDGE_SIGMA_2048 * scale)
    across, down = differences(light)
    edge = smooth_step(*SHADOW_EDGE, np.hypot(across, down) * scale)
    clipped = smooth_step(*CLIPPING, phone.base_color_srgb.max(2))
    return (inside * (1.0 - edge) * (1.0 - clipped)).astype(np.float32)


def _restored(
    phone: FloatArray, studio: FloatArray, trust: FloatArray, size: int
) -> NDArray[np.float32]:
    """One channel (N, N) of the studio texture with the phone's trusted gradients."""
    wished = []
    for filmed, own in zip(differences(phone), differences(studio), strict=True):
        filmed = np.clip(filmed, -LARGEST_STEP, LARGEST_STEP)
        wished.append(own + trust * (filmed - own))
    return with_gradients(studio, wished[0], wished[1], REACH_2048 * size / 2048.0)
