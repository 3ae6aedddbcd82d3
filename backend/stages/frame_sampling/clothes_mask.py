"""A frame and the posed head in; which pixels of neck and ears show something else than skin out.

The person mask holds the clothes too, and a fitted head reaches below a collar: unchecked, shirts
would be painted on to the neck. What lies beside the head in the same frame shows their colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...atlas.texel_map import region
from ...imaging.log_light import LUMINANCE, log_light
from .posed_head import PosedHead

PLAIN, EXPOSED = ("forehead", "cheeks", "nose", "chin"), ("neck", "ears", "jaw")
MIN_SHARE = 0.2  # of a region's weight
# On the jaw, where beards grow, a colour must match the clothes this much better than skin.
JAW_MATCH = 0.3
LONGEST_PX = 640  # side of the frame that is searched: colours need no more, time does
# Clusters of k-means: fewer merge a shirt's colours, more find skin's among them; it settles in 8.
SKIN_COLOURS, OTHER_COLOURS, PALETTE_ROUNDS = 6, 10, 8
MIN_PIXELS = 60  # of skin and of surroundings: fewer make no palette
DARK_SHARE = 0.2  # of the face's plain parts
# Log light by which skin may be darker or brighter than the palette's at no cost in colour.
SHADE = (-1.2, 0.5)
SHADE_COST = 0.25
# Log distance from skin up to which nothing is called foreign, and from which everything is.
SKIN_LIKE, FAR_FROM_SKIN = 0.30, 1.1
RING = 0.12  # of the head's height in the frame: how far beside it colours are learned
MARGIN_M = 0.004  # taken off round what is foreign: mixed pixels, and the fit's error


class SkinSegmenter:
    """Separates bare skin from clothes and background on the exposed parts of one head."""

    def __init__(self, template: HeadTemplate) -> None:
        self._plain = region(template, *PLAIN)[template.triangles].mean(1)
        self._exposed = region(template, *EXPOSED)[template.triangles].mean(1)
        self._neck = region(template, "neck")[template.triangles].mean(1)
        self._jaw = region(template, "jaw")[template.triangles].mean(1)

    def skin_mask(
        self, linear: FloatArray, posed: PosedHead, person: FloatArray, pixels_per_m: float
    ) -> NDArray[np.float32]:
        """(H, W) 1: the head's own surface, 0: something before it; `linear` (H, W, 3)."""
        height, width = person.shape
        scale = min(LONGEST_PX / max(height, width), 1.0)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        log = log_light(cv2.resize(linear, size, interpolation=cv2.INTER_AREA))
        shown = posed.raster.triangle.astype(np.int32)
        shown[posed.raster.covered] = posed.opaque_triangles[shown[posed.raster.covered]]
        shown[~posed.raster.covered] = -1
        shown = cv2.resize(shown, size, interpolation=cv2.INTER_NEAREST)
        inside = cv2.resize(person, size, interpolation=cv2.INTER_AREA) > 0.5
        foreign = self._foreign(log, shown, inside)
        if not foreign.any():
            return np.ones_like(person)
        reach = 2 * max(round(MARGIN_M * pixels_per_m * scale), 1) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        bare = 1.0 - cv2.dilate(foreign.astype(np.float32), disc)
        return cv2.resize(bare, (width, height), interpolation=cv2.INTER_LINEAR)

    def _foreign(self, log: FloatArray, shown: IntArray, inside: BoolArray) -> BoolArray:
        """(h, w) exposed pixels in a foreign colour, joined to what lies off the head."""
        covered = shown >= 0
        plain = covered & inside & (self._plain[shown] > 0.5)
        beside = _surroundings_mask(covered, inside)
        if min(plain.sum(), beside.sum()) < MIN_PIXELS:
            return np.zeros_like(covered)
        skin = _palette(_remove_dark(log[plain]), SKIN_COLOURS)
        other = _palette(log[beside], OTHER_COLOURS)
        other = other[_distance_from_skin(other, skin) > SKIN_LIKE]
        exposed = covered & (self._exposed[shown] > MIN_SHARE)
        colours = log[exposed]
        from_skin = _distance_from_skin(colours, skin)
        from_other = np.min(
            np.linalg.norm(colours[:, None] - other, axis=2), axis=1, initial=FAR_FROM_SKIN
        )
        foreign = np.zeros(covered.shape, np.uint8)
        bearded = np.clip(self._jaw[shown[exposed]] - self._neck[shown[exposed]], 0.0, 1.0)
        match = 1.0 + (JAW_MATCH - 1.0) * bearded
        foreign[exposed] = (from_skin > SKIN_LIKE) & (from_other < match * from_skin)
        foreign = cv2.morphologyEx(foreign, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        _, label = cv2.connectedComponents(((foreign > 0) | ~covered).astype(np.uint8))
        joined = np.isin(label, np.unique(label[~covered])) & (foreign > 0)
        # Nothing bare hangs below a hem.
        neck = covered & (self._neck[shown] > MIN_SHARE)
        hidden = joined | (neck & (np.cumsum(joined & neck, axis=0) > 1))
        # A spot of skin colour amid clothes is clothes.
        _, label = cv2.connectedComponents((covered & ~hidden).astype(np.uint8), connectivity=4)
        count = np.bincount(label[covered & ~hidden], minlength=1)
        return hidden | (exposed & (label != count.argmax()))


def _surroundings_mask(covered: BoolArray, inside: BoolArray) -> BoolArray:
    """Pixels close by the head, but off it: background, hair, and all clothes below the head."""
    rows = np.flatnonzero(covered.any(1))
    if not len(rows):
        return np.zeros_like(covered)
    reach = 2 * max(round(RING * len(rows)), 2) + 1
    near = cv2.dilate(covered.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    lower = np.arange(len(covered))[:, None] > rows[0] + 0.75 * len(rows)
    touching = cv2.dilate(covered.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return ~touching & (near | (inside & lower))


def _remove_dark(colours: FloatArray) -> NDArray[np.float32]:
    """Those of (n, 3) that are skin for sure: no brows, no beard, no frames of glasses."""
    bright = colours @ LUMINANCE
    return colours[bright > np.quantile(bright, DARK_SHARE)]


def _palette(colours: FloatArray, count: int) -> NDArray[np.float32]:
    """The (count, 3) colours that stand for many (n, 3)."""
    sample = np.ascontiguousarray(colours[:: max(len(colours) // 4000, 1)], np.float32)
    order = np.argsort(np.argsort(sample.sum(1), kind="stable"), kind="stable")
    first = (order * count // len(sample)).astype(np.int32)[:, None]
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, PALETTE_ROUNDS, 0.0)
    flags = cv2.KMEANS_USE_INITIAL_LABELS
    return cv2.kmeans(sample, count, first, criteria, 1, flags)[2]


def _distance_from_skin(colours: FloatArray, skin: FloatArray) -> NDArray[np.float32]:
    """Log distance (n,) from the nearest skin colour in some light or shade."""
    difference = colours[:, None] - skin
    shade = np.clip(difference.mean(2, keepdims=True), *SHADE)
    left = np.linalg.norm(difference - shade, axis=2) + SHADE_COST * np.abs(shade[..., 0])
    return left.min(1)
