"""Measured colours of iris and hair in; base colour of all that a clip hardly shows out.

Eyes, teeth, gums, tongue, mouth and lashes lie in the atlas but are seen too small, too dark or
never. They are drawn instead, in albedo, the sclera with the lids' shade on it; the caller brings
them to the brightness it needs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.template import CLEAR, IRIS_RADIUS_M
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, HeadFit, RoomLight

from ...atlas.solid_noise import solid_noise
from ...atlas.texel_map import TexelMap
from ...imaging.smooth_step import smooth_step

PUPIL_SHARE = 0.36  # of the iris' radius: a pupil of 4 mm, as in a lit room
# Where the iris darkens, where it begins to fade and where the sclera is, in iris radii.
LIMBUS = (0.78, 0.90, 1.08)
# As eyes look in clips beside skin: darker than a bare eyeball, for lashes, tears and the lids' own
# softness, which no renderer shades, take light off it.
SCLERA_PAINTED = np.array([0.50, 0.445, 0.405], np.float32)
# Its share of the light at the upper and at the lower lid's edge, and how far the shade reaches.
LID_SHADE, LID_SHADE_M = (0.5, 0.75), (0.0006, 0.0050)
LID_REACH_M = 0.018  # from an eye's centre to the skin that shades it
# So far off the eyeball a caruncle begins to be pink, and is.
CARUNCLE_M = (0.0005, 0.0030)
FIBRES = 90  # round the iris: fewer look like spokes, more are lost at usual texture sizes
# Linear albedo. Viewers without shadows show the mouth's inside as it is: it is drawn dark.
FLAT = {
    "teeth": (0.43, 0.38, 0.29),
    "gums": (0.26, 0.085, 0.072),
    "tongue": (0.27, 0.095, 0.085),
    "mouth": (0.075, 0.020, 0.017),
    "lashes": (0.022, 0.016, 0.013),
    "caruncle": (0.42, 0.20, 0.17),
}
# Lashes are darker than the hair that they grow with, and lie between these shares of light.
LASH_SHARE, LASH_ALBEDO = 0.6, (0.008, 0.09)
# Share of the light before the face that reaches into the mouth.
MOUTH_LIGHT = 0.8
IN_MOUTH = ("teeth", "gums", "tongue", "mouth")
PUPIL = np.array([0.004, 0.004, 0.004], np.float32)
VEIN = np.array([0.50, 0.17, 0.14], np.float32)


def painted_parts(
    texels: TexelMap, fit: HeadFit, iris_linear: FloatArray, lash_linear: FloatArray
) -> tuple[NDArray[np.float32], BoolArray]:
    """Linear albedo (n, 3) and where it applies (n,): everything but skin.

    `iris_linear`, `lash_linear` (3,): linear albedo.
    """
    position = texels.interpolate(fit.neutral_m)
    colour = np.zeros((len(texels), 3), np.float32)
    for name, albedo in (FLAT | {"lashes": tuple(lash_linear)}).items():
        here = texels.is_material(name)
        mottle = 0.05 * solid_noise(position[here], 0.0022, seed=len(name))
        colour[here] = np.array(albedo, np.float32) * np.exp(mottle)[:, None]
    eye, caruncle = texels.is_material("eye", *CLEAR), texels.is_material("caruncle")
    skin_m = position[texels.is_material("skin")]
    colour[eye] = _eyeballs(position[eye], skin_m, fit, iris_linear)
    # Beside the eyeball it is the white of the eye that goes on.
    beside = position[caruncle]
    pink = smooth_step(*CARUNCLE_M, _off_eyeballs_m(beside, fit))[:, None]
    white = _eyeballs(beside, skin_m, fit, iris_linear)
    colour[caruncle] = (white + pink * (colour[caruncle] - white)).astype(np.float32)
    return colour, ~texels.is_material("skin")


def lash_albedo(hair_linear: FloatArray | None, light: RoomLight) -> NDArray[np.float32]:
    """Linear (3,) of lashes beside hair filmed as (3,) in the light that the skin tells; usual ones
    where no hair was seen."""
    if hair_linear is None:
        return np.array(FLAT["lashes"], np.float32)
    hair = hair_linear * light.skin_linear / np.maximum(light.skin_filmed, 1e-3)
    # Dyed or not, lashes have the brown of melanin: red before green before blue.
    brown = np.minimum.accumulate(LASH_SHARE * hair)
    return np.clip(brown, *LASH_ALBEDO).astype(np.float32)


def _eyeballs(
    position_m: FloatArray, skin_m: FloatArray, fit: HeadFit, iris_linear: FloatArray
) -> NDArray[np.float32]:
    """Iris, pupil, limbus and sclera (n, 3) of eyes that look straight ahead, along -Y."""
    side = (position_m[:, 0] < 0.0).astype(int)  # eye centres come left (+X) first
    arm = position_m - fit.eye_centre_m[side]
    radius = np.hypot(arm[:, 0], arm[:, 2]) / IRIS_RADIUS_M
    front = arm[:, 1] < 0.0
    angle = np.arctan2(arm[:, 2], arm[:, 0])
    white = _sclera(position_m, radius, front)
    white *= _lid_shade(position_m, arm, skin_m, fit)[:, None]
    iris = _iris(radius, angle, side, iris_linear)
    inside = np.where(front, 1.0 - smooth_step(LIMBUS[1], LIMBUS[2], radius), 0.0)
    return white + inside[:, None].astype(np.float32) * (iris - white)


def _off_eyeballs_m(position_m: FloatArray, fit: HeadFit) -> FloatArray:
    """(n,) how far off the nearer eyeball's surface points (n, 3) lie."""
    away = np.linalg.norm(position_m[:, None] - fit.eye_centre_m, axis=2) - fit.eye_radius_m
    return away.min(axis=1)


