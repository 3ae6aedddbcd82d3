"""The chosen frames and the detector's eye points in; colours of irises, pupils, sclera as filmed
out.

What an eye shows of itself is dim beside what its cornea mirrors. The mirrored room is read where
the eye gives no light of its own, in the pupil; windows and lamps are left out as brighter than the
rest of the iris.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import SKIN
from studio_avatar_addon.avatar.types import BoolArray, Capture, FaceTrack, FloatArray

from ...detector.landmark_indices import (
    CHEEK_REGIONS,
    CONTOUR_LOWER_MIDDLE,
    CONTOUR_UPPER_MIDDLE,
    EYE_CONTOURS,
    IRISES,
)
from ...imaging.image_files import load_frame_linear, load_labels
from ...imaging.log_light import LUMINANCE, TYPICAL_SKIN

# Parts of the radius that the detector tells, on rendered heads 5 % too large: clear of pupil, dark
# limbus and the lid's shadow; smaller than a pupil in a room.
IRIS_RING, PUPIL_RADIUS = (0.40, 0.70), 0.25
SCLERA_INNER_RADIUS = 1.2
# Quantiles of the ring's light: the darkest are lashes and pupil, the brighter half mirrors.
IRIS_QUANTILES = (0.10, 0.50)
PUPIL_QUANTILE = 0.5  # its brighter pixels show a lamp, or the iris beside it
MIN_RADIUS_PX = 3.0
MIN_PIXELS = 6
MIN_LINEAR = 1e-3  # linear, before a logarithm
MIN_OPENING = 0.9  # lid opening over the iris' radius
MAX_HIDDEN = 0.1  # share of an eye
SCLERA_ALBEDO = np.array([0.62, 0.57, 0.53], np.float32)
TYPICAL_SCLERA_FILMED = np.array([0.34, 0.32, 0.31], np.float32)


@dataclass(frozen=True)
class EyeReading:
    """One eye in one frame, linear Rec.709 (3,) each."""

    opening: float  # between the lids, in radii of the iris
    radius_px: float  # of the iris
    iris: FloatArray
    pupil: FloatArray
    sclera: FloatArray
    white: FloatArray  # what of it is least red: neither lid nor vessel
    cheek: FloatArray  # the skin below it, which says what light there is


@dataclass(frozen=True)
class EyesFilmed:
    """The better readings of each eye that was seen at all, and the sclera they come to.

    `sclera_linear`: (3,) as the clip shows it; a typical one where `readings` is empty.
    """

    readings: tuple[tuple[EyeReading, ...], ...]
    sclera_linear: NDArray[np.float32]

    @property
    def visible(self) -> bool:
        return bool(self.readings)


def read_eyes(capture: Capture, track: FaceTrack) -> EyesFilmed:
    """Of the chosen frames in which an eye is open and nothing lies before it."""
    per_eye: list[list[EyeReading]] = [[], []]
    for k in range(len(capture.frame_index)):
        points = track.frame_landmarks_px[k]
        opened = [eye for eye in range(2) if _opening(points, eye) >= MIN_OPENING]
        if not opened:
            continue
        labels = load_labels(track, k)
        shown = [eye for eye in opened if not _hidden(labels, points[list(EYE_CONTOURS[eye])])]
        if not shown:
            continue
        frame = load_frame_linear(capture, k)
        for eye in shown:
            reading = read_eye(frame, points, eye, labels)
            if reading is not None:
                per_eye[eye].append(reading)
    return eyes_filmed(per_eye)


def eyes_filmed(per_eye: Sequence[Sequence[EyeReading]]) -> EyesFilmed:
    """The better half of each eye's readings (right, left): those in which it is widest.

    One eye may face a window and the other the room: each is measured by itself, and their mean in
    log light stands in. A median over both would be the one's or the other's by chance.
    """
    better = tuple(
        tuple(sorted(eye, key=lambda one: one.opening)[len(eye) // 2 :]) for eye in per_eye if eye
    )
    if not better:
        return EyesFilmed((), TYPICAL_SCLERA_FILMED)
    each = [np.median([one.sclera for one in eye], axis=0) for eye in better]
    sclera = np.exp(np.mean(np.log(np.maximum(each, MIN_LINEAR)), axis=0))
    return EyesFilmed(better, sclera.astype(np.float32))


def _hidden(labels: NDArray[np.uint8], lid: FloatArray) -> bool:
    """Whether the labels (H, W) show something else than skin between the lids (L, 2): a lock, a
    hand, the rim of glasses."""
    inside = np.zeros_like(labels)
    cv2.fillPoly(inside, [np.rint(lid - 0.5).astype(np.int32)], 1)
    shown = labels[inside > 0]
    return not shown.size or bool((shown != SKIN).mean() > MAX_HIDDEN)


def _opening(points: FloatArray, eye: int) -> float:
    """Height between the lids over the iris' radius; 0 where the eye is too small to measure."""
    lid, iris = points[list(EYE_CONTOURS[eye])], points[list(IRISES[eye])]
    radius = _radius(iris)
    if not np.isfinite(radius) or not np.isfinite(lid).all() or radius < MIN_RADIUS_PX:
        return 0.0
    return float(np.linalg.norm(lid[CONTOUR_LOWER_MIDDLE] - lid[CONTOUR_UPPER_MIDDLE])) / radius


