"""Phone and studio texture in; the `TextureSet` of origin "detail" out.

The studio stage may be coarse or smoothed (a network's answer is), and what it took from the phone
is noisy. A diffusion model draws what skin would have there; then the phone's own gradients are put
back where they are skin and not light.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    BoolArray,
    Finding,
    FloatArray,
    HeadFit,
    Progress,
    Quality,
    TextureSet,
)

from ..atlas import AtlasTable, atlas_table
from ..images import linear_from_srgb, srgb_from_linear
from ..log_light import LUMINANCE, light_from_log, log_light
from .conditions import LARGEST_STEP, Shares, trust_in
from .drawing import Draw, Drawn
from .maps import make_maps, relief_of_height, relief_of_luminance
from .poisson import differences, with_gradients

# Texels at 2048 over which the phone's gradients rule.
REACH_2048 = 20.0


def restore_detail(
    phone: TextureSet,
    studio: TextureSet,
    fit: HeadFit,
    template: HeadTemplate,
    quality: Quality,
    draw: Draw | None,
    progress: Progress,
) -> TextureSet:
    """Base colour with detail, and the maps of a skin material.

    Without `draw` the phone's gradients alone are put back, and dark lines are taken for
    furrows.
    """
    table = atlas_table(template, quality.texture_size)
    findings: list[Finding] = []
    phone_log = log_light(linear_from_srgb(phone.base_color_srgb))
    studio_log = log_light(linear_from_srgb(studio.base_color_srgb))
    trust = _trust(table, phone, phone_log, studio_log)
    drawn = None
    if draw is not None:

        def note(message: str) -> None:
            findings.append(Finding("little_memory", message))

        drawn = draw(phone_log, studio_log, trust, progress, note)
    progress(0, 2, "restoring detail")
    detailed = _blended(phone_log, studio_log, trust, drawn, ~table.is_material("skin"), table)
    progress(1, 2, "making the maps")
    relief = (
        relief_of_luminance(table, detailed @ LUMINANCE, fit)
        if drawn is None
        else relief_of_height(table, drawn.height_m)
    )
    maps = make_maps(table, relief, studio.cavity, fit)
    base_color = np.clip(srgb_from_linear(light_from_log(detailed)), 0.0, 1.0)
    progress(2, 2, "")
    return replace(
        studio,
        origin="detail",
        base_color_srgb=table.image(table.pick(base_color)),
        normal=maps.normal,
        roughness=maps.roughness,
        specular=maps.specular,
        cavity=maps.cavity,
        findings=tuple(findings),
    )


def _trust(
    table: AtlasTable, phone: TextureSet, phone_log: FloatArray, studio_log: FloatArray
) -> NDArray[np.float32]:
    """(N, N) in [0, 1], as `trust_in`."""

    def tensor(image: FloatArray) -> torch.Tensor:
        layers = image[..., None] if image.ndim == 2 else image
        return torch.from_numpy(np.ascontiguousarray(layers, np.float32)).permute(2, 0, 1)[None]

    skin = table.image(table.is_material("skin"), gutters=False).astype(np.float32)
    shares = Shares(tensor(skin), tensor(phone.coverage))
    trust = trust_in(
        tensor(phone.base_color_srgb), shares, tensor(phone_log), tensor(studio_log)
    )  # fmt: skip
    return trust[0, 0].numpy()


def _blended(
    phone_log: FloatArray,
    studio_log: FloatArray,
    trust: FloatArray,
    drawn: Drawn | None,
    other: BoolArray,
    table: AtlasTable,
) -> NDArray[np.float32]:
    """Log light (N, N, 3): stage 1 with what was drawn and the phone's trusted gradients; what is
    `other` (n,) than skin stays stage 1's."""
    size, detailed = len(trust), np.empty_like(studio_log)
    for c in range(3):
        own = studio_log[..., c]
        if drawn is not None:
            own = own + drawn.colour_log[..., c]
        wished = []
        for filmed, ours in zip(differences(phone_log[..., c]), differences(own), strict=True):
            filmed = np.clip(filmed, -LARGEST_STEP, LARGEST_STEP)
            wished.append(ours + trust * (filmed - ours))
        reach = REACH_2048 * size / 2048.0
        detailed[..., c] = with_gradients(own, wished[0], wished[1], reach)
    there = table.image(other)
    detailed[there] = studio_log[there]
    return detailed
