"""Two drawn views of a head in; where the one's pixels are found in the other, out.

The second view is first warped into the first through the head's surface, so that the flow has
only the fit's error to find, not the turn of the head; and both are normalised locally, since the
light on a turning head changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from .hairline import sample
from .model import Estimate
from .views import DrawnHead, seen_in

NORMALISED_PX = 7.0  # sigma of the neighbourhood
NOISE_LEVELS = 2.5  # contrast below this is noise and compression
GAIN = 44.0  # levels per standard deviation in what the flow is shown
SAME_DEPTH_M = 0.006
LEAST_COSINE = 0.25
BORDER_PX = 3


@dataclass(frozen=True)
class PairFlow:
    """From view a (H, W) to view b."""

    to_b_px: NDArray[np.float32]  # (H, W, 2) where the fit puts each pixel in b's picture
    flow_px: NDArray[np.float32]  # (H, W, 2) how far off, in a's picture
    round_trip_px: NDArray[np.float32]  # (H, W) how far there and back misses
    usable: BoolArray  # (H, W) the surface is seen in both

    def follow(self, points_px: FloatArray) -> FloatArray:
        """Points (N, 2) of a's picture to b's (N, 2)."""
        moved = points_px + sample(self.flow_px, points_px)
        return sample(self.to_b_px, moved).astype(np.float64)

    def trusted(self, points_px: FloatArray, limit_px: float) -> BoolArray:
        """(N,) points whose round trip misses by less than the limit."""
        column, row = points_px.astype(int).T
        return self.usable[row, column] & (self.round_trip_px[row, column] < limit_px)


class FlowFinder:
    """Dense inverse search (Kroeger et al. 2016) on locally normalised pictures."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._search.setFinestScale(1)

    def between(
        self, a: DrawnHead, b: DrawnHead, estimate: Estimate, center_px: FloatArray
    ) -> PairFlow:
        """Flow over what both views show of the head."""
        to_b, depth = seen_in(a, b, estimate, center_px)
        there = _usable(a, b, to_b, depth)
        warped = cv2.remap(
            b.view.grey, to_b[..., 0] - 0.5, to_b[..., 1] - 0.5, cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        ours, theirs = normalised(a.view.grey, there), normalised(warped, there)
        flow = self._search.calc(ours, theirs, None)
        back = self._search.calc(theirs, ours, None)
        height, width = there.shape
        column, row = np.meshgrid(np.arange(width, dtype="f4"), np.arange(height, dtype="f4"))
        returned = cv2.remap(
            back, column + flow[..., 0], row + flow[..., 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        miss = np.linalg.norm(flow + returned, axis=2)
        inner = cv2.erode(there.astype(np.uint8), np.ones((2 * BORDER_PX + 1,) * 2, np.uint8))
        return PairFlow(to_b, flow, miss, inner.astype(bool))


def _usable(a: DrawnHead, b: DrawnHead, to_b: FloatArray, depth: FloatArray) -> BoolArray:
    """(H, W) what is seen in both views, not too obliquely, and is the person in both."""
    x, y = to_b[..., 0] - 0.5, to_b[..., 1] - 0.5
    nearest = np.where(np.isfinite(b.raster.depth), b.raster.depth, 0.0).astype(np.float32)
    there = cv2.remap(nearest, x, y, cv2.INTER_NEAREST, borderValue=0.0)
    person = cv2.remap(b.view.person.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderValue=0)
    cosine = np.minimum(a.cosine, b.cosine)
    corners = a.triangles[a.raster.triangle]
    squarely = cosine[corners].min(axis=-1) > LEAST_COSINE
    same = np.abs(there - depth) < SAME_DEPTH_M
    return a.raster.covered & a.view.person & squarely & same & (person > 0)


def normalised(grey: FloatArray, inside: BoolArray) -> NDArray[np.uint8]:
    """A picture (H, W) in units of its local contrast, 128 outside."""
    weight = inside.astype(np.float32)
    share = cv2.GaussianBlur(weight, (0, 0), NORMALISED_PX) + 1e-4
    mean = cv2.GaussianBlur(grey * weight, (0, 0), NORMALISED_PX) / share
    centred = (grey - mean) * weight
    spread = np.sqrt(cv2.GaussianBlur(centred**2, (0, 0), NORMALISED_PX) / share)
    scaled = 128.0 + GAIN * centred / (spread + NOISE_LEVELS)
    return np.clip(scaled, 0, 255).astype(np.uint8)
