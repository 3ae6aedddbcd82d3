"""Performance: movements with a known answer, projected from the template's own head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from filmed_head import fit_seen_from
from footage_making import SAMPLE, NoProgress
from scipy.spatial.transform import Rotation

from backend.detector.landmark_indices import LEFT_IRIS, RIGHT_IRIS
from backend.stages.footage import read_faces
from backend.stages.performance import performance_from_landmarks
from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.errors import FaceNotFound
from studio_avatar_addon.avatar.frames import gaze_rotation, transform
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Camera, HeadFit, Performance

CAMERA = Camera((1280, 720), (1400.0, 1400.0), (640.0, 360.0))
FRAMES, FPS = 150, 30.0
BLINKS = (40, 90, 120)
GAP = slice(70, 76)
RELAXED_FRAMES = 26  # at the sample's beginning, while the head turns
IRIS_CENTRES = (LEFT_IRIS[0], RIGHT_IRIS[0])
# The head frame's axes in an OpenCV camera that looks the face in the eyes.
CAMERA_FROM_HEAD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def neutral_fit(template: HeadTemplate, camera: Camera = CAMERA) -> HeadFit:
    """The template itself as somebody's head."""
    return replace(fit_seen_from(template, np.eye(4)[None]), camera=camera)


def true_weights(time_s: np.ndarray) -> np.ndarray:
    """Blinks of six frames, a jaw that opens twice, a smile that comes and goes."""
    weights = np.zeros((len(time_s), 52))
    frame = time_s * FPS
    blink = sum(np.clip(1.5 - np.abs(frame - middle) / 2.0, 0, 1) for middle in BLINKS)
    for side in ("Left", "Right"):
        weights[:, SHAPE_INDEX[f"eyeBlink{side}"]] = np.clip(blink, 0, 1)
        smile = 0.7 * np.exp(-(((time_s - 3.5) / 0.4) ** 2))
        weights[:, SHAPE_INDEX[f"mouthSmile{side}"]] = smile
    weights[:, SHAPE_INDEX["jawOpen"]] = (
        0.8 * np.clip(np.sin(2.6 * time_s - 3.0), 0, 1) * (time_s < 3.0)
    )
    return weights


def filmed(template: HeadTemplate, time_s: np.ndarray, yaw_deg: np.ndarray, gaze: np.ndarray):
    """Landmarks (T, 478, 2) as a detector with noise and a bias of its own would give them."""
    rng = np.random.default_rng(4)
    bias = rng.normal(0, 1.0, (478, 2))
    landmarks = np.empty((len(time_s), 478, 2))
    weights = true_weights(time_s)
    for t, yaw in enumerate(yaw_deg):
        vertices = template.vertices_m + np.tensordot(weights[t], template.shape_deltas_m, axes=1)
        points = template.landmarks_m(vertices).astype(float)
        for eye, iris in enumerate(IRIS_CENTRES):
            forward = np.array([0, -0.87 * template.eye_radius_m[eye], 0])
            points[iris] = template.eye_centre_m[eye] + gaze_rotation(gaze[t]) @ forward
        pose = np.eye(4)
        pose[:3, :3] = CAMERA_FROM_HEAD @ Rotation.from_euler("z", yaw, degrees=True).as_matrix()
        pose[:3, 3] = (0.01 * np.sin(t / 20), 0.02, 0.6)
        landmarks[t] = CAMERA.project(transform(pose, points)) + bias
    return landmarks + rng.normal(0, 0.35, landmarks.shape)


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    time_s = np.arange(FRAMES) / FPS
    gaze = np.stack([0.25 * np.sin(1.5 * time_s), 0.1 * np.cos(1.1 * time_s)], axis=1)
    return {"time_s": time_s, "yaw_deg": 20.0 * np.sin(0.9 * time_s), "gaze": gaze}


@pytest.fixture(scope="module")
def performance(template: HeadTemplate, truth: dict[str, np.ndarray]) -> Performance:
    landmarks = filmed(template, truth["time_s"], truth["yaw_deg"], truth["gaze"])
    landmarks[GAP] = np.nan
    return performance_from_landmarks(
        truth["time_s"], landmarks, CAMERA, neutral_fit(template), template, NoProgress()
    )


