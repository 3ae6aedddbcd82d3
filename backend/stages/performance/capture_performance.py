"""The tracked face and the fitted head in, the movement of the whole clip out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from studio_avatar_addon.avatar.errors import FaceNotFound
from studio_avatar_addon.avatar.layout import FIRST_IRIS_LANDMARK
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import BONES, HeadTemplate
from studio_avatar_addon.avatar.types import (
    Camera,
    Capture,
    FaceTrack,
    Finding,
    FloatArray,
    HeadFit,
    Performance,
    Progress,
)

from .calibration import neutral_offset, relaxed_frames
from .gaze import eye_offset, gaze_angles, look_weights
from .landmark_model import LandmarkModel, landmark_model
from .motion import interpolate_gaps, neck_from_head
from .pose import initial_poses, refine_poses
from .weights import displacement_equations, solve_weights

# By turns weights and poses, or the neutral and poses: what one gets wrong spoils the other.
ROUNDS = 3
CALIBRATION_ROUNDS = 3
FIRST_ITERATIONS, ITERATIONS = 6, 2  # of the poses
MIN_FRAMES = 2  # the least that movement can be interpolated between
GAZE_BLUR_S = 0.02  # sigma: takes the irises' jitter away and leaves saccades their speed
MAX_OPEN_BLINK = 0.4  # above this weight the iris is hidden
GAP_THRESHOLD = 0.2  # of the frames without a face, from which on the artist is told


@dataclass(frozen=True)
class _Clip:
    """The N frames that show the face, and the head that they show."""

    landmarks_px: FloatArray  # (N, 478, 2)
    time_s: FloatArray  # (N,)
    camera: Camera
    fit: HeadFit
    template: HeadTemplate
    model: LandmarkModel

    @property
    def skin_px(self) -> FloatArray:
        """(N, 468, 2) without the irises."""
        return self.landmarks_px[:, :FIRST_IRIS_LANDMARK]


@dataclass(frozen=True)
class _Movement:
    """The estimate for N frames so far."""

    offset_m: FloatArray  # (N, L, 3) this clip's neutral against the fitted one
    poses: FloatArray  # (N, 4, 4) camera_from_head
    weights: FloatArray  # (N, 52)
    gaze_rad: FloatArray  # (N, 2, 2)


def capture_performance(
    capture: Capture, track: FaceTrack, fit: HeadFit, template: HeadTemplate, progress: Progress
) -> Performance:
    """Movement in the clip that the head was fitted to.

    Raises FaceNotFound where no frame shows the face.
    """
    return performance_from_landmarks(
        capture.time_s, track.landmarks_px, fit.camera, fit, template, progress
    )


def performance_from_landmarks(
    time_s: FloatArray,
    landmarks_px: FloatArray,
    camera: Camera,
    fit: HeadFit,
    template: HeadTemplate,
    progress: Progress,
) -> Performance:
    """Landmarks (T, 478, 2), NaN where the face was not found, to a movement without gaps.

    `camera`: that of this clip, which need not be the one of the fit.
    Raises FaceNotFound where no frame shows the face.
    """
    visible = np.isfinite(landmarks_px).all(axis=(1, 2))
    if visible.sum() < MIN_FRAMES:
        raise FaceNotFound(
            "No face was found to take a movement from.", "Choose a clip that shows the face."
        )
    clip = _Clip(
        landmarks_px[visible].astype(float),
        time_s[visible],
        camera,
        fit,
        template,
        landmark_model(fit, template),
    )
    progress(0, ROUNDS + 1, "finding the relaxed face")
    movement = _calibrate(clip)
    for done in range(ROUNDS):
        progress(done + 1, ROUNDS + 1, "solving the face's movement")
        movement = _solve(clip, movement)
    return _at_every_frame(clip, movement, time_s)


def _at_every_frame(clip: _Clip, movement: _Movement, time_s: FloatArray) -> Performance:
    """The movement at `time_s` (T,), of which the clip's N frames with a face are a part."""
    joint_m = clip.fit.joints_m[BONES.index("head"), 0]
    weights = movement.weights + look_weights(movement.gaze_rad)
    return Performance(
        time_s=time_s,
        weights=interpolate_gaps(weights, clip.time_s, time_s).clip(0.0, 1.0).astype(np.float32),
        neck_from_head=neck_from_head(movement.poses, clip.time_s, time_s, joint_m),
        gaze_rad=interpolate_gaps(movement.gaze_rad, clip.time_s, time_s).astype(np.float32),
        findings=_findings(1.0 - len(clip.time_s) / len(time_s)),
    )


def _calibrate(clip: _Clip) -> _Movement:
    """Poses and the clip's own neutral face, by turns."""
    still = np.zeros((len(clip.time_s), len(SHAPE_INDEX)))
    offset = np.zeros((1, FIRST_IRIS_LANDMARK, 3))
    poses = initial_poses(clip.model, clip.skin_px, clip.camera)
    poses = _refine(clip, still, offset, poses, FIRST_ITERATIONS)
    relaxed = relaxed_frames(clip.landmarks_px, poses)
    gaze = _estimate_gaze(clip, poses, still, offset)
    for _ in range(CALIBRATION_ROUNDS):
        looks = look_weights(gaze)
        offset = neutral_offset(clip.model, clip.skin_px, looks, poses, relaxed, clip.camera)
        poses = _refine(clip, looks, offset, poses, ITERATIONS)
        gaze = _estimate_gaze(clip, poses, still, offset)
    return _Movement(offset, poses, still, gaze)


def _solve(clip: _Clip, last: _Movement) -> _Movement:
    """One more round: weights from poses, then poses and gaze from weights."""
    looks = look_weights(last.gaze_rad)
    points = clip.model.points_m(looks, last.offset_m)
    equations = displacement_equations(
        clip.model, clip.skin_px, points, last.weights, last.poses, clip.camera
    )
    weights = solve_weights(equations, clip.model, np.diff(clip.time_s))
    poses = _refine(clip, weights + looks, last.offset_m, last.poses, ITERATIONS)
    gaze = _estimate_gaze(clip, poses, weights, last.offset_m)
    return _Movement(last.offset_m, poses, weights, gaze)


def _refine(
    clip: _Clip, weights: FloatArray, offset_m: FloatArray, poses: FloatArray, iterations: int
) -> FloatArray:
    points = clip.model.points_m(weights, offset_m)
    return refine_poses(clip.model, clip.skin_px, points, poses, clip.camera, iterations)


def _estimate_gaze(
    clip: _Clip, poses: FloatArray, weights: FloatArray, offset_m: FloatArray
) -> FloatArray:
    """(N, 2, 2), carried across blinks and steadied."""
    gaze = gaze_angles(clip.landmarks_px, poses, clip.fit, clip.camera, eye_offset(offset_m))
    blinks = [weights[:, SHAPE_INDEX[f"eyeBlink{side}"]] for side in ("Left", "Right")]
    open_eyes = np.maximum(*blinks) < MAX_OPEN_BLINK
    if open_eyes.any():
        gaze = interpolate_gaps(gaze[open_eyes], clip.time_s[open_eyes], clip.time_s)
    interval = float(np.median(np.diff(clip.time_s)))
    return gaussian_filter1d(gaze, GAZE_BLUR_S / interval, axis=0, mode="nearest")


def _findings(gaps: float) -> tuple[Finding, ...]:
    if gaps < GAP_THRESHOLD:
        return ()
    return (
        Finding(
            "movement_gaps",
            f"The face was not seen in {gaps:.0%} of the frames; the movement there is "
            "interpolated.",
        ),
    )
