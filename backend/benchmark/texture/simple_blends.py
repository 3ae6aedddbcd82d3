"""The plain alternatives to the phone texture: the views averaged, and the best view alone."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray, TextureSet

from ...atlas.texel_map import TexelMap, texel_map
from ...imaging.image_files import srgb_from_linear
from ...imaging.log_light import light_from_log
from ...stages.frame_sampling.frame_sampler import Frames

AVERAGE, BEST_VIEW = "average", "best view"
# Lambert's foreshortening of a texel in both directions: views from the side count little.
COSINE_POWER = 2


def plain_textures(frames: Frames, size: int) -> dict[str, TextureSet]:
    """Both of a size, from the frames that the fit used; what was not seen is black."""
    texels = texel_map(frames.template, size)
    total, best = np.zeros((len(texels), 3), np.float32), np.zeros((len(texels), 3), np.float32)
    weight, most = np.zeros(len(texels), np.float32), np.zeros(len(texels), np.float32)
    for k in np.flatnonzero(frames.fit.frame_used):
        view, log_rgb = frames.open(int(k)).sample(texels, None)
        light = light_from_log(log_rgb)
        share = view.weight * np.maximum(view.cosine, 0.0) ** COSINE_POWER
        total += share[:, None] * light
        weight += share
        better = share > most
        best[better], most[better] = light[better], share[better]
    average = total / np.maximum(weight, 1e-9)[:, None]
    return {
        AVERAGE: _texture(texels, average, weight > 0.0),
        BEST_VIEW: _texture(texels, best, most > 0.0),
    }


def _texture(texels: TexelMap, linear: FloatArray, seen: BoolArray) -> TextureSet:
    covered = texels.scatter(seen.astype(np.float32))
    return TextureSet(
        origin="phone",
        base_color_srgb=np.clip(srgb_from_linear(texels.scatter(linear)), 0.0, 1.0),
        coverage=covered,
        confidence=covered,
        view_count=covered.astype(np.uint8),
        iris_linear=np.zeros(3, np.float32),
    )