def test_shape_and_range(performance: Performance) -> None:
    assert performance.weights.shape == (FRAMES, 52)
    assert performance.weights.min() >= 0.0
    assert performance.weights.max() <= 1.0
    assert performance.neck_from_head.shape == (FRAMES, 4, 4)
    for array in (performance.weights, performance.neck_from_head, performance.gaze_rad):
        assert np.isfinite(array).all()


def test_jaw_and_smile_follow_without_lag(performance: Performance) -> None:
    true = true_weights(performance.time_s)
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight"):
        found = performance.weights[:, SHAPE_INDEX[name]]
        wanted = true[:, SHAPE_INDEX[name]]
        assert np.abs(found - wanted).mean() < 0.03, name
        shifts = [np.dot(np.roll(wanted, shift), found) for shift in (-2, -1, 0, 1, 2)]
        assert int(np.argmax(shifts)) in (1, 2, 3), name


def test_blinks_are_kept(performance: Performance) -> None:
    for side in ("Left", "Right"):
        blink = performance.weights[:, SHAPE_INDEX[f"eyeBlink{side}"]]
        for middle in BLINKS:
            assert blink[middle - 1 : middle + 2].max() > 0.7
            assert blink[middle - 9 : middle - 5].max() < 0.25


def test_a_relaxed_face_reads_near_zero(performance: Performance) -> None:
    at_rest = true_weights(performance.time_s).max(axis=1) < 1e-3
    looks = [index for name, index in SHAPE_INDEX.items() if name.startswith("eyeLook")]
    skin = np.delete(performance.weights[at_rest], looks, axis=1)
    assert np.median(skin.max(axis=1)) < 0.1


def test_head_turn(performance: Performance, truth: dict[str, np.ndarray]) -> None:
    turned = Rotation.from_matrix(performance.neck_from_head[:, :3, :3])
    yaw = turned.as_euler("ZXY", degrees=True)[:, 0]
    error = yaw - truth["yaw_deg"]
    assert np.abs(error - np.median(error)).max() < 1.5


def test_the_neck_joint_stays_in_place(performance: Performance, template: HeadTemplate) -> None:
    joint = template.bone_ends_m[2, 0]
    moved = [transform(matrix, joint) for matrix in performance.neck_from_head]
    np.testing.assert_allclose(moved, np.tile(joint, (FRAMES, 1)), atol=1e-5)


def test_gaze(performance: Performance, truth: dict[str, np.ndarray]) -> None:
    blinking = np.zeros(FRAMES, bool)
    for middle in BLINKS:
        blinking[middle - 4 : middle + 5] = True
    error = np.degrees(performance.gaze_rad - truth["gaze"][:, None])[~blinking]
    error -= np.median(error, axis=0)  # the detector's bias moves both eyes
    assert np.abs(error).mean() < 3.0


def test_no_face_at_all(template: HeadTemplate) -> None:
    nothing = np.full((20, 478, 2), np.nan)
    with pytest.raises(FaceNotFound):
        performance_from_landmarks(
            np.arange(20) / FPS, nothing, CAMERA, neutral_fit(template), template, NoProgress()
        )


def test_the_samples_acting_comes_back(template: HeadTemplate) -> None:
    """The shipped clip's jaw, smile and blink, from its pictures; its truth lies beside it."""
    faces = read_faces(SAMPLE, NoProgress())
    performance = performance_from_landmarks(
        faces.time_s,
        faces.detections_px,
        faces.camera_guess,
        neutral_fit(template, faces.camera_guess),
        template,
        NoProgress(),
    )
    acted = read_arrays(SAMPLE.with_name("truth.npz"))["weights"]
    for name, agreement in (("jawOpen", 0.95), ("mouthSmileLeft", 0.95), ("eyeBlinkLeft", 0.8)):
        ours, theirs = (w[:, SHAPE_INDEX[name]] for w in (performance.weights, acted))
        assert np.corrcoef(ours, theirs)[0, 1] > agreement, name
        assert abs(int(ours[RELAXED_FRAMES:].argmax()) - int(theirs[RELAXED_FRAMES:].argmax())) <= 1
        assert 0.5 < ours.max() / theirs.max() < 1.2, name
        assert np.median(ours[:RELAXED_FRAMES]) < 0.15, name
