"""Tracking: the drawn face's landmarks and silhouette come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage_making import WALL, NoProgress, turning_face, write_clip

from backend.imaging.image_files import load_mask
from backend.stages.footage import read_footage
from backend.stages.tracking import track_face
from backend.stages.tracking.person_mask import decide_by_colour
from studio_avatar_addon.avatar.types import QUALITY, Capture, FaceTrack


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    folder = tmp_path_factory.mktemp("clip")
    clip = write_clip(folder / "clip.mp4", turning_face(16))
    return read_footage(clip, folder, QUALITY["draft"], NoProgress())


@pytest.fixture(scope="module")
def track(capture: Capture, tmp_path_factory: pytest.TempPathFactory) -> FaceTrack:
    return track_face(capture, tmp_path_factory.mktemp("masks"), NoProgress())


def test_static_landmarks_agree_with_the_tracked_ones(capture: Capture, track: FaceTrack) -> None:
    tracked = capture.detections_px[capture.frame_index]
    assert track.frame_landmarks_px.shape == tracked.shape
    step = np.linalg.norm(track.frame_landmarks_px - tracked, axis=-1)
    assert np.median(step) < 3.0
    assert np.isfinite(track.frame_landmarks_px).all()
    assert track.confidence[capture.frame_index].min() > 0.4


def test_masks_show_the_person(capture: Capture, track: FaceTrack) -> None:
    for k, frame in enumerate(capture.frame_index):
        drawn = turning_face(16)[frame].astype(float)
        person = np.abs(drawn - WALL).max(axis=2) > 12
        head = slice(0, 230)  # above the shoulders
        mask = load_mask(track, k)[head] > 0.5
        shared = (mask & person[head]).sum() / (mask | person[head]).sum()
        assert shared > 0.95, frame


def test_a_face_without_detections_has_no_confidence(capture: Capture, tmp_path: Path) -> None:
    lost = capture.detections_px.copy()
    unchosen = next(t for t in range(len(lost)) if t not in capture.frame_index)
    lost[unchosen] = np.nan
    track = track_face(replace(capture, detections_px=lost), tmp_path, NoProgress())
    assert track.confidence[unchosen] == 0.0
    assert np.isnan(track.landmarks_px[unchosen]).all()


def test_colours_sharpen_a_rough_edge() -> None:
    """A disc of another colour; the rough mask knows it only to eight pixels."""
    true = np.zeros((120, 120), np.float32)
    cv2.circle(true, (60, 60), 35, 1.0, -1)
    image = np.where(true[..., None] > 0, (200, 150, 130), (90, 110, 140)).astype(np.uint8)
    rough = np.zeros_like(true)
    cv2.circle(rough, (63, 60), 35, 1.0, -1)
    rough = cv2.GaussianBlur(rough, (0, 0), 5.0)
    before = np.mean((rough > 0.5) == (true > 0.5))
    after = np.mean((decide_by_colour(image, rough, 12) > 0.5) == (true > 0.5))
    assert before < 0.985
    assert after > 0.995
