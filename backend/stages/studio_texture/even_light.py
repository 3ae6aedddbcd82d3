"""Phone texture, room light and fit in; the `TextureSet` of origin "studio" out.

The phone texture's low band is brought to what the method makes of it; its fine structure stays.
All in log light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    FloatArray,
    HeadFit,
    Progress,
    Quality,
    RoomLight,
    TextureSet,
)

from ...atlas.inpaint import NOSTRIL_LOG
from ...atlas.texel_map import TexelMap, region, texel_map
from ...imaging.image_files import linear_from_srgb, srgb_from_linear
from ...imaging.log_light import LUMINANCE, light_from_log, log_light
from ...imaging.smooth_step import smooth_step
from ..phone_texture.painted_parts import lash_albedo, painted_parts
from ..room_light.skin_points import GRID, SkinPoints
from ..room_light.surroundings import trace_surroundings
from .hybrid import hybrid_albedo
from .network_guide import PhysicalEstimate, predict
from .networks import load
from .physical import divide_by_shading

LOW_SIGMA = 1.5  # texels of the coarse grid
MIN_TRUST = 1e-3  # of unseen texels: they count only where nothing else does
NOSTRIL_OPEN = (0.25, 0.60)  # openness inside a nostril, and on its rim
# Linear: nothing on a head is darker than black hair or lighter than snow; renderers dislike both.
ALBEDO_RANGE = (0.012, 0.85)
WARM_LOG = np.array([0.15, 0.0, -0.15], np.float32)  # what full warmth adds to log light


@dataclass(frozen=True)
class Filmed:
    """The phone texture as the methods see it."""

    points: SkinPoints
    texels: TexelMap  # at the texture's size
    log_rgb: NDArray[np.float32]  # (N, 3) of its texels
    low: NDArray[np.float32]  # (n, 3) its low band at the coarse points
    coverage: NDArray[np.float32]  # (n,) at the same

    @classmethod
    def of(cls, phone: TextureSet, template: HeadTemplate, size: int) -> Filmed:
        texels, points = texel_map(template, size), SkinPoints.of(template)
        log_rgb = log_light(linear_from_srgb(texels.gather(phone.base_color_srgb)))
        low = _coarse(points, texels, log_rgb, texels.gather(phone.coverage))
        coverage = points.texels.sample(phone.coverage, cv2.INTER_AREA)[points.skin]
        return cls(points, texels, log_rgb, low, coverage)


def studio_texture(
    phone: TextureSet,
    light: RoomLight,
    fit: HeadFit,
    template: HeadTemplate,
    quality: Quality,
    choices: StudioChoices,
    device: torch.device,
    progress: Progress,
) -> TextureSet:
    """Diffuse albedo as under even light, everywhere, with the openness as first cavity map.

    Raises EnvironmentProblem where the method's network is missing or damaged.
    """
    filmed = Filmed.of(phone, template, quality.texture_size)
    evenly_lit = divide_by_shading(filmed.points, light, filmed.low, filmed.coverage)
    if choices.studio_method == "physical":
        progress(0, 1, "dividing by the room's light")
        albedo_log = apply_low_band_gain(filmed, light, evenly_lit, choices.light_removal)
        return texture_set(phone, light, fit, filmed, albedo_log, choices)
    net = load()
    progress(0, 2, "looking around from every point of the skin")
    surroundings = trace_surroundings(fit, template)
    progress(1, 2, "asking the network for the skin without light")
    by_wplus = choices.studio_method == "stylegan"
    weight = filmed.points.scatter(light.plain * filmed.coverage)
    physical = PhysicalEstimate(filmed.points.scatter(evenly_lit), weight)
    prediction = predict(
        net, phone, surroundings, device, features=not by_wplus, physical=physical,
        refine_seconds=choices.refine_seconds,
    )  # fmt: skip
    if by_wplus:
        albedo_log = filmed.texels.sample(prediction, cv2.INTER_CUBIC)
    else:
        guide = sample_at_points(prediction, surroundings.points)
        evenly_lit = hybrid_albedo(surroundings, light, filmed.low, guide, filmed.coverage, device)
        albedo_log = apply_low_band_gain(filmed, light, evenly_lit, choices.light_removal)
    return texture_set(phone, light, fit, filmed, albedo_log, choices)


def sample_at_points(prediction: FloatArray, points: SkinPoints) -> NDArray[np.float32]:
    """The network's log albedo (S, S, 3) at the coarse points: (n, 3)."""
    return points.texels.sample(prediction, cv2.INTER_CUBIC)[points.skin]


