"""A capture's views in; what a texture that lost nothing of them would show, out."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.image_files import linear_from_srgb, srgb_from_linear
from ...imaging.log_light import light_from_log, log_light
from .scored_views import TrueViews

BROAD_PX = 6.0  # some 5 mm of the face: the studio stage's low band


def frames(views: TrueViews) -> FloatArray:
    """The frames themselves (T, H, W, 3): all their detail, all their light."""
    return views.filmed_srgb


def evenly_lit_frames(views: TrueViews) -> NDArray[np.float32]:
    """The frames with the truth's low band (T, H, W, 3): as if the light were known, but for what
    it does to pores and lines."""
    filmed, truth = (
        log_light(linear_from_srgb(images)) for images in (views.filmed_srgb, views.unlit_srgb)
    )
    pairs = zip(filmed, truth, views.inside, strict=True)
    log = np.stack([f + _broad(t - f, inside) for f, t, inside in pairs])
    return srgb_from_linear(np.clip(light_from_log(log), 0.0, 1.0)).astype(np.float32)


def _broad(image: FloatArray, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W, 3) blurred over what lies inside (H, W)."""
    weight = inside.astype(np.float32)
    share = cv2.GaussianBlur(weight, (0, 0), BROAD_PX)[..., None]
    total = cv2.GaussianBlur(image.astype(np.float32) * weight[..., None], (0, 0), BROAD_PX)
    return total / np.maximum(share, 1e-3)


CEILINGS: dict[str, Callable[[TrueViews], FloatArray]] = {
    "frames": frames,
    "evenly lit frames": evenly_lit_frames,
}