def _lid_shade(
    position_m: FloatArray, arm: FloatArray, skin_m: FloatArray, fit: HeadFit
) -> NDArray[np.float32]:
    """(n,) share of the light that lids and lashes leave points of the eyeballs at rest."""
    reach = [np.linalg.norm(skin_m - centre, axis=1) for centre in fit.eye_centre_m]
    lids = skin_m[np.minimum(*reach) < LID_REACH_M]
    if not len(lids):
        return np.ones(len(position_m), np.float32)
    away = cKDTree(lids).query(position_m)[0]
    upper = smooth_step(-0.004, 0.004, arm[:, 2])
    edge = LID_SHADE[1] + upper * (LID_SHADE[0] - LID_SHADE[1])
    return (edge + (1.0 - edge) * smooth_step(*LID_SHADE_M, away)).astype(np.float32)


def _iris(
    radius: FloatArray, angle: FloatArray, side: NDArray[np.int_], iris_linear: FloatArray
) -> NDArray[np.float32]:
    """Radial fibres, a lighter ring round the pupil, a dark limbus."""
    # Noise on a cone makes fibres: many blobs round the circle, few along the radius.
    fibre_point = np.stack(
        [np.cos(angle) * FIBRES / 7, np.sin(angle) * FIBRES / 7, radius * 2.0 + 40.0 * side], 1
    )
    fibres = 0.14 * solid_noise(fibre_point, 1.0, 3) + 0.09 * solid_noise(fibre_point, 0.4, 5)
    collarette = 0.25 * np.exp(-(((radius - 0.52) / 0.10) ** 2))
    limbus = -0.8 * smooth_step(LIMBUS[0], LIMBUS[2], radius) - 0.1
    colour = iris_linear * np.exp(fibres + collarette + limbus)[:, None]
    pupil = 1.0 - smooth_step(PUPIL_SHARE - 0.03, PUPIL_SHARE + 0.03, radius)
    return (colour + pupil[:, None] * (PUPIL - colour)).astype(np.float32)


def _sclera(position_m: FloatArray, radius: FloatArray, front: BoolArray) -> NDArray[np.float32]:
    """White, pinker away from the iris, with faint veins."""
    outward = np.where(front, smooth_step(1.1, 2.2, radius), 1.0)
    ridge = np.abs(solid_noise(position_m, 0.0016, 11) + 0.5 * solid_noise(position_m, 0.0007, 12))
    vein = np.exp(-((ridge / 0.10) ** 2)) * outward * 0.22
    base = SCLERA_PAINTED * (1.0 - outward[:, None] * np.array([0.03, 0.13, 0.15]))
    return (base + vein[:, None] * (VEIN - base)).astype(np.float32)
