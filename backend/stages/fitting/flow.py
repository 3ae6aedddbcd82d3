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

from .head_model import SolverState
from .picture_window import sample
from .view_images import DrawnHead, correspondences

# Local contrast normalisation.
NORMALISED_PX = 3.0  # sigma of the neighbourhood: pores and lines stay, shadow edges go
NOISE_LEVELS = 2.5  # contrast below this is noise and compression
GAIN = 44.0  # levels per standard deviation in what the flow is shown
# Where both views show the same skin. Depths may differ by what the fit errs by, but less than a
# nose or an ear stands off what it hides; beyond some 75 degrees skin is too foreshortened to
# match; within the border the normalisation mixes in what lies beyond it.
SAME_DEPTH_M = 0.006
MIN_COSINE = 0.25
BORDER_PX = 3
# Lucas-Kanade. A larger window averages over a bent surface, a smaller one finds nothing unique.
WINDOW_PX = 25  # side of the neighbourhood by which a point is found
MIN_TEXTURE = 1e-3  # least eigenvalue of its structure, as OpenCV counts
ROUND_TRIP_PX = 0.6  # there and back: more than a sighting's own error is another place


@dataclass(frozen=True)
class PairFlow:
    """From view a (H, W) to view b."""

    first: NDArray[np.uint8]  # (H, W) a, normalised
    second: NDArray[np.uint8]  # (H, W) b, warped into a, then normalised
    to_b_px: NDArray[np.float32]  # (H, W, 2) where the fit puts each pixel in b's picture
    flow_px: NDArray[np.float32]  # (H, W, 2) how far off, in a's picture, roughly
    usable: BoolArray  # (H, W) the surface is seen in both

    def track(self, points_px: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Points (N, 2) of a's picture to b's (N, 2), and which of them (N,) were found.

        The dense flow is smooth where skin is, which is to say it repeats the fit's error; each
        point is therefore searched again by its own neighbourhood alone (Lucas and Kanade 1981;
        Bouguet 2001), and counts if the way back leads to where it came from.
        """
        column, row = points_px.astype(int).T
        start = (points_px - 0.5).astype(np.float32)
        there, found = _refined(self.first, self.second, start, start + self.flow_px[row, column])
        back, returned = _refined(self.second, self.first, there, start)
        miss = np.linalg.norm(back - start, axis=1)
        found &= returned & (miss < ROUND_TRIP_PX) & self.usable[row, column]
        return sample(self.to_b_px, there + 0.5).astype(np.float64), found


class FlowFinder:
    """Dense inverse search (DIS, Kroeger et al. 2016) on locally normalised pictures."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._search.setFinestScale(1)

    def find(
        self, a: DrawnHead, b: DrawnHead, estimate: SolverState, center_px: FloatArray
    ) -> PairFlow:
        """Flow over what both views (H, W) show of the head; `center_px` (2,): principal point."""
        to_b, depth = correspondences(a, b, estimate, center_px)
        there = _usable(a, b, to_b, depth)
        warped = cv2.remap(
            b.view.grey, to_b[..., 0] - 0.5, to_b[..., 1] - 0.5, cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        first, second = normalise_contrast(a.view.grey, there), normalise_contrast(warped, there)
        flow = self._search.calc(first, second, None)
        inner = cv2.erode(there.astype(np.uint8), np.ones((2 * BORDER_PX + 1,) * 2, np.uint8))
        return PairFlow(first, second, to_b, flow, inner.astype(bool))


def _refined(
    a: NDArray[np.uint8], b: NDArray[np.uint8], points: FloatArray, start: FloatArray
) -> tuple[NDArray[np.float32], BoolArray]:
    """Where (N, 2) pictures' points are in `b`, from a `start`; False where nothing holds them."""
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        a, b, np.float32(points), np.float32(start), winSize=(WINDOW_PX, WINDOW_PX), maxLevel=0,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.005),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW, minEigThreshold=MIN_TEXTURE,
    )  # fmt: skip
    return moved, found[:, 0] > 0


def _usable(a: DrawnHead, b: DrawnHead, to_b: FloatArray, depth: FloatArray) -> BoolArray:
    """(H, W) what is seen in both views, not too obliquely, and is skin in both."""
    x, y = to_b[..., 0] - 0.5, to_b[..., 1] - 0.5
    nearest = np.where(np.isfinite(b.raster.depth), b.raster.depth, 0.0).astype(np.float32)
    there = cv2.remap(nearest, x, y, cv2.INTER_NEAREST, borderValue=0.0)
    skin = cv2.remap(b.view.skin.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderValue=0)
    cosine = np.minimum(a.cosine, b.cosine)
    corners = a.triangles[a.raster.triangle]
    frontal = cosine[corners].min(axis=-1) > MIN_COSINE
    same = np.abs(there - depth) < SAME_DEPTH_M
    return a.raster.covered & a.view.skin & frontal & same & (skin > 0)


def normalise_contrast(grey: FloatArray, inside: BoolArray) -> NDArray[np.uint8]:
    """A picture (H, W) of 0..255 in units of its local contrast, 128 outside `inside` (H, W)."""
    weight = inside.astype(np.float32)
    share = cv2.GaussianBlur(weight, (0, 0), NORMALISED_PX) + 1e-4
    mean = cv2.GaussianBlur(grey * weight, (0, 0), NORMALISED_PX) / share
    centred = (grey - mean) * weight
    spread = np.sqrt(cv2.GaussianBlur(centred**2, (0, 0), NORMALISED_PX) / share)
    scaled = 128.0 + GAIN * centred / (spread + NOISE_LEVELS)
    return np.clip(scaled, 0, 255).astype(np.uint8)
