"""Phone and studio texture in; the `TextureSet` of origin "detail" out.

The studio stage may be coarse or smoothed (a network's answer is): the phone's own gradients are
put back where they are skin and not light. A diffusion model draws what is still missing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    Finding,
    FloatArray,
    HeadFit,
    Progress,
    Quality,
    TextureSet,
)

from ...atlas.texel_map import TexelMap, texel_map
from ...imaging.image_files import linear_from_srgb, srgb_from_linear
from ...imaging.log_light import LUMINANCE, light_from_log, log_light
from .conditions import Shares, estimate_trust
from .detail_generator import DetailGenerator
from .poisson import add_trusted_gradients
from .surface_maps import (
    SkinMaps,
    make_maps,
    relief_from_height,
    relief_from_luminance,
    stretch_mask,
    texel_spacing_m,
)


def restore_detail(
    phone: TextureSet,
    studio: TextureSet,
    fit: HeadFit,
    template: HeadTemplate,
    quality: Quality,
    draw: DetailGenerator | None,
    progress: Progress,
) -> TextureSet:
    """Base colour with detail, and the maps of a skin material.

    Without `draw` the phone's gradients alone are put back, and dark lines are taken for
    furrows.
    """
    texels = texel_map(template, quality.texture_size)
    phone_log, studio_log = (
        log_light(linear_from_srgb(texture.base_color_srgb)) for texture in (phone, studio)
    )
    trust = _trust(texels, phone, phone_log, studio_log)
    spacing_m = texel_spacing_m(texels, fit)
    progress(0, 2, "restoring detail")
    detailed = add_trusted_gradients(studio_log, phone_log, trust)
    messages: list[str] = []
    height_m = None
    if draw is not None:
        generated = draw(phone_log, detailed, trust, progress, messages.append)
        even = stretch_mask(texels, spacing_m)
        detailed = detailed + even[..., None] * generated.colour_log
        height_m = even * generated.height_m
    other = texels.scatter(~texels.is_material("skin"))
    detailed[other] = studio_log[other]
    progress(1, 2, "making the maps")
    maps = _make_maps(texels, detailed, height_m, trust, studio.cavity, spacing_m)
    base_color = np.clip(srgb_from_linear(light_from_log(detailed)), 0.0, 1.0)
    progress(2, 2, "")
    return replace(
        studio,
        origin="detail",
        base_color_srgb=texels.scatter(texels.gather(base_color)),
        **vars(maps),
        findings=tuple(Finding("little_memory", message) for message in messages),
    )


def _make_maps(
    texels: TexelMap,
    detailed: FloatArray,
    height_m: FloatArray | None,
    trust: FloatArray,
    openness: FloatArray | None,
    spacing_m: FloatArray,
) -> SkinMaps:
    """Of log light (N, N, 3), its relief and, where some was generated, its height (N, N)."""
    log_luminance = detailed @ LUMINANCE
    relief = relief_from_luminance(texels, log_luminance, spacing_m)
    if height_m is not None:
        # Painted furrows are few: those of the person show as dark lines, where they were filmed.
        relief = trust * relief + relief_from_height(texels, height_m)
    return make_maps(texels, log_luminance, relief, openness, spacing_m)


def _trust(
    texels: TexelMap, phone: TextureSet, phone_log: FloatArray, studio_log: FloatArray
) -> NDArray[np.float32]:
    """(N, N) in [0, 1], as `estimate_trust`."""

    def tensor(image: FloatArray) -> torch.Tensor:
        """(N, N[, C]) to (1, C, N, N)."""
        layers = image[..., None] if image.ndim == 2 else image
        return torch.from_numpy(np.ascontiguousarray(layers, np.float32)).permute(2, 0, 1)[None]

    skin = texels.scatter(texels.is_material("skin"), gutters=False).astype(np.float32)
    shares = Shares(tensor(skin), tensor(phone.coverage))
    trust = estimate_trust(
        tensor(phone.base_color_srgb), shares, tensor(phone_log), tensor(studio_log)
    )  # fmt: skip
    return trust[0, 0].numpy()
