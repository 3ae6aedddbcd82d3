"""Tracking: the drawn face's landmarks and silhouette come back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from footage_making import WALL, NoProgress, turning_face, write_clip

from backend.imaging.image_files import load_mask
from backend.stages.footage import read_footage
from backend.stages.tracking import track_face
from backend.stages.tracking.person_mask import refine_mask_by_colour
from studio_avatar_addon.avatar.types import QUALITY, Capture, FaceTrack

FRAMES, WIDEST_DEG = 16, 30.0
PUPILS = [468, 473]  # the detector's landmarks of the right and the left one
DRIFT_PX, ASTRAY_PX = (4.0, 3.0), (40.0, 0.0)  # beside a face that is 120 px wide


@dataclass(frozen=True)
class Mistracked:
    """A capture with bad detections; `astray` and `lost`: frames of the clip."""

    capture: Capture
    astray: int
    lost: int


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    folder = tmp_path_factory.mktemp("clip")
    clip = write_clip(folder / "clip.mp4", turning_face(FRAMES, WIDEST_DEG))
    return read_footage(clip, folder, QUALITY["draft"], NoProgress())


@pytest.fixture(scope="module")
def mistracked(capture: Capture) -> Mistracked:
    """Detections that drifted by DRIFT_PX, in one chosen frame lie beside the face, and in one
    that was not chosen are missing."""
    detections_px = capture.detections_px + np.float32(DRIFT_PX)
    astray = int(capture.frame_index[len(capture.frame_index) // 2])
    detections_px[astray] += np.float32(ASTRAY_PX)
    lost = next(t for t in range(len(detections_px)) if t not in capture.frame_index)
    detections_px[lost] = np.nan
    return Mistracked(replace(capture, detections_px=detections_px), astray, lost)


@pytest.fixture(scope="module")
def track(mistracked: Mistracked, tmp_path_factory: pytest.TempPathFactory) -> FaceTrack:
    return track_face(mistracked.capture, tmp_path_factory.mktemp("masks"), NoProgress())


def pupils_px(frame: int) -> np.ndarray:
    """(2, 2) the right and the left pupil as `drawn_face` draws them."""
    yaw = np.radians(np.linspace(-WIDEST_DEG, WIDEST_DEG, FRAMES)[frame])
    beside = np.array([-0.42, 0.42]) * np.cos(yaw) + 0.7 * 0.8 * np.sin(yaw)
    return np.column_stack([240 + 60 * beside, np.full(2, 160 - 0.12 * 60)])


def test_static_landmarks_lie_on_the_pupils_though_the_tracked_ones_drifted(
    mistracked: Mistracked, track: FaceTrack
) -> None:
    capture = mistracked.capture
    tracked_px = capture.detections_px[capture.frame_index]
    for k, frame in enumerate(capture.frame_index):
        if frame == mistracked.astray:
            continue
        drawn = pupils_px(frame)
        static, drifted = track.frame_landmarks_px[k, PUPILS], tracked_px[k, PUPILS]
        assert np.linalg.norm(drifted - drawn, axis=1).min() > 3.0, frame
        assert np.linalg.norm(static - drawn, axis=1).max() < 2.0, frame
    assert np.isfinite(track.frame_landmarks_px).all()


def test_a_frame_tracked_beside_the_face_is_kept_with_little_confidence(
    mistracked: Mistracked, track: FaceTrack
) -> None:
    astray, capture = mistracked.astray, mistracked.capture
    k = capture.frame_index.tolist().index(astray)
    np.testing.assert_array_equal(track.frame_landmarks_px[k], capture.detections_px[astray])
    assert track.confidence[astray] == pytest.approx(0.2)
    others = np.setdiff1d(capture.frame_index, astray)
    assert track.confidence[others].min() > 0.4


def test_masks_show_the_person(mistracked: Mistracked, track: FaceTrack) -> None:
    frames = turning_face(FRAMES, WIDEST_DEG)
    for k, frame in enumerate(mistracked.capture.frame_index):
        if frame == mistracked.astray:
            continue
        drawn = frames[frame].astype(float)
        person = np.abs(drawn - WALL).max(axis=2) > 12
        head = slice(0, 230)  # above the shoulders
        mask = load_mask(track, k)[head] > 0.5
        shared = (mask & person[head]).sum() / (mask | person[head]).sum()
        assert shared > 0.95, frame


def test_a_face_without_detections_has_no_confidence(
    mistracked: Mistracked, track: FaceTrack
) -> None:
    assert track.confidence[mistracked.lost] == 0.0
    assert np.isnan(track.landmarks_px[mistracked.lost]).all()


def test_colours_sharpen_a_rough_edge() -> None:
    """A disc of another colour; the rough mask knows it only to eight pixels."""
    true = np.zeros((120, 120), np.float32)
    cv2.circle(true, (60, 60), 35, 1.0, -1)
    image = np.where(true[..., None] > 0, (200, 150, 130), (90, 110, 140)).astype(np.uint8)
    rough = np.zeros_like(true)
    cv2.circle(rough, (63, 60), 35, 1.0, -1)
    rough = cv2.GaussianBlur(rough, (0, 0), 5.0)
    before = np.mean((rough > 0.5) == (true > 0.5))
    after = np.mean((refine_mask_by_colour(image, rough, 12) > 0.5) == (true > 0.5))
    assert before < 0.985
    assert after > 0.995
