"""A source in, what one pass over its pictures shows out: faces, sharpness, light, changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, IntArray, Progress

from ...detector.landmark_indices import (
    CHEEK_REGIONS,
    EYE_REGIONS,
    LEFT_EYE_INNER,
    NOSE_ROOT,
    RIGHT_EYE_INNER,
)
from ...imaging.image_files import linear_from_srgb
from .face_tracker import FaceTracker
from .head_view import face_centre_px, face_width_px
from .source import Source
from .zoom import BackgroundScale

# Faces are measured at one width, so that a near and a far face compare.
MEASURED_FACE_PX = 256
CLIPPED_LEVEL = 250
THUMBNAIL_PX = (64, 36)
DETAIL_PX, LEVEL_FLOOR = 2.0, 8.0
LIGHT_FLOOR = 0.005  # linear, before a logarithm: in the dark the sensor's noise has no colour
MEDIAN_SQUARED_NORMAL = 0.455  # the median of a squared normal variable of variance 1


@dataclass(frozen=True)
class FaceObservation:
    """One face in one frame."""

    frame: int
    landmarks_px: NDArray[np.float32]  # (478, 2)
    sharpness: float  # gradient energy at MEASURED_FACE_PX against the face's own brightness
    brightness: float  # mean level in [0, 1]
    clipped: float  # share of pixels with a channel at its end
    nose_line: float  # how strong a line crosses the root of the nose, relative to its brightness
    skin_detail: float  # robust deviation of log level finer than DETAIL_PX, on the cheeks
    eye_detail: float  # the same round the eyes, not robust: lids and lashes are few
    cheek_colour: tuple[float, float]  # log light of red over green, and of green over blue

    @property
    def width_px(self) -> float:
        return float(face_width_px(self.landmarks_px))

    @property
    def centre_px(self) -> FloatArray:
        """(2,)"""
        return face_centre_px(self.landmarks_px)


@dataclass(frozen=True)
class Survey:
    """T frames."""

    time_s: FloatArray  # (T,)
    observations: tuple[tuple[FaceObservation, ...], ...]  # T
    scene_change: FloatArray  # (T,) against the frame before: 0 same picture, 1 nothing in common
    people: IntArray  # (T,) faces of comparable size as counted by the finder
    background_growth: (
        FloatArray  # (T,) log, since the frame before; NaN where it cannot be measured
    )


def survey_source(source: Source, progress: Progress, most: int) -> Survey:
    """Decode everything once, or the first `most` frames; keeps only landmarks and a few numbers a
    frame."""
    times: list[float] = []
    observations: list[tuple[FaceObservation, ...]] = []
    changes: list[float] = []
    people: list[int] = []
    growth: list[float] = []
    background = BackgroundScale()
    thumbnail = None
    expected = source.facts.expected_frames or 0
    with FaceTracker(source.facts.consecutive) as tracker:
        for index, picture in enumerate(islice(source.pictures(), most)):
            progress(index, max(expected, index + 1), f"frame {index + 1}")
            pixels = picture.preview()
            faces = tracker.detect(pixels)
            before, thumbnail = thumbnail, _Thumbnail.of(pixels)
            times.append(picture.time_s)
            observations.append(tuple(_observe(index, pixels, face) for face in faces))
            changes.append(0.0 if before is None else thumbnail.difference(before))
            people.append(tracker.people)
            growth.append(background.update(pixels, faces) if source.facts.consecutive else np.nan)
    return Survey(
        np.array(times),
        tuple(observations),
        np.array(changes),
        np.array(people, int),
        np.array(growth),
    )


def _observe(frame: int, pixels: NDArray[np.uint8], face: NDArray[np.float32]) -> FaceObservation:
    height, width = pixels.shape[:2]
    low, high = face.min(axis=0), face.max(axis=0)
    inset = 0.12 * (high - low)  # without the face's outline, which belongs to the background
    left, top = np.clip(low + inset, 0, [width - 2, height - 2]).astype(int)
    right, bottom = np.clip(high - inset, [left + 2, top + 2], [width, height]).astype(int)
    patch = pixels[top:bottom, left:right]
    scale = MEASURED_FACE_PX / max(float(face_width_px(face)), 1.0)
    method = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    patch = cv2.resize(patch, None, fx=scale, fy=scale, interpolation=method)
    green = patch[..., 1].astype(np.float32)
    across, down = np.diff(green, axis=1), np.diff(green, axis=0)
    level = max(float(green.mean()), 4.0)
    # Their geometric mean: movement blurs along one direction and leaves the other as it was.
    energy = 2.0 * float(np.sqrt(np.square(across).mean() * np.square(down).mean())) / level**2
    clipped = float((patch.max(axis=2) >= CLIPPED_LEVEL).mean())
    log_level = np.log(green + LEVEL_FLOOR)
    fine = log_level - cv2.GaussianBlur(log_level, (0, 0), DETAIL_PX)
    places = (face - [left, top]) * (np.array(patch.shape[1::-1]) / [right - left, bottom - top])
    skin, eyes = (within_hulls(fine, places, group) for group in (CHEEK_REGIONS, EYE_REGIONS))
    return FaceObservation(
        frame,
        face,
        energy,
        level / 255.0,
        clipped,
        _nose_line(pixels, face),
        float(np.sqrt(np.median(skin**2) / MEDIAN_SQUARED_NORMAL)) if skin.size else 0.0,
        float(eyes.std()) if eyes.size else 0.0,
        _cheek_colour(patch, places),
    )


def _cheek_colour(patch: NDArray[np.uint8], places: FloatArray) -> tuple[float, float]:
    """Of the cheeks in a picture (H, W, 3) of sRGB; NaN where it shows none."""
    skin = within_hulls(patch, places, CHEEK_REGIONS)
    if not len(skin):
        return np.nan, np.nan
    red, green, blue = np.log(linear_from_srgb(np.median(skin, axis=0) / 255.0) + LIGHT_FLOOR)
    return float(red - green), float(green - blue)


def within_hulls(
    image: NDArray, points_px: FloatArray, groups: tuple[tuple[int, ...], ...]
) -> NDArray:
    """The pixels (N, ...) of an image (H, W, ...) within the hulls of groups of points (478, 2)."""
    inside = np.zeros(image.shape[:2], np.uint8)
    for group in groups:
        cv2.fillConvexPoly(inside, cv2.convexHull(points_px[list(group)].astype(np.int32)), 1)
    return image[inside > 0]


def _nose_line(pixels: NDArray[np.uint8], face: NDArray[np.float32]) -> float:
    """The strongest dark or bright line across the nose between the eyes (H, W, 3).

    Skin is smooth there; the bridge of a pair of glasses is a line 5 to 10 % as thick as the inner
    corners of the eyes are apart. Second difference of the rows' medians.
    """
    apart = face[LEFT_EYE_INNER] - face[RIGHT_EYE_INNER]
    across = np.linspace(-0.22, 0.22, 16)[None, :, None] * apart
    down = np.linspace(-0.25, 0.75, 48)[:, None, None] * np.array([-apart[1], apart[0]])
    places = (face[NOSE_ROOT] + across + down).astype(np.float32)
    low = np.floor(places.min(axis=(0, 1))).astype(int).clip(0, np.array(pixels.shape[1::-1]) - 1)
    high = np.ceil(places.max(axis=(0, 1))).astype(int).clip(low + 1, pixels.shape[1::-1])
    green = np.ascontiguousarray(pixels[low[1] : high[1] + 1, low[0] : high[0] + 1, 1])
    places -= low.astype(np.float32)
    patch = cv2.remap(
        green, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    rows = np.median(patch, axis=1) / max(float(patch.mean()), 4.0)
    rows = np.convolve(rows, np.full(3, 1 / 3), "valid")
    return float(np.abs(rows[4:] - 2 * rows[2:-2] + rows[:-4]).max())


@dataclass(frozen=True)
class _Thumbnail:
    grey: NDArray[np.float32]
    histogram: NDArray[np.float32]  # (512,) of colours, sums to 1

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> _Thumbnail:
        """Of a picture (H, W, 3) in sRGB."""
        # Every n-th pixel is enough for a histogram and much cheaper than an average of all.
        step = max(1, min(pixels.shape[:2]) // 180)
        small = cv2.resize(pixels[::step, ::step], THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
        histogram = cv2.calcHist([small], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).ravel()
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255.0
        return cls(grey, histogram / histogram.sum())

    def difference(self, other: _Thumbnail) -> float:
        """Small unless both the colours and their places changed: a flash or a moving head
        changes only one of them."""
        colours = 1.0 - float(np.minimum(self.histogram, other.histogram).sum())
        mine, theirs = self.grey - self.grey.mean(), other.grey - other.grey.mean()
        # The constant keeps pictures without contrast from counting as unrelated.
        energy = np.sqrt(np.square(mine).mean() * np.square(theirs).mean()) + 1e-4
        places = 1.0 - float((mine * theirs).mean() + 1e-4) / energy
        return float(np.sqrt(colours * np.clip(places, 0.0, 1.0)))
