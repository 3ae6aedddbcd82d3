"""The chosen frames and the detector's eye points in; colours of iris and sclera as filmed out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import SKIN
from studio_avatar_addon.avatar.types import Capture, FaceTrack, FloatArray

from ...detector.landmark_indices import (
    CONTOUR_LOWER_MIDDLE,
    CONTOUR_UPPER_MIDDLE,
    EYE_CONTOURS,
    IRISES,
)
from ...imaging.image_files import load_frame_linear, load_labels

# Parts of the iris' radius: clear of the pupil, the dark limbus and the lid's shadow.
IRIS_RING = (0.45, 0.85)
SCLERA_INNER_RADIUS = 1.2
MIN_RADIUS_PX = 3.0
MIN_LINEAR = 1e-3  # linear, before a logarithm
MIN_OPENING = 0.9  # lid opening over the iris' radius
MAX_HIDDEN = 0.1  # share of an eye
SCLERA_ALBEDO = np.array([0.62, 0.57, 0.53], np.float32)
TYPICAL_IRIS = np.array([0.085, 0.050, 0.030], np.float32)
# Mean albedo up to which an iris is brown, and from which its measured colour counts.
DARK_IRIS, PALE_IRIS = 0.06, 0.12
TYPICAL_SCLERA_FILMED = np.array([0.34, 0.32, 0.31], np.float32)


@dataclass(frozen=True)
class EyeColours:
    """Linear Rec.709. `iris`: (3,) diffuse albedo; `sclera_filmed`: (3,) as the clip shows it;
    `measured`: whether it does, or a typical colour stands in."""

    iris: NDArray[np.float32]
    sclera_filmed: NDArray[np.float32]
    measured: bool


def measure_eye_colours(capture: Capture, track: FaceTrack) -> EyeColours:
    """Medians over the better half of each eye's frames in which it is open; typical if none.

    One eye may face a window and the other the room: each is measured by itself, and their mean in
    log light stands in. A median over both would be the one's or the other's by chance.
    """
    per_eye: list[list[tuple[float, FloatArray, FloatArray]]] = [[], []]
    for k in range(len(capture.frame_index)):
        frame, labels = None, load_labels(track, k)
        for eye, lid, iris in zip(per_eye, EYE_CONTOURS, IRISES, strict=True):
            points = track.frame_landmarks_px[k]
            opening = _opening(points[list(lid)], points[list(iris)])
            if opening < MIN_OPENING or _hidden(labels, points[list(lid)]):
                continue
            frame = load_frame_linear(capture, k) if frame is None else frame
            colours = measure_eye(frame, points[list(lid)], points[list(iris)])
            if colours is not None:
                eye.append((opening, *colours))
    each = [_typical_log(eye) for eye in per_eye if eye]
    if not each:
        return EyeColours(TYPICAL_IRIS, TYPICAL_SCLERA_FILMED, measured=False)
    iris, sclera = np.exp(np.mean(each, axis=0))
    albedo = _plausible_iris(iris / sclera * SCLERA_ALBEDO)
    return EyeColours(albedo.astype(np.float32), sclera.astype(np.float32), measured=True)


def _hidden(labels: NDArray[np.uint8], lid: FloatArray) -> bool:
    """Whether the labels (H, W) show something else than skin between the lids (L, 2): a lock, a
    hand, the rim of glasses."""
    inside = np.zeros_like(labels)
    cv2.fillPoly(inside, [np.rint(lid - 0.5).astype(np.int32)], 1)
    shown = labels[inside > 0]
    return not shown.size or bool((shown != SKIN).mean() > MAX_HIDDEN)


def _typical_log(eye: list[tuple[float, FloatArray, FloatArray]]) -> FloatArray:
    """(2, 3) log colours of iris and sclera, where the eye (opening, iris, sclera) is widest."""
    best = sorted(eye, key=lambda one: one[0])[len(eye) // 2 :]
    typical = np.median([one[1:] for one in best], axis=0)
    return np.log(np.maximum(typical, MIN_LINEAR))


def _plausible_iris(albedo: FloatArray) -> FloatArray:
    """Irises run from brown over green to grey and blue; what mirrors in dark ones adds a tint."""
    albedo = np.clip(albedo, 0.008, 0.45)
    albedo[1] = max(albedo[1], 0.5 * (albedo[0] + albedo[2]))
    bright = float(albedo.mean())
    brown = np.clip((PALE_IRIS - bright) / (PALE_IRIS - DARK_IRIS), 0.0, 1.0)
    return albedo + brown * (TYPICAL_IRIS * (bright / TYPICAL_IRIS.mean()) - albedo)


def _opening(lid: FloatArray, iris: FloatArray) -> float:
    """Height between the lids over the iris' radius; 0 where the eye is too small to measure."""
    radius = float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())
    if not np.isfinite(radius) or not np.isfinite(lid).all() or radius < MIN_RADIUS_PX:
        return 0.0
    return float(np.linalg.norm(lid[CONTOUR_LOWER_MIDDLE] - lid[CONTOUR_UPPER_MIDDLE])) / radius


def measure_eye(
    frame: FloatArray, lid: FloatArray, iris: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Median colours (3,) of iris and sclera in a linear frame (H, W, 3) inside the lids' outline
    (16, 2) px; `iris` (5, 2) px: its centre and rim. None: too few pixels show either."""
    radius = np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
    low = np.maximum(np.floor(lid.min(0) - 2), 0).astype(int)
    high = np.minimum(np.ceil(lid.max(0) + 2), [frame.shape[1], frame.shape[0]]).astype(int)
    if (high - low < 4).any():
        return None
    outline = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.fillPoly(outline, [np.rint(lid - low).astype(np.int32)], 1)
    # The upper lid's shadow and lashes and the lid margins are not the eye.
    outline = cv2.erode(outline, np.ones((3, 3), np.uint8))
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
    distance = np.hypot(x - iris[0, 0], y - iris[0, 1]) / radius
    below = y > iris[0, 1] - 0.3 * radius
    ring = (outline > 0) & below & (distance > IRIS_RING[0]) & (distance < IRIS_RING[1])
    white = (outline > 0) & (distance > SCLERA_INNER_RADIUS)
    if ring.sum() < 6 or white.sum() < 6:
        return None
    patch = frame[low[1] : high[1], low[0] : high[0]]
    sclera = patch[white]
    bright = sclera[np.argsort(sclera.sum(1))[len(sclera) // 2 :]]
    return np.median(patch[ring], 0), np.median(bright, 0)
