"""Phone texture, capture and fit in; the `TextureSet` of origin "studio" out.

Skin points are read again from every frame, so that each view is divided by its own shading
before views are averaged; the phone texture gives the fine structure. All in log light.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import IRIS_RADIUS_M, HeadTemplate
from studio_avatar_addon.avatar.types import (
    Capture,
    FloatArray,
    HeadFit,
    Progress,
    Quality,
    TextureSet,
)

from ..atlas import AtlasTable, atlas_table, region, sample_at, twin_coordinates
from ..images import linear_from_srgb, load_frame_linear, srgb_from_linear
from ..phone_texture.bands import (
    LUMINANCE,
    common_low_band,
    light_from_log,
    log_light,
    smooth_step,
)
from ..phone_texture.fill import NOSTRIL_LOG, complete
from ..phone_texture.painted import painted_parts
from ..phone_texture.solid_noise import solid_noise
from ..phone_texture.views import view_texels
from ..posed_head import pose_head
from .light import FilmedPoints, Shading, fit_shading
from .surroundings import GRID, Surroundings, look_around
from .tone import skin_tone

# Regions that are not plain skin: they would be taken for shadow.
NOT_PLAIN = ("lips", "brows", "eyelids", "nostrils", "scalp", "ears", "neck")
GAIN_SIGMA = 1.5  # texels of the coarse grid
SURROUND_SIGMA = 14.0
# Log luminance above the surroundings where skin ends and shine begins, and where it is certain.
SHINE = (0.10, 0.40)
HAIR_DARKER = (0.5, 0.9)  # log luminance below the usual skin's
SHINE_KEPT = 0.25
SHINE_WHITENESS = 0.7  # share of the lamp's colour in it that is taken out
# Share of plain skin's broad colour differences that is skin; the rest is coloured light.
CHROMA_KEPT = 0.6
BRIGHTEST, BRIGHTEST_EAR = 0.45, 0.15  # log luminance above the usual skin's
# Log chroma at which a view shows something else than the blended texture does.
OTHER_COLOUR = 0.25
FOREIGN_COLOUR = (0.45, 0.80)  # log chroma distance from skin: collars, hats, coloured walls
NOSTRIL_OPEN = (0.25, 0.60)  # openness inside a nostril, and on its rim
ALBEDO_RANGE = (0.012, 0.85)
# Blob size in metres and seed of the invented skin's texture.
GRAINS_M = ((0.0045, 21), (0.0016, 22), (0.0006, 23))


def studio_texture(
    phone: TextureSet,
    capture: Capture,
    fit: HeadFit,
    template: HeadTemplate,
    quality: Quality,
    device: torch.device,
    progress: Progress,
) -> TextureSet:
    """Diffuse albedo as under even light, everywhere, with the openness as first cavity map."""
    progress(0, 6, "looking around from every point of the skin")
    around = look_around(fit, template)
    progress(1, 6, "reading skin points from the frames")
    filmed = _filmed_points(around, phone, capture, fit, template, progress)
    progress(3, 6, "estimating the room's light")
    table = atlas_table(template, quality.texture_size)
    phone_log = log_light(linear_from_srgb(table.pick(phone.base_color_srgb)))
    seen = table.pick(phone.coverage)
    plain = _plain_skin(around, template)
    skin_filmed = _usual_colour(filmed, plain)
    tone = skin_tone(skin_filmed, _sclera_filmed(table, phone, fit))
    shading = fit_shading(filmed, around, plain, tone, device)
    progress(4, 6, f"the light stands still with the {shading.moves_with}; dividing")
    evenly_lit = _divide(around, filmed, shading, plain, tone)
    gain = _gain(around, evenly_lit, table, phone_log, seen)
    openness = table.sample(around.image(around.visibility.openness))
    albedo_log = _dark_nostrils(table, phone_log + gain, openness, tone)
    progress(5, 6, "filling what was not seen")
    whole = _fill(table, albedo_log, seen, tone, fit)
    linear = np.clip(light_from_log(whole), *ALBEDO_RANGE)
    painted, drawn = painted_parts(table, fit, phone.iris_linear)
    linear = np.where(drawn[:, None], painted, linear)
    openness[drawn] = 1.0
    progress(6, 6, "")
    return TextureSet(
        origin="studio",
        base_color_srgb=np.clip(srgb_from_linear(table.image(linear)), 0.0, 1.0),
        coverage=phone.coverage,
        confidence=phone.confidence,
        view_count=phone.view_count,
        iris_linear=phone.iris_linear,
        cavity=table.image(openness),
    )


def _filmed_points(
    around: Surroundings,
    phone: TextureSet,
    capture: Capture,
    fit: HeadFit,
    template: HeadTemplate,
    progress: Progress,
) -> FilmedPoints:
    """Linear colour of the coarse skin points in every used frame."""
    # What the phone texture left out (clothes, background) is left out here too.
    coverage = around.table.sample(phone.coverage, cv2.INTER_AREA)[around.skin]
    blended = linear_from_srgb(around.table.sample(phone.base_color_srgb, cv2.INTER_AREA))
    blended_chroma = _chroma(log_light(blended[around.skin]))
    radiance, weight, rotation = [], [], []
    used = np.flatnonzero(fit.frame_used)
    for done, k in enumerate(used):
        progress(1 + 2 * done / len(used), 6, f"reading view {done + 1} of {len(used)}")
        posed = pose_head(fit, int(k), template)
        view = view_texels(around.table, posed, fit, None)
        # A coarse texel covers several pixels: average them.
        frame = load_frame_linear(capture, int(k))
        half = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        colour = sample_at(half, view.points_px[around.skin] * 0.5)
        other = np.linalg.norm(_chroma(log_light(colour)) - blended_chroma, axis=1)
        agreeing = np.exp(-((other / OTHER_COLOUR) ** 2))
        radiance.append(np.maximum(colour, 0.0))
        weight.append((view.weight[around.skin] * coverage * agreeing).astype(np.float32))
        rotation.append(fit.camera_from_head[k, :3, :3])
    return FilmedPoints(np.stack(radiance), np.stack(weight), np.array(rotation, np.float32))


def _plain_skin(around: Surroundings, template: HeadTemplate) -> NDArray[np.float32]:
    """(n,) 1 where skin should be of one colour."""
    outside = around.table.interpolate(region(template, *NOT_PLAIN))[around.skin]
    return (1.0 - outside) * np.clip(around.visibility.openness * 2.0 - 0.4, 0.0, 1.0)


def _usual_colour(filmed: FilmedPoints, plain: FloatArray) -> NDArray[np.float32]:
    """Median colour (3,) of plain skin in the brighter half: what the light falls on."""
    total = np.maximum(filmed.weight.sum(0), 1e-9)
    mean = np.einsum("kn,knc->nc", filmed.weight, filmed.radiance) / total[:, None]
    known = mean[(plain > 0.5) & (total > 0.5)]
    if not len(known):
        return np.array([0.35, 0.22, 0.16], np.float32)
    bright = known @ LUMINANCE
    low, high = np.quantile(bright, (0.5, 0.9))
    return np.median(known[(bright >= low) & (bright <= high)], 0).astype(np.float32)


def _sclera_filmed(table: AtlasTable, phone: TextureSet, fit: HeadFit) -> NDArray[np.float32]:
    """Colour (3,) linear at which the phone texture shows the white of the eyes."""
    position = table.interpolate(fit.neutral_m)
    arm = position - fit.eye_centre_m[(position[:, 0] < 0.0).astype(int)]
    ring = np.hypot(arm[:, 0], arm[:, 2])
    white = table.is_material("eye") & (arm[:, 1] < 0.0)
    white &= (ring > 1.1 * IRIS_RADIUS_M) & (ring < 1.6 * IRIS_RADIUS_M)
    colours = linear_from_srgb(table.pick(phone.base_color_srgb)[white])
    return np.median(colours, 0) if len(colours) else np.full(3, 0.4, np.float32)


def _divide(
    around: Surroundings,
    filmed: FilmedPoints,
    shading: Shading,
    plain: FloatArray,
    tone: FloatArray,
) -> NDArray[np.float32]:
    """Log albedo (n, 3) of the coarse points: each view over its shading, then a robust mean."""
    ratio = log_light(filmed.radiance) - shading.log_shading
    # `common_low_band` takes images: a column of points will do.
    albedo = common_low_band(ratio[:, :, None], filmed.weight[:, :, None])[:, 0]
    known = np.minimum(filmed.weight.max(0) * 4.0, 1.0)
    albedo = _lower_shine(around, albedo, known)
    sure = plain * known > 0.5
    middle = np.median(albedo[sure], 0) if sure.any() else np.median(albedo, 0)
    difference = albedo - middle
    strange = (1.0 - CHROMA_KEPT) * plain[:, None] * _chroma(difference)
    difference -= strange
    # Far brighter than its fellows, skin is missing a light that the model does not know.
    # Ears shade and light themselves in ways that a fitted ear gets wrong.
    ears = around.table.interpolate(region(around.table.template, "ears"))[around.skin]
    limit = BRIGHTEST + ears * (BRIGHTEST_EAR - BRIGHTEST)
    bright = np.maximum(difference @ LUMINANCE, 0.0)
    difference -= (bright - limit * np.tanh(bright / limit))[:, None]
    return difference + np.log(tone)


def _lower_shine(
    around: Surroundings, albedo: FloatArray, known: FloatArray
) -> NDArray[np.float32]:
    """Pull what is brighter than its surroundings back towards their colour."""
    image, weight = around.image(albedo), around.image(known.astype(np.float32))
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
    lowered += SHINE_WHITENESS * shine[..., None] * (_chroma(surround) - _chroma(lowered))
    return around.table.pick(lowered)[around.skin]


def _gain(
    around: Surroundings,
    evenly_lit: FloatArray,
    table: AtlasTable,
    phone_log: FloatArray,
    seen: FloatArray,
) -> NDArray[np.float32]:
    """Log gain (n, 3) that brings the phone texture's low band to the evenly lit colours."""
    weight = table.image(np.maximum(seen, 1e-3), gutters=False)
    size = (GRID, GRID)
    total = table.image(phone_log * np.maximum(seen, 1e-3)[:, None], gutters=False)
    share = np.maximum(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), 1e-9)
    coarse = cv2.resize(total, size, interpolation=cv2.INTER_AREA) / share[..., None]
    difference = (around.image(evenly_lit) - coarse) * share[..., None]
    smooth = cv2.GaussianBlur(difference, (0, 0), GAIN_SIGMA)
    smooth /= np.maximum(cv2.GaussianBlur(share, (0, 0), GAIN_SIGMA), 1e-9)[..., None]
    return table.sample(smooth, cv2.INTER_CUBIC)


