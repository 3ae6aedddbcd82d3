"""Phone texture, room light and fit in; the `TextureSet` of origin "studio" out.

The phone texture's low band is divided by the shading that it was brought to; its fine structure
stays. All in log light.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    FloatArray,
    HeadFit,
    Progress,
    Quality,
    RoomLight,
    TextureSet,
)

from ..atlas import AtlasTable, atlas_table, region
from ..images import linear_from_srgb, srgb_from_linear
from ..log_light import LUMINANCE, chroma, light_from_log, log_light, smooth_step
from ..phone_texture.fill import NOSTRIL_LOG
from ..phone_texture.painted import painted_parts
from ..room_light.points import GRID, SkinPoints

LOW_SIGMA = 1.5  # texels of the coarse grid
LEAST_TRUST = 1e-3
SURROUND_SIGMA = 14.0
# Log luminance above the surroundings where skin ends and shine begins, and where it is certain.
SHINE = (0.10, 0.40)
HAIR_DARKER = (0.5, 0.9)  # log luminance below the usual skin's
SHINE_KEPT = 0.25
SHINE_WHITENESS = 0.7  # share of the lamp's colour in it that is taken out
# Share of plain skin's broad colour differences that is skin; the rest is coloured light.
CHROMA_KEPT = 0.6
BRIGHTEST, BRIGHTEST_EAR = 0.45, 0.15  # log luminance above the usual skin's
NOSTRIL_OPEN = (0.25, 0.60)  # openness inside a nostril, and on its rim
ALBEDO_RANGE = (0.012, 0.85)


def studio_texture(
    phone: TextureSet,
    light: RoomLight,
    fit: HeadFit,
    template: HeadTemplate,
    quality: Quality,
    progress: Progress,
) -> TextureSet:
    """Diffuse albedo as under even light, everywhere, with the openness as first cavity map."""
    progress(0, 1, "dividing by the room's light")
    points = SkinPoints.of(template)
    table = atlas_table(template, quality.texture_size)
    phone_log = log_light(linear_from_srgb(table.pick(phone.base_color_srgb)))
    seen = table.pick(phone.coverage)
    filmed = _coarse(points, table, phone_log, seen)
    evenly_lit = _divide(points, light, filmed, _coverage(points, phone))
    gain = table.sample(points.image(evenly_lit - filmed), cv2.INTER_CUBIC)
    openness = table.sample(points.image(light.openness))
    albedo_log = _dark_nostrils(table, phone_log + gain, openness, light.skin_linear)
    linear = np.clip(light_from_log(albedo_log), *ALBEDO_RANGE)
    painted, drawn = painted_parts(table, fit, phone.iris_linear)
    linear = np.where(drawn[:, None], painted, linear)
    openness[drawn] = 1.0
    progress(1, 1, "")
    return TextureSet(
        origin="studio",
        base_color_srgb=np.clip(srgb_from_linear(table.image(linear)), 0.0, 1.0),
        coverage=phone.coverage,
        confidence=phone.confidence,
        view_count=phone.view_count,
        iris_linear=phone.iris_linear,
        cavity=table.image(openness),
    )


def _coverage(points: SkinPoints, phone: TextureSet) -> NDArray[np.float32]:
    return points.table.sample(phone.coverage, cv2.INTER_AREA)[points.skin]


def _coarse(
    points: SkinPoints, table: AtlasTable, phone_log: FloatArray, seen: FloatArray
) -> NDArray[np.float32]:
    """Log light (n, 3) of the phone texture's low band at the coarse points."""
    trust = np.maximum(seen, LEAST_TRUST)
    size = (GRID, GRID)
    total = table.image(phone_log * trust[:, None], gutters=False)
    total = cv2.resize(total, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(table.image(trust, gutters=False), size, interpolation=cv2.INTER_AREA)
    total, share = (cv2.GaussianBlur(image, (0, 0), LOW_SIGMA) for image in (total, share))
    return points.table.pick(total / np.maximum(share, 1e-9)[..., None])[points.skin]


def _divide(
    points: SkinPoints, light: RoomLight, filmed: FloatArray, coverage: FloatArray
) -> NDArray[np.float32]:
    """Log albedo (n, 3) of the coarse points: what was filmed over its shading."""
    known = np.minimum(coverage * 4.0, 1.0)
    albedo = _lower_shine(points, filmed - light.common, known)
    plain = light.plain
    sure = plain * known > 0.5
    middle = np.median(albedo[sure], 0) if sure.any() else np.median(albedo, 0)
    difference = albedo - middle
    strange = (1.0 - CHROMA_KEPT) * plain[:, None] * chroma(difference)
    difference -= strange
    # Far brighter than its fellows, skin is missing a light that the model does not know.
    # Ears shade and light themselves in ways that a fitted ear gets wrong.
    ears = points.table.interpolate(region(points.table.template, "ears"))[points.skin]
    limit = BRIGHTEST + ears * (BRIGHTEST_EAR - BRIGHTEST)
    bright = np.maximum(difference @ LUMINANCE, 0.0)
    difference -= (bright - limit * np.tanh(bright / limit))[:, None]
    return difference + np.log(light.skin_linear)


def _lower_shine(points: SkinPoints, albedo: FloatArray, known: FloatArray) -> NDArray[np.float32]:
    """Pull what is brighter than its surroundings back towards their colour."""
    image, weight = points.image(albedo), points.image(known.astype(np.float32))
    # Beside hair all skin is bright: hair is no surroundings.
    luminance = image @ LUMINANCE
    usual = np.median(albedo[known > 0.5] @ LUMINANCE) if (known > 0.5).any() else 0.0
    weight = weight * (1.0 - smooth_step(*HAIR_DARKER, usual - luminance))
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
    return points.table.pick(lowered)[points.skin]


def _dark_nostrils(
    table: AtlasTable, albedo_log: FloatArray, openness: FloatArray, tone: FloatArray
) -> NDArray[np.float32]:
    """Log albedo (n, 3) without what dividing the dark in the nostrils by next to nothing makes."""
    nostril = np.minimum(2.0 * table.interpolate(region(table.template, "nostrils")), 1.0)
    inside = (nostril * (1.0 - smooth_step(*NOSTRIL_OPEN, openness)))[:, None]
    return (albedo_log + inside * (np.log(tone) + NOSTRIL_LOG - albedo_log)).astype(np.float32)
