"""What was filmed and the room's light in; the skin without it out: the physical baseline.

All in log light, over n coarse points.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, RoomLight

from ...atlas.texel_map import region
from ...imaging.log_light import LUMINANCE, chroma
from ...imaging.smooth_step import smooth_step
from ..room_light.skin_points import SkinPoints

SURROUND_SIGMA = 14.0  # coarse texels, some 4 cm: wider than a highlight, narrower than a cheek
# Log luminance above the surroundings where skin ends and shine begins, and where it is certain.
SHINE = (0.10, 0.40)
HAIR_CONTRAST = (0.5, 0.9)  # log luminance below typical skin's
SHINE_KEPT = 0.25
SHINE_WHITENESS = 0.7  # share of the lamp's colour in it that is taken out
# Share of plain skin's broad colour differences that is skin; the rest is coloured light.
CHROMA_KEPT = 0.6
BRIGHTEST, BRIGHTEST_EAR = 0.45, 0.15  # log luminance above typical skin's


def divide_by_shading(
    points: SkinPoints, light: RoomLight, filmed: FloatArray, coverage: FloatArray
) -> NDArray[np.float32]:
    """Log albedo (n, 3): what was `filmed` (n, 3) over the common shading; `coverage` (n,)."""
    observed = np.minimum(coverage * 4.0, 1.0)
    albedo = lower_shine(points, filmed - light.common, observed)
    plain = light.plain
    reliable = plain * observed > 0.5
    middle = np.median(albedo[reliable], 0) if reliable.any() else np.median(albedo, 0)
    difference = albedo - middle
    tint = (1.0 - CHROMA_KEPT) * plain[:, None] * chroma(difference)
    difference -= tint
    # Far brighter than its fellows, skin is missing a light that the model does not know.
    # Ears shade and light themselves in ways that a fitted ear gets wrong.
    ears = points.texels.interpolate(region(points.texels.template, "ears"))[points.skin]
    limit = BRIGHTEST + ears * (BRIGHTEST_EAR - BRIGHTEST)
    bright = np.maximum(difference @ LUMINANCE, 0.0)
    difference -= (bright - limit * np.tanh(bright / limit))[:, None]
    return difference + np.log(light.skin_linear)


def lower_shine(
    points: SkinPoints, albedo: FloatArray, observed: FloatArray
) -> NDArray[np.float32]:
    """Log albedo (n, 3) with what is brighter than its surroundings pulled back towards their
    colour; `observed` (n,) in [0, 1] weighs the surroundings."""
    image, weight = points.scatter(albedo), points.scatter(observed.astype(np.float32))
    # Beside hair all skin is bright: hair is no surroundings.
    luminance = image @ LUMINANCE
    typical = np.median(albedo[observed > 0.5] @ LUMINANCE) if (observed > 0.5).any() else 0.0
    weight = weight * (1.0 - smooth_step(*HAIR_CONTRAST, typical - luminance))
    calm = weight
    surround = image
    for _ in range(2):
        share = cv2.GaussianBlur(calm, (0, 0), SURROUND_SIGMA) + 1e-4
        surround = cv2.GaussianBlur(image * calm[..., None], (0, 0), SURROUND_SIGMA)
        surround = surround / share[..., None]
        excess = (image - surround) @ LUMINANCE
        shine = smooth_step(*SHINE, excess)
        calm = weight * (1.0 - shine)
    excess = np.maximum(excess - SHINE[0], 0.0)
    lowered = image - ((1.0 - SHINE_KEPT) * shine * excess)[..., None]
    # Shine has the lamp's colour, skin below it the neighbours'.
    lowered += SHINE_WHITENESS * shine[..., None] * (chroma(surround) - chroma(lowered))
    return points.texels.gather(lowered)[points.skin]