def _dark_nostrils(
    table: AtlasTable, albedo_log: FloatArray, openness: FloatArray, tone: FloatArray
) -> NDArray[np.float32]:
    """Log albedo (n, 3) without what dividing the dark in the nostrils by next to nothing makes."""
    nostril = np.minimum(2.0 * table.interpolate(region(table.template, "nostrils")), 1.0)
    inside = (nostril * (1.0 - smooth_step(*NOSTRIL_OPEN, openness)))[:, None]
    return (albedo_log + inside * (np.log(tone) + NOSTRIL_LOG - albedo_log)).astype(np.float32)


def _fill(
    table: AtlasTable, albedo_log: FloatArray, seen: FloatArray, tone: FloatArray, fit: HeadFit
) -> NDArray[np.float32]:
    """Unseen skin: the other side, then the surroundings' colour with skin-like structure."""
    difference = albedo_log - np.log(tone)
    foreign = smooth_step(*FOREIGN_COLOUR, np.linalg.norm(_chroma(difference), axis=1))
    trusted = (seen * (1.0 - foreign)).astype(np.float32)
    filled = complete(table, albedo_log, trusted, twin_coordinates(table))
    structure = _structure(table, albedo_log, trusted, fit)
    return filled.log_rgb + (filled.invented * structure)[:, None]


