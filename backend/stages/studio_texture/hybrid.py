"""What was filmed and what the network takes it for in; the skin without light out.

The network guides and physics divides where the skin was seen; where it was not, the network's
own skin joins on, shifted to meet what was seen (a membrane over the head's surface, as Poisson
blending has it). Hair and neck stay as the phone texture continues them: under a collar the network
knows least. All in log light, over n coarse points.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import BoolArray, FloatArray, RoomLight

from ...atlas.inpaint import surface_membrane
from ...atlas.texel_map import region
from ...imaging.log_light import LUMINANCE
from ...imaging.smooth_step import smooth_step
from ..room_light.skin_points import SkinPoints
from ..room_light.surroundings import Surroundings
from .guided_light import fit_guided_shading
from .physical import HAIR_CONTRAST, divide_by_shading, lower_shine

NOT_PLAIN_WEIGHT = 0.1  # weight in the light's fit of lips, brows and beard beside plain skin
# The light by the change between views and the light by the guide err independently, and
# a mean errs less than either; the guide itself knows what no light round the head does.
GUIDED_SHARE, GUIDE_SHARE = 0.25, 0.2
# Of the light's logarithm. Up to .24 was left in six captures; with more, the guide is wrong. Less
# than none would bring shadows back where the guide errs: on a clip that hardly turns, beside the
# nose and on the neck.
MAX_REMAINING_LIGHT = 0.4
# Coarse texels over which the low band mixes hair with skin: a guide that knows of hair there would
# darken hair that the texture has already.
HAIR_EDGE = 9
CERTAIN = 4.0  # weights of a coarse texel in the membrane


def hybrid_albedo(
    surroundings: Surroundings,
    light: RoomLight,
    filmed: FloatArray,
    guide: FloatArray,
    coverage: FloatArray,
    device: torch.device,
) -> NDArray[np.float32]:
    """Log albedo (n, 3) of what was `filmed` (n, 3) and `guide` (n, 3) takes for skin;
    `coverage` (n,)."""
    points = surroundings.points
    observed = np.minimum(coverage * 4.0, 1.0)
    weight = observed * (NOT_PLAIN_WEIGHT + (1.0 - NOT_PLAIN_WEIGHT) * light.plain)
    shading = fit_guided_shading(filmed, guide, weight, surroundings, light.skin_linear, device)
    by_guide = lower_shine(points, filmed - points.smooth(shading, light.openness), observed)
    plain = light.plain * observed > 0.5
    plain = plain if plain.any() else np.ones_like(plain)

    def match_tone(albedo: FloatArray) -> FloatArray:
        """(n, 3) with the skin's tone as the median of plain skin."""
        return albedo + np.log(light.skin_linear) - np.median(albedo[plain], 0)

    albedo = divide_by_shading(points, light, filmed, coverage)
    albedo = albedo + GUIDED_SHARE * (match_tone(by_guide) - albedo)
    albedo = match_tone(albedo + GUIDE_SHARE * (match_tone(guide) - albedo))
    albedo = match_tone(albedo - _remaining_light(albedo - guide, light.common, weight))
    kept = np.maximum(_hair(points, albedo, plain), _share(points, "neck"))
    return _join(points, albedo, guide, np.maximum(observed, kept), plain)


def _remaining_light(
    difference: FloatArray, shading: FloatArray, weight: FloatArray
) -> NDArray[np.float32]:
    """(n, 3) of the log `shading` (n, 3) that is still in the skin.

    The guide errs, but not as light does: where skin is brighter than its guide (`apart` (n, 3),
    over `weight` (n,)) just where the light is, some of it is left. A regression a channel.
    """
    bright = shading @ LUMINANCE
    share = weight / max(float(weight.sum()), 1e-9)
    bright = bright - share @ bright
    slope = (share * bright) @ difference / max(float(share @ bright**2), 1e-9)
    return (bright[:, None] * np.clip(slope, 0.0, MAX_REMAINING_LIGHT)).astype(np.float32)


def _hair(points: SkinPoints, albedo: FloatArray, plain: BoolArray) -> NDArray[np.float32]:
    """(n,) where the phone texture draws cropped hair, in the colour that it was seen in."""
    typical = float(np.median(albedo[plain] @ LUMINANCE))
    hair = smooth_step(*HAIR_CONTRAST, typical - albedo @ LUMINANCE) * _share(points, "scalp")
    wide = cv2.dilate(points.scatter(hair), np.ones((HAIR_EDGE, HAIR_EDGE), np.uint8))
    return points.texels.gather(wide)[points.skin]


def _share(points: SkinPoints, name: str) -> NDArray[np.float32]:
    inside = points.texels.interpolate(region(points.texels.template, name))[points.skin]
    return np.minimum(3.0 * inside, 1.0)


def _join(
    points: SkinPoints,
    albedo: FloatArray,
    guide: FloatArray,
    observed: FloatArray,
    plain: BoolArray,
) -> NDArray[np.float32]:
    """`albedo` where known (n,), elsewhere the guide shifted to meet it."""
    difference = albedo - guide
    typical = np.median(difference[plain], 0)
    texels = points.texels
    values = np.zeros((len(texels), 3), np.float32)
    weight = np.zeros(len(texels), np.float32)
    values[points.skin], weight[points.skin] = difference, observed
    at_vertices, total = texels.to_vertices(values, weight)
    everywhere = np.broadcast_to(typical, at_vertices.shape)
    membrane = surface_membrane(texels.template, at_vertices, CERTAIN * total, everywhere)
    joined = guide + texels.interpolate(membrane)[points.skin]
    return joined + observed[:, None] * (albedo - joined)
