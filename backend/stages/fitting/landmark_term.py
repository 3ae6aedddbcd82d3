"""The detector's points to sightings of the head, first poses, and which frames are plausible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from studio_avatar_addon.avatar.errors import FitError
from studio_avatar_addon.avatar.layout import FIRST_IRIS_LANDMARK
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...detector.landmark_indices import (
    EYE_CONTOURS,
    FACE_OVAL,
    INNER_LIPS,
    LEFT_BROW_LOWER,
    LEFT_BROW_UPPER,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
    RIGHT_BROW_LOWER,
    RIGHT_BROW_UPPER,
)
from ...detector.landmark_table import MAX_YAW_STEP_DEG, LandmarkTable
from .bundle_adjustment import Observation
from .head_model import (
    FACING,
    LinearHead,
    SolverState,
    SurfacePoints,
    head_angles,
    rotation_from_vector,
)

# Points that lie on lines in the picture: of lids, lips and brows.
EDGES = (
    *EYE_CONTOURS[0], *EYE_CONTOURS[1], *INNER_LIPS, *OUTER_UPPER_LIP, *OUTER_LOWER_LIP,
    *LEFT_BROW_UPPER, *LEFT_BROW_LOWER, *RIGHT_BROW_UPPER, *RIGHT_BROW_LOWER,
)  # fmt: skip
# Neighbouring points err together: a frame's 468 weigh no more than 30 of them would. Edges
# are found where they are; on plain skin the detector has a face in mind.
INDEPENDENT_SHARE, EDGE_SHARE, FINAL_EDGE_SHARE = 0.03, 0.2, 0.4
# And all frames' err alike: once tracks observe where skin is, landmarks on it bend head and
# cameras away, and are needed for little but lids and lips. A pair is the share on tracked skin and
# elsewhere: before and after what all frames have in common is known.
SHARES_WITH_TRACKS, SHARES_WITH_OFFSETS = (0.002, 0.02), (0.02, 0.05)
# How far the detector puts a point of this person's from where the skin says, standard deviation;
# and as how many frames all of them count when that is told.
OFFSET_SD_M, INDEPENDENT_FRAMES = 0.003, 8.0
# The face oval slides along the silhouette as the head turns.
OVAL_SHARE = 0.1
DETECTOR_JITTER_PX = 0.8  # whatever the face's size
# Sigmas at which a point has lost half its weight, in the fit and where offsets are told.
CAUCHY, OFFSET_CAUCHY = 2.0, 6.0
# Frames to start from: frontal enough for the detector's bias to be small, and no more than the
# start's focal length and mean identity need.
FRONTAL_YAW_DEG = 28.0
MIN_FRONTAL_FRAMES, MAX_FRONTAL_FRAMES = 3, 10
# The artist's points are as exact as a hand is, outweigh what heads are like, and are never
# outliers.
PINNED_SIGMA_PX, PINNED_CAUCHY = 0.15, 1e3
OUTLIER_RATIO = 2.5  # of a frame's error to the median frame's


@dataclass(frozen=True)
class FaceLandmarks:
    """The detections of K frames, and the table that puts them on the head."""

    pixels: FloatArray  # (K, 468, 2), NaN where no face was found
    table: LandmarkTable
    oval: BoolArray  # (468,)
    edges: BoolArray  # (468,) on edges: EDGES
    share: FloatArray  # (468,) independent share of each point, but for the oval
    # (468, 3) in the head frame: where the detector puts this person's points from their place
    offset_m: FloatArray = field(default_factory=lambda: np.zeros((FIRST_IRIS_LANDMARK, 3)))

    @property
    def found(self) -> BoolArray:
        """(K,) frames with a face."""
        return np.isfinite(self.pixels).all(axis=(1, 2))

    def reweighted_for_tracks(self, on_tracked_skin: BoolArray) -> FaceLandmarks:
        """The same, weighed for a solve that has tracks too; `on_tracked_skin` (468,)."""
        return replace(self, share=np.where(on_tracked_skin, *SHARES_WITH_TRACKS))

    def with_offsets(self, offset_m: FloatArray, on_tracked_skin: BoolArray) -> FaceLandmarks:
        """The same for offsets (468, 3) that are known, but for edges, which are where they are
        found; `on_tracked_skin` (468,)."""
        share = np.where(on_tracked_skin, *SHARES_WITH_OFFSETS)
        share = np.where(self.edges, FINAL_EDGE_SHARE, share)
        return replace(self, share=share, offset_m=np.where(self.edges[:, None], 0.0, offset_m))

    @property
    def without_offsets(self) -> FaceLandmarks:
        """The same as the detector found them."""
        return replace(self, offset_m=np.zeros_like(self.offset_m))


# Where the artist dragged points of the face to: by chosen frame and landmark, pixels.
PinnedLandmarks = Mapping[int, Mapping[int, tuple[float, float]]]


def face_landmarks(frame_landmarks_px: FloatArray, table: LandmarkTable) -> FaceLandmarks:
    """Keep the face's points of (K, 478, 2). Raises FitError where no frame has a face."""
    pixels = np.asarray(frame_landmarks_px[:, :FIRST_IRIS_LANDMARK], np.float64)
    oval = np.zeros(FIRST_IRIS_LANDMARK, bool)
    oval[list(FACE_OVAL)] = True
    edges = np.zeros(FIRST_IRIS_LANDMARK, bool)
    edges[list(EDGES)] = True
    share = np.where(edges, EDGE_SHARE, INDEPENDENT_SHARE)
    landmarks = FaceLandmarks(pixels, table, oval, edges, share)
    if landmarks.found.sum() < 1:
        raise FitError(
            "No chosen frame shows the face clearly enough to fit a head.",
            "Film the face from the front, evenly lit, filling a third of the picture or more.",
        )
    return landmarks


