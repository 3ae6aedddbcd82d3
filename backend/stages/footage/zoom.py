"""Pictures of a clip and its faces in, how the background grows and shrinks out.

A zoom scales head and background alike; a head that leans forward, or a phone that comes closer,
scales the head more. A camera that goes round a head shifts the background without scaling it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from .background import NARROW_MARGINS, background_mask

# Tracked corners (Shi & Tomasi 1994) and the pyramid's window, on a picture of this longer side: as
# small as leaves some dozens of corners on a rim of background, for speed.
LONG_SIDE_PX = 400
MAX_POINTS, MIN_POINTS = 80, 12
POINT_QUALITY, POINT_SPACING_PX = 0.01, 6
KLT_WINDOW = (13, 13)
MAX_RESIDUAL_PX = 1.5  # of a corner that agrees with the scale of the others
MIN_KEPT = 0.6  # fewer than this share of the corners: choose new ones while the scale is valid
MIN_AGREEING = 0.6  # of the tracked points: else they lie on things that move by themselves
MIN_SPREAD = 0.15  # of the picture's longer side, standard deviation: a cluster gives no scale
# The scale is taken against one picture as long as its points last, so that errors do not add up.
MAX_STEP = 0.15  # log scale from a picture to the next; more is a cut or a mistake

MIN_ZOOM = 0.113  # log: 12 %
MIN_CORRELATION = 0.6  # a turning head's size is measured to some 5 %
# Head's log size over the background's: 1 in a zoom, distance of the background over that of the
# head where the phone moves. A wall close behind the head remains undecided.
ZOOM_SLOPE = (0.6, 1.6)


class BackgroundScale:
    """Tracks corners of the background from picture to picture (Lucas & Kanade 1981)."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._start = np.empty((0, 2), np.float32)  # (N, 2) px, where the points lay at first
        self._points = np.empty((0, 2), np.float32)  # (N, 2) px, where they lay last
        self._start_count = 0  # how many there were
        self._start_log_scale = 0.0
        self._log_scale = 0.0
        self._background: BoolArray | None = None

    def update(self, pixels: NDArray[np.uint8], faces: FloatArray) -> float:
        """(H, W, 3) and landmarks (F, 478, 2) in its pixels to the logarithm of the background's
        growth since the picture before; NaN where it cannot be measured."""
        shrink = LONG_SIDE_PX / max(pixels.shape[:2])
        # Every n-th pixel first: averaging a whole frame would cost more than all the rest.
        step = max(1, int(0.5 / shrink))
        size = (max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink)))
        green = np.ascontiguousarray(pixels[::step, ::step, 1])
        small = np.asarray(cv2.resize(green, size, interpolation=cv2.INTER_AREA), np.uint8)
        if len(faces) or self._background is None or self._background.shape != small.shape:
            self._background = background_mask(small.shape[:2], faces * shrink, NARROW_MARGINS)
        before, self._before = self._before, small
        log = self._log_scale
        if before is None or not self._track(before, small):
            self._restart(small)
            return np.nan
        return self._log_scale - log

    def _track(self, before: NDArray[np.uint8], small: NDArray[np.uint8]) -> bool:
        """False where the points no longer give the scale."""
        if len(self._points) < MIN_POINTS:
            return False
        guess = self._points.copy()
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            before, small, self._points, guess, winSize=KLT_WINDOW, maxLevel=2
        )
        kept = (found[:, 0] > 0) & self._is_background(moved)
        self._start, self._points = self._start[kept], moved[kept]
        if (
            len(self._points) < MIN_POINTS
            or self._points.std(axis=0).max() < MIN_SPREAD * LONG_SIDE_PX
        ):
            return False
        fitted, agreeing = cv2.estimateAffinePartial2D(
            self._start, self._points, method=cv2.RANSAC, ransacReprojThreshold=MAX_RESIDUAL_PX
        )
        if fitted is None or agreeing.mean() < MIN_AGREEING:
            return False
        log = self._start_log_scale + float(np.log(np.hypot(fitted[0, 0], fitted[1, 0])))
        if abs(log - self._log_scale) > MAX_STEP:
            return False
        self._log_scale = log
        if len(self._points) < MIN_KEPT * self._start_count:
            self._restart(small)
        return True

    def _restart(self, small: NDArray[np.uint8]) -> None:
        """Choose corners anew; the scale goes on from here."""
        assert self._background is not None
        mask = self._background.astype(np.uint8)
        corners = cv2.goodFeaturesToTrack(
            small, MAX_POINTS, POINT_QUALITY, POINT_SPACING_PX, mask=mask
        )
        found = np.empty((0, 2), np.float32) if corners is None else corners[:, 0]
        self._start = self._points = np.asarray(found, np.float32)
        self._start_count = len(found)
        self._start_log_scale = self._log_scale

    def _is_background(self, points: NDArray[np.float32]) -> BoolArray:
        assert self._background is not None
        height, width = self._background.shape
        x, y = np.round(np.nan_to_num(points, nan=-1.0)).clip(-1, 2 * LONG_SIDE_PX).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        inside[inside] = self._background[y[inside], x[inside]]
        return inside


def zoom_share(background_growth: FloatArray, head_size: FloatArray) -> float:
    """How much a clip is zoomed at least, 0.3 for 30 %; 0 where it is not, or not certainly.

    `background_growth` (N,) log since the frame before and `head_size` (N,) in any unit: of a
    shot's frames, both NaN where unknown. Only steps that show both background and face count.
    """
    head_growth = np.diff(np.log(head_size), prepend=np.nan)
    valid = np.isfinite(background_growth) & np.isfinite(head_growth)
    if not valid.any():
        return 0.0
    background, head = np.cumsum(background_growth[valid]), np.cumsum(head_growth[valid])
    low, high = np.percentile(background, [1, 99])
    if high - low < MIN_ZOOM or head.std() == 0.0:
        return 0.0
    slope = head.std() / background.std()  # of the major axis, as both are measured
    correlated = np.corrcoef(background, head)[0, 1] > MIN_CORRELATION
    return (
        float(np.expm1(high - low)) if correlated and ZOOM_SLOPE[0] < slope < ZOOM_SLOPE[1] else 0.0
    )