def _coarse(
    points: SkinPoints, texels: TexelMap, phone_log: FloatArray, seen: FloatArray
) -> NDArray[np.float32]:
    """Log light (n, 3) of the phone texture's low band at the coarse points."""
    trust = np.maximum(seen, MIN_TRUST)
    size = (GRID, GRID)
    total = texels.scatter(phone_log * trust[:, None], gutters=False)
    total = cv2.resize(total, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(texels.scatter(trust, gutters=False), size, interpolation=cv2.INTER_AREA)
    total, share = (cv2.GaussianBlur(image, (0, 0), LOW_SIGMA) for image in (total, share))
    return points.texels.gather(total / np.maximum(share, 1e-9)[..., None])[points.skin]


def apply_low_band_gain(
    filmed: Filmed, light: RoomLight, evenly_lit: FloatArray, removal: float
) -> NDArray[np.float32]:
    """Log albedo (N, 3): the texture with its low band brought to `evenly_lit` (n, 3), or a share
    `removal` of the way there; plain skin keeps its tone."""
    gain = evenly_lit - filmed.low
    plain = light.plain * filmed.coverage > 0.5
    middle = np.median(gain[plain] if plain.any() else gain, axis=0)
    gain = middle + removal * (gain - middle)
    gain = filmed.points.without_seams(gain)
    return filmed.log_rgb + filmed.texels.sample(filmed.points.scatter(gain), cv2.INTER_CUBIC)


def texture_set(
    phone: TextureSet,
    light: RoomLight,
    fit: HeadFit,
    filmed: Filmed,
    albedo_log: FloatArray,
    choices: StudioChoices,
) -> TextureSet:
    """What all methods share, of the texels' log albedo (N, 3): nostrils, the artist's tone, and
    all that is no skin."""
    texels = filmed.texels
    openness = texels.sample(filmed.points.scatter(light.openness))
    albedo_log = _darken_nostrils(texels, albedo_log, openness, light.skin_linear)
    linear = np.clip(light_from_log(albedo_log + _tone_log(choices)), *ALBEDO_RANGE)
    lashes = lash_albedo(phone.hair_linear, light)
    painted, drawn = painted_parts(texels, fit, phone.iris_linear, lashes)
    linear = np.where(drawn[:, None], painted, linear)
    openness[drawn] = 1.0
    return TextureSet(
        origin="studio",
        base_color_srgb=np.clip(srgb_from_linear(texels.scatter(linear)), 0.0, 1.0),
        coverage=phone.coverage,
        confidence=phone.confidence,
        view_count=phone.view_count,
        iris_linear=phone.iris_linear,
        cavity=texels.scatter(openness),
    )


def _tone_log(choices: StudioChoices) -> NDArray[np.float32]:
    """(3,) what the artist's tone adds to log light; warmth keeps the luminance."""
    warm = choices.skin_warmth * (WARM_LOG - WARM_LOG @ LUMINANCE)
    return (warm + choices.skin_exposure * np.log(2.0)).astype(np.float32)


def _darken_nostrils(
    texels: TexelMap, albedo_log: FloatArray, openness: FloatArray, tone: FloatArray
) -> NDArray[np.float32]:
    """Log albedo (n, 3) without what dividing the dark in the nostrils by next to nothing makes."""
    nostril = np.minimum(2.0 * texels.interpolate(region(texels.template, "nostrils")), 1.0)
    inside = (nostril * (1.0 - smooth_step(*NOSTRIL_OPEN, openness)))[:, None]
    return (albedo_log + inside * (np.log(tone) + NOSTRIL_LOG - albedo_log)).astype(np.float32)