def estimate_poses(
    landmarks: FaceLandmarks, points_m: FloatArray, focal_px: float, center_px: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Rotations (K, 3, 3) and translations (K, 3) m of a rigid face `points_m` (468, 3), by PnP.

    `center_px` (2,): principal point. Levenberg-Marquardt on the inner face, by OpenCV.

    Frames without a face take the nearest frame's.
    """
    camera = np.array([[focal_px, 0, center_px[0]], [0, focal_px, center_px[1]], [0, 0, 1.0]])
    inner = ~landmarks.oval
    points = np.ascontiguousarray(points_m[inner], np.float64)
    frames = len(landmarks.pixels)
    rotation, translation = np.tile(FACING, (frames, 1, 1)), np.zeros((frames, 3))
    start = cv2.Rodrigues(FACING)[0]
    for k in np.flatnonzero(landmarks.found):
        pixels = landmarks.pixels[k, inner]
        depth = focal_px * np.ptp(points[:, 2]) / np.ptp(pixels[:, 1])
        middle = (pixels.mean(axis=0) - center_px) / focal_px * depth
        guess = np.array([[middle[0]], [middle[1]], [depth]])
        _, vector, moved = cv2.solvePnP(
            points, pixels, camera, None, start.copy(), guess, useExtrinsicGuess=True
        )
        rotation[k], translation[k] = rotation_from_vector(vector), moved[:, 0]
    return fill_missing_poses(landmarks.found, rotation, translation)


def fill_missing_poses(
    valid: BoolArray, rotation: FloatArray, translation_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Rotations (K, 3, 3), translations (K, 3); frames not `valid` (K,) take the nearest valid
    one's."""
    index = np.flatnonzero(valid)
    nearest = index[np.abs(np.arange(len(valid))[:, None] - index).argmin(axis=1)]
    return rotation[nearest], translation_m[nearest]


def face_points(head: LinearHead, template: HeadTemplate) -> SurfacePoints:
    """The detector's 468 face points on the head."""
    return head.points(
        template.landmark_vertices[:FIRST_IRIS_LANDMARK],
        template.landmark_weights[:FIRST_IRIS_LANDMARK].astype(np.float64),
    )


def landmark_observations(
    landmarks: FaceLandmarks,
    head: LinearHead,
    template: HeadTemplate,
    estimate: SolverState,
    frames: IntArray,
) -> list[Observation]:
    """Observations of the face in `frames` (F,), unbiased and weighed for the estimate's yaw."""
    points = face_points(head, template)
    angles = head_angles(estimate.rotation, estimate.translation_m)
    share = _shares(landmarks)
    observations = []
    for k in frames:
        bias, noise = landmarks.table.at_yaw(float(angles.yaw_deg[k]))
        px_per_m = estimate.focal_px / estimate.translation_m[k, 2]
        bias_px = bias[:FIRST_IRIS_LANDMARK] @ _rotation_2d(float(angles.roll_rad[k])).T * px_per_m
        bias_px = bias_px + landmarks.offset_m @ estimate.rotation[k, :2].T * px_per_m
        sigma = np.hypot(noise[:FIRST_IRIS_LANDMARK] * px_per_m, DETECTOR_JITTER_PX)
        observations.append(
            Observation(
                frame=int(k),
                points=points,
                target_px=landmarks.pixels[k] - bias_px,
                sigma_px=sigma / np.sqrt(share),
                cauchy=CAUCHY * np.sqrt(landmarks.share),
            )
        )
    return observations


def pinned_observations(
    pinned: PinnedLandmarks, head: LinearHead, template: HeadTemplate, frames: IntArray
) -> list[Observation]:
    """Observations of the points in `frames` (F,) that the artist dragged to their place."""
    observations = []
    for k in np.intersect1d(frames, list(pinned)).astype(int):
        numbers = np.array(list(pinned[k]))
        corners = template.landmark_vertices[numbers]
        weights = template.landmark_weights[numbers].astype(np.float64)
        observations.append(
            Observation(
                frame=int(k),
                points=head.points(corners, weights),
                target_px=np.array(list(pinned[k].values()), np.float64),
                sigma_px=np.full(len(numbers), PINNED_SIGMA_PX),
                cauchy=PINNED_CAUCHY,
            )
        )
    return observations


def mean_offsets_m(
    landmarks: FaceLandmarks,
    head: LinearHead,
    template: HeadTemplate,
    estimate: SolverState,
    frames: IntArray,
    center_px: FloatArray,
) -> FloatArray:
    """(468, 3) m in the head frame: how far from its place each point was found in `frames` (F,).

    The mean of a Gaussian posterior, weights by Cauchy's robust cost; `center_px` (2,): principal
    point.
    """
    raw = landmarks.without_offsets
    observations = landmark_observations(raw, head, template, estimate, frames)
    precision = np.tile(np.eye(3) / OFFSET_SD_M**2, (FIRST_IRIS_LANDMARK, 1, 1))
    pull = np.zeros((FIRST_IRIS_LANDMARK, 3))
    share = min(1.0, INDEPENDENT_FRAMES / max(len(frames), 1))
    for observation in observations:
        k = observation.frame
        points = observation.points.at(estimate.shape, estimate.expression[k])
        missed = observation.target_px - estimate.project(k, points, center_px)
        sigma = observation.sigma_px * np.sqrt(_shares(raw))
        squared = ((missed / sigma[:, None]) ** 2).sum(axis=1)
        weight = share / (1.0 + squared / OFFSET_CAUCHY**2) / sigma**2
        by_offset = estimate.rotation[k, :2] * estimate.px_per_m(k)
        precision += weight[:, None, None] * (by_offset.T @ by_offset)
        pull += weight[:, None] * (missed @ by_offset)
    return np.linalg.solve(precision, pull[..., None])[..., 0]


def _shares(landmarks: FaceLandmarks) -> FloatArray:
    """(468,) what each point counts, against one by itself."""
    return np.where(landmarks.oval, OVAL_SHARE, 1.0) * landmarks.share


def landmark_error_px(
    observations: list[Observation], estimate: SolverState, center_px: FloatArray, oval: BoolArray
) -> dict[int, float]:
    """Median distance in pixels, by frame, of the inner face's points from their detections.

    `center_px` (2,): principal point; `oval` (468,) True for points that do not count.
    """
    errors = {}
    for observation in observations:
        points = observation.points.at(estimate.shape, estimate.expression[observation.frame])
        error = estimate.project(observation.frame, points, center_px) - observation.target_px
        errors[observation.frame] = float(np.median(np.linalg.norm(error, axis=1)[~oval]))
    return errors


def plausible_frames(
    landmarks: FaceLandmarks, estimate: SolverState, frame_index: IntArray
) -> BoolArray:
    """(K,) False where the yaw jumps away from both neighbours: the detector misread it."""
    yaw = head_angles(estimate.rotation, estimate.translation_m).yaw_deg
    good = landmarks.found.copy()
    index = np.flatnonzero(good)
    step = np.diff(frame_index[index])
    # Frames far apart may turn further: the limit holds for the median distance.
    limit = (
        MAX_YAW_STEP_DEG * np.maximum(step / max(np.median(step), 1.0), 1.0) if len(step) else step
    )
    jump = np.diff(yaw[index])
    for place in range(1, len(index) - 1):
        before, after = jump[place - 1], jump[place]
        spike = before * after < 0
        if spike and abs(before) > limit[place - 1] and abs(after) > limit[place]:
            good[index[place]] = False
    return good


def frontal_frames(good: BoolArray, estimate: SolverState) -> IntArray:
    """(F,) of the `good` (K,) frames those to start from: near-frontal, or else the most
    frontal."""
    yaw = np.abs(head_angles(estimate.rotation, estimate.translation_m).yaw_deg)
    index = np.flatnonzero(good)
    near = index[yaw[index] < FRONTAL_YAW_DEG]
    if len(near) > MAX_FRONTAL_FRAMES:
        return near[np.linspace(0, len(near) - 1, MAX_FRONTAL_FRAMES).round().astype(int)]
    if len(near) >= MIN_FRONTAL_FRAMES:
        return near
    return np.sort(index[np.argsort(yaw[index], kind="stable")[:MIN_FRONTAL_FRAMES]])


def _rotation_2d(angle_rad: float) -> FloatArray:
    sine, cosine = np.sin(angle_rad), np.cos(angle_rad)
    return np.array([[cosine, -sine], [sine, cosine]])
