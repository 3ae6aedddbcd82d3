"""Footage: what good and bad clips become, with drawn faces; real clips where they are at hand."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from footage_making import (
    NoProgress,
    drawn_face,
    tag_rotation,
    turning_face,
    write_clip,
)
from PIL import Image

from backend.detector.landmark_indices import LEFT_IRIS, RIGHT_IRIS
from backend.imaging.image_files import load_frame_srgb, read_image
from backend.stages.footage import FOCAL_PRIOR, read_footage
from backend.stages.footage.frame_exposure import exposure_gains
from backend.stages.footage.open_footage import footage_sha256, open_source
from backend.stages.footage.transfer import srgb_from_signal
from studio_avatar_addon.avatar.errors import FaceNotFound, FootageUnreadable, JobCancelled
from studio_avatar_addon.avatar.types import QUALITY, Capture

DRAFT = QUALITY["draft"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that turns; the name holds what shells and URLs stumble over."""
    folder = tmp_path_factory.mktemp("Ä footage of 'Zoë'")
    return write_clip(folder / 'tête "à" 顔.mp4', turning_face())


@pytest.fixture(scope="module")
def capture(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return read(clip, tmp_path_factory.mktemp("frames"))


def read(source: Path, frames: Path) -> Capture:
    return read_footage(source, frames, DRAFT, NoProgress())


def codes(capture: Capture) -> set[str]:
    return {finding.code for finding in capture.findings}


def test_a_clip_becomes_a_capture(capture: Capture, clip: Path) -> None:
    assert capture.size_px == (480, 360)
    assert capture.fps == pytest.approx(25.0)
    np.testing.assert_allclose(capture.time_s, np.arange(24) / 25, atol=1e-6)
    assert capture.detections_px.shape == (24, 478, 2)
    assert np.isfinite(capture.detections_px).all()
    assert capture.sha256 == footage_sha256(clip)
    assert capture.camera_guess.focal_px[0] == FOCAL_PRIOR * 480
    assert not capture.focal_known
    assert "low_resolution" in codes(capture)


def test_the_eyes_lie_where_they_were_drawn(capture: Capture) -> None:
    middle = capture.detections_px[11:13].mean(axis=0)
    eyes = middle[[RIGHT_IRIS[0], LEFT_IRIS[0]]]  # the subject's right eye is on the left
    np.testing.assert_allclose(eyes, [[240 - 25, 153], [240 + 25, 153]], atol=6)


def test_chosen_frames_are_the_clips_own(capture: Capture) -> None:
    assert 8 <= len(capture.frame_index) <= DRAFT.frames
    assert (np.diff(capture.frame_index) > 0).all()
    drawn = turning_face()
    for k in (0, len(capture.frame_index) - 1):
        stored = load_frame_srgb(capture, k) * 255.0
        assert np.abs(stored - drawn[capture.frame_index[k]]).mean() < 3.0
    np.testing.assert_allclose(capture.frame_gain, 1.0, atol=0.02)


def test_sharp_frames_are_preferred(tmp_path: Path) -> None:
    frames = turning_face(40)
    blurred = set(range(0, 40, 2))
    for index in blurred:
        frames[index] = cv2.GaussianBlur(frames[index], (0, 0), 3.0)
    capture = read(write_clip(tmp_path / "clip.mp4", frames), tmp_path)
    sharp = [index for index in capture.frame_index if index not in blurred]
    assert len(sharp) >= 0.8 * len(capture.frame_index)


@pytest.mark.parametrize(
    ("matrix", "turn", "degrees"),
    [
        ((0, 1, -1, 0), cv2.ROTATE_90_COUNTERCLOCKWISE, 90),
        ((0, -1, 1, 0), cv2.ROTATE_90_CLOCKWISE, 270),
        ((-1, 0, 0, -1), cv2.ROTATE_180, 180),
    ],
)
def test_rotated_clips_come_upright(
    tmp_path: Path, matrix: tuple[int, int, int, int], turn: int, degrees: int
) -> None:
    """Phones store portrait clips lying and say how to turn them."""
    upright = turning_face(12, size=(360, 480), centre=(180, 200))
    path = write_clip(tmp_path / "portrait.mp4", [cv2.rotate(frame, turn) for frame in upright])
    tag_rotation(path, matrix)
    capture = read(path, tmp_path)
    assert capture.size_px == (360, 480)
    assert capture.rotation_deg == degrees
    assert np.abs(load_frame_srgb(capture, 0) * 255.0 - upright[0]).mean() < 4.0


def test_time_stamps_are_kept(tmp_path: Path) -> None:
    stamps = np.cumsum([0, *([20, 60, 40] * 4)])[:12]
    path = write_clip(tmp_path / "variable.mkv", turning_face(12), stamps=stamps.tolist())
    np.testing.assert_allclose(read(path, tmp_path).time_s, stamps / 1000.0, atol=2e-3)


def test_odd_sizes(tmp_path: Path) -> None:
    frames = turning_face(10, size=(483, 361))
    path = write_clip(tmp_path / "odd.mkv", frames, codec="ffv1", layout="yuv444p")
    capture = read(path, tmp_path)
    assert read_image(capture.frame_paths[0]).shape == (361, 483, 3)


def test_interlaced_clips_are_tolerated(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "tv.mp4", turning_face(10), **{"x264-params": "tff=1"})
    picture = next(iter(open_source(path).pictures()))
    assert np.abs(picture.srgb().astype(float) - drawn_face(yaw_deg=-30.0)).mean() < 4.0


def test_truncated_clip_goes_on_with_what_there_is(clip: Path, tmp_path: Path) -> None:
    """The index comes first, then the file breaks off."""
    path = tmp_path / "half.mp4"
    stored = clip.read_bytes()
    path.write_bytes(stored[: int(len(stored) * 0.85)])
    capture = read(path, tmp_path)
    assert 8 <= len(capture.time_s) < 24
    assert "truncated" in codes(capture)


def test_too_little_of_a_truncated_clip_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "stub.mp4"
    stored = clip.read_bytes()
    path.write_bytes(stored[: stored.index(b"mdat") + 3000])
    with pytest.raises(FootageUnreadable):
        read(path, tmp_path)


def test_a_clip_cut_off_before_its_index_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "no_index.mp4"
    stored = clip.read_bytes()
    path.write_bytes(stored[: stored.index(b"moov") + 10])
    with pytest.raises(FootageUnreadable, match="Copy it from the phone again"):
        read(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"These are notes, not a video.\n" * 50])
