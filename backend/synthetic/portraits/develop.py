"""A rendered portrait's linear light and coverage in; the picture a phone would make, out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.colour import LUMINANCE_WEIGHTS

from ...imaging.image_files import pixels_8bit, srgb_from_linear

UNSURE = 255
_SURE = 0.6
_GREY = 0.20  # linear, where a phone puts a face of middling tone
_SHOULDER = 0.7  # above it highlights are rolled off


def develop(
    linear: NDArray[np.floating], coverage: NDArray[np.uint8], tone_angle_deg: float,
    random: np.random.Generator,
) -> NDArray[np.uint8]:  # fmt: skip
    """(H, W, 3) sRGB from light (H, W, 3), exposed for the skin's share of `coverage` (H, W, 4)."""
    light = linear.astype(np.float32)
    luminance = light @ np.array(LUMINANCE_WEIGHTS, np.float32)
    skin = coverage[..., 0] > 230
    seen = luminance[skin] if skin.sum() > 200 else luminance[coverage.sum(-1) > 128]
    middle = float(np.median(seen)) if len(seen) else float(np.median(luminance))
    # Phones lift dark skin, but not all the way.
    target = _GREY * float(np.interp(tone_angle_deg, [-50.0, 10.0, 55.0], [0.35, 0.8, 1.5]))
    exposed = light * (target / max(middle, 1e-6)) * float(np.exp(random.normal(0.0, 0.3)))
    white = np.exp(random.normal(0.0, 0.05) * np.array([1.0, 0.0, -1.0], np.float32))
    exposed = exposed * white
    rest = np.maximum(exposed - _SHOULDER, 0.0) / (1.0 - _SHOULDER)
    rolled = _SHOULDER + (1.0 - _SHOULDER) * rest / (1.0 + 0.8 * rest)
    return pixels_8bit(srgb_from_linear(np.where(exposed > _SHOULDER, rolled, exposed)))


def label_map(coverage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W): 0 background, then skin, hair, clothes, other; UNSURE where none has 0.6."""
    shares = coverage.astype(np.float32) / 255.0
    background = 1.0 - np.minimum(shares.sum(-1, keepdims=True), 1.0)
    every = np.concatenate([background, shares], -1)
    label = every.argmax(-1).astype(np.uint8)
    return np.where(every.max(-1) > _SURE, label, UNSURE).astype(np.uint8)
