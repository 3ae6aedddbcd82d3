"""A capture's phone texture in; the base colours that are compared, by name, out.

Baselines change the colour only and wear the product's relief and shine, so that what differs in
a render is the colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

import cv2
import numpy as np

from studio_avatar_addon.avatar.layout import STUDIO_METHODS
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.types import FloatArray, TextureSet

from ...atlas.texel_map import region, texel_map
from ...imaging.image_files import linear_from_srgb, srgb_from_linear
from ...job.terminal import Silent
from ...stages.detail import generator_for
from ...stages.studio_texture import studio_texture
from ..texture.skin_spectrum import PLAIN_REGIONS
from .ablations import (
    add_detail,
    bicubic,
    blend_only,
    many_steps,
    no_bounce,
    no_light_fit,
    refined_latents,
)
from .ceilings import CEILINGS
from .stage_runs import CPU, Meter, Staged

PRODUCT = STUDIO_METHODS[0]  # what an artist gets who chooses nothing
# The person's own atlas on the fitted head: what the fit costs a texture that it did not unwrap.
TRUE_COLOUR = "true colour"
MIN_COVERAGE = 0.5
MEDIAN_TEXELS = 512  # texels that a median is taken over


def product(method: str, staged: Staged, meter: Meter) -> TextureSet:
    """The product by one of STUDIO_METHODS."""
    studio = meter(f"studio texture, {method}", lambda: studio_texture_by(method, staged))
    draw = meter("loading the detail network", lambda: generator_for(staged.quality, CPU))
    return meter("detail", lambda: add_detail(staged, studio, draw))


@lru_cache(maxsize=len(STUDIO_METHODS))
def studio_texture_by(method: str, staged: Staged) -> TextureSet:
    """Stage 1 by one of STUDIO_METHODS."""
    return studio_texture(
        staged.phone, staged.light, staged.fit, staged.template, staged.quality,
        StudioChoices(method), CPU, Silent(),
    )  # fmt: skip


def phone_base_color(staged: Staged) -> FloatArray:
    """The phone texture as it is: sRGB (N, N, 3)."""
    return staged.phone.base_color_srgb


def equalize(staged: Staged) -> FloatArray:
    """sRGB (N, N, 3): the phone texture with one gain a channel that brings its median skin to the
    likeliest tone."""
    linear = linear_from_srgb(staged.phone.base_color_srgb)
    gain = staged.light.skin_linear / np.maximum(_median_skin(staged), 1e-4)
    return srgb_from_linear(np.clip(linear * gain, 0.0, 1.0)).astype(np.float32)


def flat_tone(staged: Staged) -> FloatArray:
    """sRGB (N, N, 3), the likeliest tone: a warning, for blandness scores well in aligned PSNR."""
    size = staged.phone.size
    tone = srgb_from_linear(staged.light.skin_linear).astype(np.float32)
    return np.broadcast_to(tone, (size, size, 3)).copy()


def _median_skin(staged: Staged) -> FloatArray:
    """Median (3,) of cheeks and forehead that were well seen, linear, as filmed."""
    texels = texel_map(staged.template, MEDIAN_TEXELS)
    filmed = texels.sample(linear_from_srgb(staged.phone.base_color_srgb), cv2.INTER_AREA)
    seen = texels.sample(staged.phone.coverage, cv2.INTER_AREA) > MIN_COVERAGE
    seen &= texels.interpolate(region(staged.template, *PLAIN_REGIONS)) > MIN_COVERAGE
    return np.median(filmed[seen], axis=0) if seen.any() else staged.light.skin_linear


# Whole methods: they make all maps.
METHODS: dict[str, Callable[[Staged, Meter], TextureSet]] = {
    method: partial(product, method) for method in STUDIO_METHODS
}
# Plain ways to a base colour (N, N, 3).
BASELINES: dict[str, Callable[[Staged], FloatArray]] = {
    "phone texture": phone_base_color,
    "equalised": equalize,
    "flat colour": flat_tone,
}
# The product without a part of it, or with another: judged by its texture, not relit.
ABLATIONS: dict[str, Callable[[Staged], FloatArray]] = {
    "no light fit": no_light_fit,
    "no bounce": no_bounce,
    "refined": partial(refined_latents, PRODUCT),
    "stylegan refined": partial(refined_latents, "stylegan"),
    "bicubic": lambda staged: bicubic(staged, studio_texture_by(PRODUCT, staged)),
    "blend alone": lambda staged: blend_only(staged, studio_texture_by(PRODUCT, staged)),
    "50 steps": lambda staged: many_steps(staged, studio_texture_by(PRODUCT, staged)),
}
DEFAULT_METHODS = (*METHODS, *BASELINES, TRUE_COLOUR)
SELECTABLE_METHODS = (*DEFAULT_METHODS, *ABLATIONS, *CEILINGS)


@lru_cache(maxsize=len(STUDIO_METHODS))
def maps_by(method: str, staged: Staged) -> tuple[TextureSet, Meter]:
    """What one of METHODS makes of a capture, and what that costs. Raises as its stages do."""
    meter = Meter()
    return METHODS[method](staged, meter), meter


def baseline_maps(method: str, staged: Staged) -> TextureSet:
    """One of BASELINES' or ABLATIONS' colour on the product's other maps."""
    maps, _ = maps_by(PRODUCT, staged)
    return replace(maps, base_color_srgb=(BASELINES | ABLATIONS)[method](staged))