def test_files_that_are_no_videos(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(FootageUnreadable, match=r"notes\.mp4"):
        read(path, tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FootageUnreadable, match="There is no file"):
        read(tmp_path / "gone.mov", tmp_path)


def test_folder_without_photos(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(FootageUnreadable, match="holds no photos"):
        read(tmp_path, tmp_path / "frames")


def test_photos_with_focal_length(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 50  # 35 mm equivalent
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, frame in enumerate(turning_face(9)):
        Image.fromarray(frame).save(folder / f"{index}.jpg", quality=95, exif=exif)
    Image.fromarray(drawn_face()[:, 40:-40]).save(folder / "cropped.png")
    (folder / "breaks_off.jpg").write_bytes((folder / "0.jpg").read_bytes()[:4000])
    capture = read(folder, tmp_path / "frames")
    assert len(capture.time_s) == 9
    assert capture.focal_known
    assert capture.camera_guess.focal_px[0] == pytest.approx(50 * 600 / 43.27)
    (told,) = (f.message for f in capture.findings if f.code == "photos_skipped")
    assert told.startswith("2 photos were left out (breaks_off.jpg, cropped.png)")


def test_photos_of_200_megapixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone's are used, others as large are told; so are a link to nowhere and a pipe."""
    monkeypatch.setattr("backend.stages.footage.photos.MAX_SIDE_PX", 480)
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, frame in enumerate(turning_face(9)):
        large = cv2.resize(frame, (16320, 12240)) if index == 4 else frame
        Image.fromarray(large).save(folder / f"{index}.jpg", quality=95)
    (folder / "gone.jpg").symlink_to("nowhere")
    Image.new("L", (9000, 8000)).save(folder / "huge.png")
    os.mkfifo(folder / "pipe.jpg")
    capture = read(folder, tmp_path / "frames")
    assert len(capture.time_s) == 9
    (told,) = (f.message for f in capture.findings if f.code == "photos_skipped")
    assert told.startswith("3 photos were left out (gone.jpg, huge.png, pipe.jpg)")
    for photo in folder.glob("?.jpg"):
        photo.unlink()
    with pytest.raises(FootageUnreadable, match="None of the 3 photos"):
        read(folder, tmp_path / "frames")
    (folder / "gone.jpg").unlink()
    (folder / "pipe.jpg").unlink()
    with pytest.raises(FootageUnreadable, match="more than 70 megapixels"):
        read(folder, tmp_path / "frames")


def test_no_face(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (10, 240, 320, 3), np.uint8)
    with pytest.raises(FaceNotFound, match="No face was found"):
        read(write_clip(tmp_path / "wall.mp4", noise), tmp_path)


def test_face_in_too_few_frames(tmp_path: Path) -> None:
    wall = [np.full((360, 480, 3), 128, np.uint8)] * 60
    path = write_clip(tmp_path / "peek.mp4", turning_face(5) + wall)
    with pytest.raises(FaceNotFound):
        read(path, tmp_path)


def test_small_face_is_refused(tmp_path: Path) -> None:
    frames = turning_face(10, half_width=24.0, size=(240, 180), centre=(120, 80))
    with pytest.raises(FaceNotFound, match="pixels wide"):
        read(write_clip(tmp_path / "far.mp4", frames), tmp_path)


def test_two_equal_faces_are_refused(tmp_path: Path) -> None:
    frames = []
    for yaw in np.linspace(-20, 20, 12):
        one = drawn_face((640, 360), (170, 160), 60.0, yaw)
        frames.append(drawn_face((640, 360), (470, 160), 60.0, yaw, one))
    with pytest.raises(FaceNotFound, match="Several people"):
        read(write_clip(tmp_path / "two.mp4", frames), tmp_path)


def test_the_larger_of_two_faces_is_followed(tmp_path: Path) -> None:
    frames = []
    for yaw in np.linspace(-20, 20, 12):
        small = drawn_face((720, 480), (570, 160), 60.0, yaw)
        frames.append(drawn_face((720, 480), (220, 210), 105.0, yaw, small))
    capture = read(write_clip(tmp_path / "bystander.mp4", frames), tmp_path)
    assert np.nanmax(capture.detections_px[..., 0]) < 400
    assert "several_people" in codes(capture)


def test_a_clip_of_many_cuts_is_refused(tmp_path: Path) -> None:
    frames = []
    for shade, place in ((40, 140), (230, 340), (90, 200), (180, 300)):
        wall = np.full((360, 480, 3), (shade, 255 - shade, 128), np.uint8)
        wall[:, : place // 2] = 255 - shade
        frames += [drawn_face(centre=(place, 170), picture=wall) for _ in range(10)]
    with pytest.raises(FaceNotFound, match="cuts"):
        read(write_clip(tmp_path / "film.mp4", frames), tmp_path)


def test_hardly_any_turn_is_told(tmp_path: Path) -> None:
    capture = read(write_clip(tmp_path / "still.mp4", turning_face(12, 3.0)), tmp_path)
    assert "hardly_any_turn" in codes(capture)


def test_a_dark_face_is_told(tmp_path: Path) -> None:
    frames = [frame // 6 for frame in turning_face(12)]
    assert "too_dark" in codes(read(write_clip(tmp_path / "night.mp4", frames), tmp_path))


def test_cancelling_passes_through(clip: Path, tmp_path: Path) -> None:
    class Cancelling(NoProgress):
        def __call__(self, done: float, total: float, message: str = "") -> None:
            if done >= 3:
                raise JobCancelled

    with pytest.raises(JobCancelled):
        read_footage(clip, tmp_path, DRAFT, Cancelling())
    assert not list(tmp_path.iterdir())


def test_gains_even_out_exposure_but_not_shading() -> None:
    """Under a fixed camera the wall tells the exposure, whatever the face does."""
    scene = np.random.default_rng(1).uniform(0.1, 0.5, (1, 90, 120, 3)).astype(np.float32)
    small = np.repeat(scene, 4, axis=0)
    small[:, 30:60, 45:75] *= np.array([1.0, 0.6, 1.5, 1.0])[:, None, None, None]
    true = np.array([[1, 1, 1], [1.2, 1.1, 1.0], [0.8, 0.9, 1.0], [1, 1, 1]], np.float32)
    small *= true[:, None, None]
    face = np.stack(np.meshgrid(np.linspace(45, 75, 24), np.linspace(30, 60, 20)), -1)
    landmarks = np.repeat(face.reshape(1, -1, 2)[:, :478], 4, axis=0)
    gains = exposure_gains(small, landmarks)
    evened = gains * true
    np.testing.assert_allclose(evened / evened[0], 1.0, atol=0.01)


@pytest.mark.parametrize(("transfer", "code"), [("hlg", 0.75), ("pq", 0.58069)])
def test_reference_white_of_hdr(transfer: str, code: float) -> None:
    """203 cd/m2 lies on the shoulder at .8 + .2 (1 - 1/e) linear, .966 in sRGB."""
    grey = np.full((1, 1, 3), round(code * 65535), np.uint16)
    np.testing.assert_allclose(srgb_from_signal(grey, transfer, False), 246, atol=1)


def test_hdr_keeps_ratios_below_the_shoulder() -> None:
    """PQ codes of 20.3 and 40.6 cd/m2 become linear .1 and .2."""
    codes_16 = np.array([[[0.3543] * 3, [0.4211] * 3]]) * 65535
    srgb = srgb_from_signal(codes_16.astype(np.uint16), "pq", False)[0, :, 0]
    np.testing.assert_allclose(srgb, [89, 124], atol=2)


def test_hlg_video_is_converted(tmp_path: Path) -> None:
    frames = [np.full((64, 64, 3), 191, np.uint8)] * 3  # .75 of the signal
    tags = {"color_trc": 18, "color_primaries": 9, "colorspace": 9, "color_range": 1}
    path = write_clip(tmp_path / "hlg.mp4", frames, layout="yuv420p10le", colours=tags)
    source = open_source(path)
    assert source.facts.transfer == "hlg"
    picture = next(iter(source.pictures()))
    assert abs(int(picture.srgb()[32, 32, 1]) - 246) <= 3
    assert abs(int(picture.preview()[32, 32, 1]) - 246) <= 4


def test_real_head_turn(shared_data: Path, tmp_path: Path) -> None:
    clip = shared_data / "clips" / "bald_turn_1080p.mp4"
    began = time.monotonic()
    capture = read_footage(clip, tmp_path, QUALITY["standard"], NoProgress())
    assert time.monotonic() - began < 80  # twice the bound: test machines are shared
    assert len(capture.time_s) == 595
    assert len(capture.frame_index) == 28
    assert np.isfinite(capture.detections_px).all()
    np.testing.assert_allclose(capture.frame_gain, 1.0, atol=0.01)  # its exposure is locked
    assert not capture.findings
