"""Skin points in the chosen frames in; how much each frame's exposure and tint differ out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

from .filmed_points import FilmedPoints

DARKEST, LIGHTEST = 0.01, 0.9  # linear; noise below, clipping above
# Alternations, which converge slowly where frames share few points; and log light at which a
# point's deviation halves its weight (Cauchy): about the shading's own error, so that shine counts
# little.
ROUNDS, SPREAD = 30, 0.08
MAX_OFFSET = 0.7  # log light, a factor of two: beyond, a mismatch is likelier than an exposure


def exposure_offsets(filmed: FilmedPoints, log_shading: FloatArray) -> FloatArray:
    """Log offsets (K, 3) of frames beyond their shading, (K, n, 3) or what broadcasts to it.

    Each point has a colour of its own and each frame an offset: alternating robust means.
    """
    usable = ((filmed.radiance > DARKEST) & (filmed.radiance < LIGHTEST)).all(axis=2)
    counts = filmed.weight * usable
    logs = np.log(np.maximum(filmed.radiance, DARKEST)) - log_shading
    weight = counts
    offset = np.zeros((len(logs), 3), np.float32)
    observed = counts.any(axis=1)
    for _ in range(ROUNDS if observed.any() else 0):
        share = weight / np.maximum(weight.sum(axis=0), 1e-9)
        colour = np.einsum("kn,knc->nc", share, logs - offset[:, None])
        residual = logs - colour
        share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
        offset = np.einsum("kn,knc->kc", share, residual)
        offset -= np.median(offset[observed], axis=0)
        deviation = np.abs(residual - offset[:, None]).max(axis=2)
        weight = counts / (1.0 + (deviation / SPREAD) ** 2)
    return np.clip(offset * observed[:, None], -MAX_OFFSET, MAX_OFFSET)
