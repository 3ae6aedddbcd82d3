"""Filmed points and the light on the upper face in; where plain skin is bare, out.

A beard is as dark as a shadow, and a light that is to explain it would brighten it away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import region
from ...imaging.log_light import LUMINANCE
from ...imaging.smooth_step import smooth_step
from .filmed_points import FilmedPoints
from .light_fit import Shading
from .skin_points import SkinPoints

# Log luminance below the upper face's skin, light taken off, where hair begins and is certain.
BEARD_CONTRAST = (0.35, 0.75)
MIN_WEIGHT = 0.2  # weight of a point over all views


def upper_face_mask(
    points: SkinPoints, template: HeadTemplate, neutral_m: FloatArray
) -> FloatArray:
    """(n,) 1 where no beard grows: higher than the nostrils of the head (V, 3)."""
    nostrils = np.average(neutral_m[:, 2], weights=region(template, "nostrils"))
    height = points.texels.interpolate(neutral_m.astype(np.float32))[points.skin, 2]
    return (height > nostrils).astype(np.float32)


def bare_skin_mask(
    filmed: FilmedPoints, shading: Shading, plain: FloatArray, upper: FloatArray
) -> NDArray[np.float32]:
    """(n,) in [0, 1]: how far a point is bare skin, under the light fitted to the upper face.

    `plain` (n,): where skin should be of one colour; `upper` (n,): as `upper_face_mask`.
    """
    observed = filmed.weight.sum(0)
    light = shading.log_shading + shading.exposure[:, None]
    albedo = (np.log(np.maximum(filmed.radiance, 1e-3)) - light) @ LUMINANCE
    albedo = (filmed.weight * albedo).sum(0) / np.maximum(observed, 1e-9)
    reference = (observed > MIN_WEIGHT) & (plain * upper > 0.5)
    if not reference.any():
        return np.ones_like(plain)
    darker = np.median(albedo[reference]) - albedo
    hair = smooth_step(*BEARD_CONTRAST, darker) * (1.0 - upper) * (observed > MIN_WEIGHT)
    return (1.0 - hair).astype(np.float32)
