"""The frames' labels and the fitted head in; where its hair grows, its colour, what it hides out.

Where hair hides the scalp, the scalp is drawn as if cropped close; where it hangs over forehead or
ears, skin is made up.
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
from ...atlas.texel_map import TexelMap, region, sample_at, texel_map, twin_coordinates
from ...imaging.log_light import log_light
from ..frame_sampling.frame_sampler import FrameSampler
from ..frame_sampling.texel_views import pixels_per_m, view_texels
from .common_light import CommonLight

COARSE = 512  # texels a side, about a millimetre each: areas of hair, not strands
SCALP_STEP = 4  # every fourth of its texels says as well how far the scalp is
HAIRLESS = ("brows", "eyelids", "nose", "nostrils", "lips", "cheeks", "chin")
PART_THRESHOLD = 0.5  # of a region's weight
# Hairlines vary: up to here from the template's scalp hair grows, farther down it hangs.
HAIRLINE_M = 0.012
# On the temples it grows down to here from the eyes' height; lower it is a beard, or hangs.
LOWEST_M = -0.015
MIN_VIEWED = 0.3  # summed weight of the views from which a texel is judged
MIN_POINTS = 200  # of the coarse atlas
MIN_SCALP_SHARE = 0.04  # of the seen scalp that hair hides; less is an error of the labels
# The unseen scalp is as hairy as this share of the seen one that lies farthest behind the forehead:
# before it hairlines recede.
REARMOST_SHARE = 1 / 3
OWN_M = 0.05  # from the head: farther off it may be someone else's
CLEAR_M, MIN_PIXELS = 0.003, 50  # hair's colour: so far from anything else, of so many pixels
EDGE_SOFTNESS = 4.0  # coarse texels over which a hairline thins out


@dataclass(frozen=True)
class FilmedHair:
    """Over n texels. `colour_log` (3,): as filmed less the shading; None: no hair was seen."""

    hidden: NDArray[np.float32]  # (n,) in [0, 1]: hair was filmed here
    grows: NDArray[np.float32]  # (n,) in [0, 1]: where cropped hair is drawn
    colour_log: NDArray[np.float32] | None
    over_forehead: float  # share of the seen forehead

    @classmethod
    def none(cls, count: int) -> FilmedHair:
        nothing = np.zeros(count, np.float32)
        return cls(nothing, nothing, None, 0.0)


class HairVote:
    """Collects from the frames which texels of a coarse atlas show hair, and its colour."""

    def __init__(self, texels: TexelMap, common_light: CommonLight) -> None:
        self._texels = texel_map(texels.template, COARSE)
        self._common_light = common_light
        count = len(self._texels)
        self._skin = np.zeros(count, np.float32)
        self._hair = np.zeros(count, np.float32)
        self._scalp = self._texels.interpolate(region(texels.template, "scalp")) > PART_THRESHOLD
        self._colours: list[NDArray[np.float32]] = []  # (3,) log light of each frame's hair

    def add(self, frame: FrameSampler) -> None:
        """Count what a frame shows of each texel."""
        view = view_texels(self._texels, frame.posed, frame.fit, None)
        shown = np.stack([frame.labelled_skin, frame.hair], axis=2).astype(np.float32)
        skin, hair = (view.weight[:, None] * sample_at(shown, view.points_px)).T
        self._skin += skin
        self._hair += hair
        # Where hair meets skin or sky its pixels are mixed.
        reach = 2 * max(round(CLEAR_M * pixels_per_m(frame.posed, frame.fit)), 1) + 1
        square = np.ones((reach, reach), np.uint8)
        inner = cv2.erode(frame.hair.astype(np.uint8), square) > 0
        away = cv2.distanceTransform((~frame.posed.raster.covered).astype(np.uint8), cv2.DIST_L2, 5)
        inner &= away < OWN_M * pixels_per_m(frame.posed, frame.fit)
        if inner.sum() >= MIN_PIXELS:
            to_common = self._texels.sample(self._common_light.to_common(frame.k))[self._scalp]
            filmed = log_light(frame.linear[inner])
            self._colours.append(np.median(filmed, axis=0) + np.median(to_common, axis=0))

    def result(self, texels: TexelMap) -> FilmedHair:
        """For another atlas of the same template."""
        coarse = self._texels
        viewed = self._skin + self._hair
        observed = (viewed > MIN_VIEWED) & coarse.is_material("skin")
        hair = observed & (self._hair > self._skin)
        part = {
            name: coarse.interpolate(region(texels.template, *names)) > PART_THRESHOLD
            for name, names in (
                ("scalp", ("scalp",)), ("forehead", ("forehead",)), ("ears", ("ears",)),
                ("never", HAIRLESS),
            )
        }  # fmt: skip
        seen_scalp = observed & part["scalp"]
        rest = coarse.interpolate(texels.template.vertices_m)
        near = cKDTree(rest[part["scalp"]][::SCALP_STEP]).query(rest)[0] < HAIRLINE_M
        high = rest[:, 2] > _lowest_height_m(texels.template)
        growing = (near | (high & ~part["forehead"])) & ~part["ears"] & ~part["never"]
        hanging = hair & part["forehead"] & ~growing
        # What only one side shows below the scalp hangs there.
        growing &= part["scalp"] | _other_side_agrees(coarse, hair, observed)
        behind = _share(hair & part["scalp"], _rearmost(rest, part["forehead"], seen_scalp))
        prior = region(texels.template, "scalp") * behind
        shown = (hair & growing)[:, None].astype(np.float32)
        grows = extrapolate(coarse, shown, observed.astype(np.float32), prior[:, None])[:, 0]
        grows = np.clip(grows, 0.0, 1.0) * growing
        soft = cv2.GaussianBlur(coarse.scatter(grows), (0, 0), EDGE_SOFTNESS)
        # Below a hat nothing is known to grow; what hangs out of it hides skin all the same.
        share = float((hair & part["scalp"]).sum()) / max(float(seen_scalp.sum()), MIN_POINTS)
        is_drawn = share >= MIN_SCALP_SHARE and bool(self._colours)
        return FilmedHair(
            hidden=texels.sample(coarse.scatter(hair.astype(np.float32))),
            grows=texels.sample(soft, cv2.INTER_LINEAR) * np.float32(is_drawn),
            colour_log=self._colour() if is_drawn else None,
            over_forehead=_share(hanging, observed & part["forehead"]),
        )

    def _colour(self) -> NDArray[np.float32]:
        """(3,) less the shading on the scalp."""
        shading = self._common_light.shading(self._texels)[self._scalp]
        return (np.median(self._colours, axis=0) - np.median(shading, axis=0)).astype(np.float32)


def _rearmost(rest_m: FloatArray, forehead: BoolArray, seen_scalp: BoolArray) -> BoolArray:
    """(n,) the part of the seen scalp, of points (n, 3), that lies farthest from the forehead."""
    tree = cKDTree(rest_m[forehead][::SCALP_STEP])
    away, _ = tree.query(rest_m[seen_scalp])
    out = np.zeros(len(rest_m), bool)
    out[seen_scalp] = away >= np.quantile(away, 1.0 - REARMOST_SHARE)
    return out


def _lowest_height_m(template: HeadTemplate) -> float:
    eyes = region(template, "eyes") > PART_THRESHOLD
    return float(template.vertices_m[eyes, 2].mean()) + LOWEST_M


def _other_side_agrees(texels: TexelMap, hair: BoolArray, observed: BoolArray) -> BoolArray:
    """(n,) where the other side of the head shows hair too, or was not seen."""
    twin = twin_coordinates(texels)
    both = np.stack([hair, observed], 1).astype(np.float32)
    there = sample_at(texels.scatter(both), twin)
    return np.isnan(twin[:, 0]) | (there[:, 0] > 0.5) | (there[:, 1] < 0.5)


def _share(inside: BoolArray, of: BoolArray) -> float:
    return float((inside & of).sum()) / max(float(of.sum()), 1.0)