def _radius(iris: FloatArray) -> float:
    return float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())


def read_eye(
    frame: FloatArray, points: FloatArray, eye: int, labels: NDArray[np.uint8] | None = None
) -> EyeReading | None:
    """Of eye 0 (right) or 1 in a linear frame (H, W, 3) with landmarks (478, 2) px.

    None: too few pixels show it. Without `labels` (H, W) all of the cheek counts as skin.
    """
    lid, iris = points[list(EYE_CONTOURS[eye])], points[list(IRISES[eye])]
    radius = _radius(iris)
    low = np.maximum(np.floor(lid.min(0) - 2), 0).astype(int)
    high = np.minimum(np.ceil(lid.max(0) + 2), [frame.shape[1], frame.shape[0]]).astype(int)
    if (high - low < 4).any():
        return None
    outline = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.fillPoly(outline, [np.rint(lid - low).astype(np.int32)], 1)
    # The upper lid's shadow and lashes and the lid margins are not the eye.
    inside = cv2.erode(outline, np.ones((3, 3), np.uint8)) > 0
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
    distance = np.hypot(x - iris[0, 0], y - iris[0, 1]) / radius
    below = y > iris[0, 1] - 0.3 * radius
    ring = inside & below & (distance > IRIS_RING[0]) & (distance < IRIS_RING[1])
    white = inside & (distance > SCLERA_INNER_RADIUS)
    if ring.sum() < MIN_PIXELS or white.sum() < MIN_PIXELS:
        return None
    patch = frame[low[1] : high[1], low[0] : high[0]]
    pupil = inside & (distance < max(PUPIL_RADIUS, 1.0 / radius))
    shown = _between(patch[ring], *IRIS_QUANTILES).mean(0)
    hole = _between(patch[pupil], 0.0, PUPIL_QUANTILE).mean(0) if pupil.any() else shown
    sclera = patch[white]
    bright = sclera[np.argsort(sclera.sum(1))[len(sclera) // 2 :]]
    redness = bright[:, 0] / np.maximum(bright[:, 1], MIN_LINEAR)
    return EyeReading(
        opening=_opening(points, eye),
        radius_px=radius,
        iris=shown,
        pupil=np.minimum(hole, shown),
        sclera=np.median(bright, 0),
        white=np.median(bright[np.argsort(redness)[: len(bright) // 3 + 1]], 0),
        cheek=_cheek(frame, points, eye, labels),
    )


def _between(colours: FloatArray, low: float, high: float) -> FloatArray:
    """Those of the colours (n, 3) whose light lies between two quantiles; at least one."""
    order = np.argsort(colours @ LUMINANCE)
    first = int(low * len(order))
    return colours[order[first : max(int(np.ceil(high * len(order))), first + 1)]]


def _cheek(
    frame: FloatArray, points: FloatArray, eye: int, labels: NDArray[np.uint8] | None
) -> FloatArray:
    """Median (3,) of the brighter half of the cheek's skin, without what shines."""
    here = np.zeros(frame.shape[:2], np.uint8)
    hull = cv2.convexHull(points[list(CHEEK_REGIONS[eye])].astype(np.int32))
    cv2.fillConvexPoly(here, hull, 1)
    skin: BoolArray = here > 0
    if labels is not None and (skin & (labels == SKIN)).any():
        skin &= labels == SKIN
    return np.median(_between(frame[skin], 0.5, 0.9), 0) if skin.any() else TYPICAL_SKIN
