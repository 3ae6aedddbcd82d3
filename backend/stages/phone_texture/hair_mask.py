"""The texture as filmed in; which of it is hair, its colour, and a close-cropped scalp out.

Hair has a volume that a head's surface cannot show: painted on, it smears. Where it hides the
scalp, the scalp is drawn as if cropped close, in the hair's colour; where it hangs over forehead or
ears, skin is made up. Hair is recognized by its colour, darker or greyer
than the face's skin, and by hanging together with the scalp.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...atlas.inpaint import extrapolate
from ...atlas.solid_noise import solid_noise
from ...atlas.texel_map import TexelMap, region, sample_at, texel_map, twin_coordinates
from ...imaging.log_light import LUMINANCE, chroma
from ...imaging.smooth_step import smooth_step

COARSE = 512  # texels a side, about a millimetre each: areas of hair, not strands
PLAIN = ("nose", "cheeks", "chin")
NEVER_HAIR = ("brows", "eyelids", "nose", "nostrils", "lips", "chin")
# Below this line on the head at rest, sideburns and beards are the face's own.
LOWEST_M = -0.015  # from the eyes' height
# Hairlines vary: up to here from the template's scalp hair grows, farther down it hangs.
HAIRLINE_M = 0.012
OBSERVED_THRESHOLD = 0.5
MIN_POINTS = 200  # of the coarse atlas
# Log light below the face's skin from which a colour is hair's; or log red below it, where it is no
# brighter than skin. On the scalp it may be, by GLOSS: a forehead that is mirrors a blue sky.
HAIR_DARKNESS, HAIR_REDNESS_LOSS, GLOSS = 0.55, 0.16, 0.25
MIN_SCALP_SHARE = 0.04  # of the seen scalp; less is shadow
MARGIN = 5  # coarse texels round hair in which strands thin out
EXPECTED_HAIR_FACTOR = 3.0  # the unseen scalp is as hairy as the seen one, times this
# Cropped hair lets this share of the skin's colour through.
SKIN_THROUGH = 0.22
STRANDS = ((0.0006, 31, 0.08), (0.0018, 32, 0.05), (0.008, 33, 0.04))  # size in m, seed, log light
# A hairline thins out over some millimetres, hair by hair.
EDGE_SOFTNESS = 4.0  # coarse texels
EDGE_M, EDGE_NOISE = 0.0007, 0.20
EDGE = (0.15, 0.85)


@dataclass(frozen=True)
class Hair:
    """Over n texels. `colour_log` (3,): as filmed less the shading; None: no hair was seen."""

    mask: NDArray[np.float32]  # (n,) in [0, 1]: what was filmed here is hair
    scalp: NDArray[np.float32]  # (n,) in [0, 1]: where cropped hair grows
    colour_log: NDArray[np.float32] | None
    over_forehead: float  # share of the seen forehead


def find_hair(texels: TexelMap, albedo_log: FloatArray, coverage: FloatArray) -> Hair:
    """`albedo_log` (n, 3): the texture without the room's light; `coverage` (n,) in [0, 1]."""
    none = np.zeros(len(texels), np.float32)
    no_hair = Hair(none, none, None, 0.0)
    coarse = texel_map(texels.template, COARSE)
    colour = coarse.sample(texels.scatter(albedo_log), cv2.INTER_AREA)
    observed = coarse.sample(texels.scatter(coverage), cv2.INTER_AREA) > OBSERVED_THRESHOLD
    observed &= coarse.is_material("skin")
    part = _parts(coarse)
    plain = observed & part["plain"]
    if plain.sum() < MIN_POINTS:
        return no_hair
    rest = coarse.interpolate(texels.template.vertices_m)
    high = (rest[:, 2] > _lowest_height_m(texels.template)) | part["scalp"] | part["ears"]
    like_hair = _like_hair(colour, np.median(colour[plain], 0), GLOSS * part["scalp"])
    like_hair &= observed & high & ~part["never"]
    hair = _connected_to(coarse, like_hair, part["scalp"])
    seen_scalp = observed & part["scalp"]
    share = float((hair & part["scalp"]).sum()) / max(float(seen_scalp.sum()), MIN_POINTS)
    if share < MIN_SCALP_SHARE:
        return no_hair
    # Lamps tint hair, too: bare scalp begins at the forehead, an island of it is tinted hair.
    bare = observed & (part["scalp"] | part["forehead"]) & ~hair
    hair |= bare & part["scalp"] & ~_connected_to(coarse, bare, part["forehead"])
    growing = (_near_scalp(rest, part["scalp"]) | ~part["forehead"]) & ~part["ears"]
    hanging = hair & ~growing
    # What only one side shows below the scalp is a shadow, or a strand that hangs there.
    growing &= part["scalp"] | _other_side_agrees(coarse, hair, observed)
    prior = region(texels.template, "scalp") * min(share * EXPECTED_HAIR_FACTOR, 1.0)
    shown = (hair & growing)[:, None].astype(np.float32)
    grows = extrapolate(coarse, shown, observed.astype(np.float32), prior[:, None])[:, 0]
    grows *= growing & high
    scalp = cv2.GaussianBlur(coarse.scatter(np.clip(grows, 0.0, 1.0)), (0, 0), EDGE_SOFTNESS)
    return Hair(
        mask=texels.sample(_widen(coarse.scatter(hair.astype(np.float32), gutters=False))),
        scalp=texels.sample(scalp, cv2.INTER_LINEAR),
        colour_log=np.median(colour[hair & like_hair], 0).astype(np.float32),
        over_forehead=_share(hanging, observed & part["forehead"]),
    )


