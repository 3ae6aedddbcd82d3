"""A capture's phone texture in; base colours without one part of the product or another, out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.types import FloatArray, TextureSet

from ...job.terminal import Silent
from ...stages.detail.choose_generator import generator_for
from ...stages.detail.detail_generator import DetailGenerator
from ...stages.detail.diffusion import load as load_detail
from ...stages.detail.diffusion_generator import Diffusion
from ...stages.detail.restore import restore_detail
from ...stages.room_light.surroundings import Surroundings, trace_surroundings
from ...stages.studio_texture.even_light import (
    Filmed,
    apply_low_band_gain,
    sample_at_points,
    studio_texture,
    texture_set,
)
from ...stages.studio_texture.hybrid import hybrid_albedo
from ...stages.studio_texture.network_guide import predict
from ...stages.studio_texture.networks import load
from .stage_runs import CPU, Staged

# Stage 1 at the size at which the studio network is trained, which the detail stage would enlarge.
BICUBIC_TEXELS = 256
# As many as latent diffusion samplers take by default; the product takes one (docs/detail.md).
MANY_STEPS = 50
# What docs/benchmark.md tells of refined latents was measured with; an artist may wait so long.
REFINE_S = 10.0


def add_detail(staged: Staged, studio: TextureSet, draw: DetailGenerator | None) -> TextureSet:
    """The detail stage's maps over a studio texture."""
    return restore_detail(
        staged.phone, studio, staged.fit, staged.template, staged.quality, draw, Silent()
    )


def no_light_fit(staged: Staged) -> FloatArray:
    """sRGB (N, N, 3): the network's own low band, without a light that explains it."""
    filmed, _, guide = _guide(staged)
    seen = staged.light.plain * filmed.coverage > 0.5
    tone = np.log(staged.light.skin_linear) - np.median(guide[seen], 0)
    return _finish(staged, filmed, guide + tone)


def no_bounce(staged: Staged) -> FloatArray:
    """sRGB (N, N, 3): the guided fit as if the head lit nothing of itself."""
    filmed, around, guide = _guide(staged)
    alone = replace(around, exchange=around.exchange * 0.0)
    even = hybrid_albedo(alone, staged.light, filmed.low, guide, filmed.coverage, CPU)
    return _finish(staged, filmed, even)


def refined_latents(method: str, staged: Staged) -> FloatArray:
    """sRGB (N, N, 3) by a method whose latents are refined for REFINE_S seconds."""
    choices = StudioChoices(method, refine_seconds=REFINE_S)
    studio = studio_texture(
        staged.phone, staged.light, staged.fit, staged.template, staged.quality, choices, CPU,
        Silent(),
    )  # fmt: skip
    return _with_detail(staged, studio)


def bicubic(staged: Staged, studio: TextureSet) -> FloatArray:
    """sRGB (N, N, 3): stage 1 reduced to BICUBIC_TEXELS a side and enlarged."""
    size, full = (BICUBIC_TEXELS, BICUBIC_TEXELS), (studio.size, studio.size)
    small = cv2.resize(studio.base_color_srgb, size, interpolation=cv2.INTER_AREA)
    return np.clip(cv2.resize(small, full, interpolation=cv2.INTER_CUBIC), 0.0, 1.0)


def blend_only(staged: Staged, studio: TextureSet) -> FloatArray:
    """sRGB (N, N, 3): the phone's gradients on stage 1, nothing drawn."""
    return add_detail(staged, studio, None).base_color_srgb


def many_steps(staged: Staged, studio: TextureSet) -> FloatArray:
    """sRGB (N, N, 3): the product with MANY_STEPS of diffusion."""
    draw = Diffusion(load_detail(), CPU, steps=MANY_STEPS)
    return add_detail(staged, studio, draw).base_color_srgb


def _guide(staged: Staged) -> tuple[Filmed, Surroundings, FloatArray]:
    filmed = Filmed.of(staged.phone, staged.template, staged.quality.texture_size)
    around = trace_surroundings(staged.fit, staged.template)
    answer = predict(load(), staged.phone, around, CPU)
    return filmed, around, sample_at_points(answer, around.points)


def _finish(staged: Staged, filmed: Filmed, even: FloatArray) -> FloatArray:
    albedo_log = apply_low_band_gain(filmed, staged.light, even, 1.0)
    studio = texture_set(
        staged.phone, staged.light, staged.fit, filmed, albedo_log, StudioChoices()
    )
    return _with_detail(staged, studio)


def _with_detail(staged: Staged, studio: TextureSet) -> FloatArray:
    return add_detail(staged, studio, generator_for(staged.quality, CPU)).base_color_srgb
