"""The texture of a face with glasses in; where their rims and bridge were painted on the skin, out.

Rims are thin, long, and darker or brighter than the skin on both sides of them. Wrinkles are so,
too: it is for the caller to know that there are glasses.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...atlas.texel_map import TexelMap, region, texel_map
from ...imaging.log_light import LUMINANCE

COARSE = 1024  # texels a side, some .4 mm each: rims are a few of them wide
ABOVE_M, BELOW_M = 0.022, 0.034  # of the eyes' height, on the head at rest: where rims may lie
LASHES_M = 0.007  # from the eye
MAX_WIDTH = 17  # coarse texels; some 7 mm
CONTRAST = 0.13  # log light against both sides
MIN_LENGTH = 40  # coarse texels
MARGIN = 4  # coarse texels round a rim that its shadow and the fit's error reach
CLEAR = ("brows", "nostrils", "scalp", "ears")


def find_rims(texels: TexelMap, albedo_log: FloatArray) -> NDArray[np.float32]:
    """(n,) in [0, 1] from the texture without the room's light (n, 3)."""
    coarse = texel_map(texels.template, COARSE)
    light = coarse.sample(texels.scatter(albedo_log @ LUMINANCE), cv2.INTER_AREA)
    image = cv2.GaussianBlur(coarse.scatter(light), (0, 0), 1.0)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (MAX_WIDTH, MAX_WIDTH))
    line = np.maximum(
        cv2.morphologyEx(image, cv2.MORPH_BLACKHAT, disc),
        cv2.morphologyEx(image, cv2.MORPH_TOPHAT, disc),
    )
    found = (line > CONTRAST) & coarse.scatter(_candidate_texels(coarse), gutters=False)
    count, label, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    span = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    long = np.flatnonzero((span > MIN_LENGTH) & (np.arange(count) > 0))
    rims = np.isin(label, long).astype(np.float32)
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    return texels.sample(cv2.GaussianBlur(cv2.dilate(rims, wide), (0, 0), MARGIN / 2))


def _candidate_texels(texels: TexelMap) -> BoolArray:
    """(n,) skin round the eyes, from temple to temple."""
    rest = texels.template.vertices_m
    eyes = rest[region(texels.template, "eyes") > 0.5]
    here = texels.interpolate(rest)
    height = here[:, 2] - eyes[:, 2].mean()
    inside = texels.is_material("skin") & (height < ABOVE_M) & (height > -BELOW_M)
    inside &= texels.interpolate(region(texels.template, *CLEAR)) < 0.5
    front = eyes[eyes[:, 1] < eyes[:, 1].mean()]
    return inside & (cKDTree(front).query(here)[0] > LASHES_M)