def _parts(texels: TexelMap) -> dict[str, BoolArray]:
    """(n,) masks by name."""
    return {
        name: texels.interpolate(region(texels.template, *names)) > OBSERVED_THRESHOLD
        for name, names in (
            ("plain", PLAIN), ("never", NEVER_HAIR), ("scalp", ("scalp",)),
            ("forehead", ("forehead",)), ("ears", ("ears",)),
        )
    }  # fmt: skip


def _lowest_height_m(template: HeadTemplate) -> float:
    """Height on the head at rest below which hair is the face's own."""
    eyes = region(template, "eyes") > OBSERVED_THRESHOLD
    return template.vertices_m[eyes, 2].mean() + LOWEST_M


def _near_scalp(rest_m: FloatArray, scalp: BoolArray) -> BoolArray:
    """(n,) of points (n, 3) within HAIRLINE_M of those in `scalp` (n,)."""
    scalp_m = rest_m[scalp]
    return cKDTree(scalp_m[:: max(len(scalp_m) // 5000, 1)]).query(rest_m)[0] < HAIRLINE_M


def _widen(hair: FloatArray) -> NDArray[np.float32]:
    """(M, M) hair with the margin in which strands thin out, softly."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    return cv2.GaussianBlur(cv2.dilate(hair, disc), (0, 0), MARGIN / 2)


def draw_cropped_hair(
    texels: TexelMap, neutral_m: FloatArray, albedo_log: FloatArray, hair: Hair
) -> NDArray[np.float32]:
    """`albedo_log` (n, 3), complete skin of a head (V, 3), with cropped hair where it grows."""
    if hair.colour_log is None:
        return albedo_log
    near = np.flatnonzero(hair.scalp > 0.0)
    position = texels.interpolate(neutral_m)[near]
    share = hair.scalp[near]
    ragged = 4.0 * share * (1.0 - share)  # no stray hair where none grows
    edge = share + EDGE_NOISE * ragged * solid_noise(position, EDGE_M, 30)
    inside = smooth_step(*EDGE, edge)[:, None]
    strands = np.zeros(len(near), np.float32)
    for size_m, seed, strength in STRANDS:
        strands += strength * solid_noise(position, size_m, seed)
    skin = albedo_log[near]
    cropped = hair.colour_log + SKIN_THROUGH * (skin - hair.colour_log) + strands[:, None]
    out = albedo_log.copy()
    out[near] = skin + inside * (cropped - skin)
    return out


def _like_hair(colour: FloatArray, skin: FloatArray, gloss: FloatArray) -> BoolArray:
    """(n,) of `colour` (n, 3), hair brighter than `skin` (3,) by up to `gloss` (n,)."""
    difference = colour - skin
    brighter = difference @ LUMINANCE
    return (brighter < -HAIR_DARKNESS) | (
        (chroma(difference)[:, 0] < -HAIR_REDNESS_LOSS) & (brighter < gloss)
    )


def _connected_to(texels: TexelMap, mask: BoolArray, seed: BoolArray) -> BoolArray:
    """Those of `wanted` (n,) that hang together with ones in `seed` (n,)."""
    image = texels.scatter(mask.astype(np.uint8), gutters=False)
    image = cv2.morphologyEx(image, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    label = texels.gather(np.asarray(cv2.connectedComponents(image)[1]))
    return mask & np.isin(label, np.unique(label[mask & seed]))


def _other_side_agrees(texels: TexelMap, hair: BoolArray, observed: BoolArray) -> BoolArray:
    """(n,) where the other side of the head shows hair too, or was not seen."""
    twin = twin_coordinates(texels)
    both = np.stack([hair, observed], 1).astype(np.float32)
    there = sample_at(texels.scatter(both), twin)
    return np.isnan(twin[:, 0]) | (there[:, 0] > 0.5) | (there[:, 1] < 0.5)


def _share(inside: BoolArray, of: BoolArray) -> float:
    return float((inside & of).sum()) / max(float(of.sum()), 1.0)