def _structure(
    table: AtlasTable, albedo_log: FloatArray, seen: FloatArray, fit: HeadFit
) -> NDArray[np.float32]:
    """Noise (n,) with the strength of the seen skin's fine structure, band by band."""
    skin = table.is_material("skin")
    position = table.interpolate(fit.neutral_m)
    image = table.image(albedo_log @ LUMINANCE)
    clear = cv2.erode(table.image(np.where(skin, seen, 0.0).astype(np.float32)), np.ones((9, 9)))
    inner = table.pick(clear) > 0.9
    texels_per_m = _texels_per_m(table, fit)
    out = np.zeros(len(table), np.float32)
    finer = image
    for grain, seed in sorted(GRAINS_M):
        coarser = cv2.GaussianBlur(image, (0, 0), max(grain * texels_per_m / 2.0, 0.6))
        band = table.pick(finer - coarser)[inner]
        strength = 1.2 * np.median(np.abs(band)) if len(band) else 0.01
        out += strength * solid_noise(position, grain, seed)
        finer = coarser
    return out


def _texels_per_m(table: AtlasTable, fit: HeadFit) -> float:
    """Median density of the skin's chart."""
    triangles = table.template.triangles[np.unique(table.triangle[table.is_material("skin")])]
    uv = table.template.triangle_uv[np.unique(table.triangle[table.is_material("skin")])]
    side = np.linalg.norm(fit.neutral_m[triangles[:, 1]] - fit.neutral_m[triangles[:, 0]], axis=1)
    in_atlas = np.linalg.norm(uv[:, 1] - uv[:, 0], axis=1) * table.size
    return float(np.median(in_atlas / np.maximum(side, 1e-9)))


def _chroma(log_rgb: FloatArray) -> FloatArray:
    return log_rgb - (log_rgb @ LUMINANCE)[..., None]
