"""The shipped sample: clip and truth fit together."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from backend.detector.face_mesh import FaceMesh
from backend.imaging.image_files import write_png
from backend.synthetic.sample_capture.encode_clip import encode_clip
from backend.synthetic.sample_capture.script import act
from backend.template.personalize import personalize_blendshapes
from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.bundle import camera_from_arrays
from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import load_template, posed_vertices

SAMPLE = Path(__file__).parents[1] / "studio_avatar_addon" / "assets" / "sample"


def _frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_sample_is_small_and_whole() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) <= 3_000_000
    truth = read_arrays(SAMPLE / "truth.npz")
    frames = _frames(SAMPLE / "sample.mp4")
    assert len(frames) == len(truth["camera_from_head"]) == len(truth["weights"])
    width, height = truth["size_px"]
    assert frames[0].shape == (height, width, 3)
    assert len(truth["mole_position_m"]) >= 12
    yaw_deg = np.degrees(truth["yaw_pitch_rad"][:, 0])
    assert yaw_deg.min() < -45 and yaw_deg.max() > 45


def test_the_face_is_found_where_the_truth_says() -> None:
    template = load_template()
    truth = read_arrays(SAMPLE / "truth.npz")
    camera = camera_from_arrays(truth)
    frames = _frames(SAMPLE / "sample.mp4")
    shapes = personalize_blendshapes(
        template, truth["neutral_m"], truth["eye_centre_m"], template.eye_radius_m
    )
    errors = []
    with FaceMesh(tracking=False) as mesh:
        found = [mesh.detect(frame) for frame in frames[::2]]
    for index, faces in zip(range(0, len(frames), 2), found, strict=True):
        if len(faces) == 0 or abs(truth["yaw_pitch_rad"][index, 0]) > np.radians(20):
            continue
        posed = posed_vertices(
            template, truth["neutral_m"], shapes.deltas_m,
            shapes.corrective_deltas_m, truth["weights"][index],
            truth["gaze_rad"][index], truth["eye_centre_m"],
        )  # fmt: skip
        points = transform(truth["camera_from_head"][index], template.landmarks_m(posed))
        projected = camera.project(points)
        distance = np.linalg.norm(projected - faces[0], axis=1)
        errors.append(np.median(distance) / np.ptp(projected[:, 0]))
    assert np.mean([len(faces) > 0 for faces in found]) > 0.9
    assert np.median(errors) < 0.03


def test_the_acting_ends_with_blink_smile_and_open_jaw() -> None:
    weights = act(42, 10.0).weights
    last = weights[-12:]
    for name in ("eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "jawOpen"):
        assert last[:, SHAPE_INDEX[name]].max() > 0.5
    assert weights[:28].max() < 0.01


def test_encoding_keeps_colors(tmp_path: Path) -> None:
    picture = np.empty((64, 48, 3), np.uint8)
    picture[:] = (180, 120, 90)
    paths = []
    for index in range(3):
        paths.append(tmp_path / f"frame_{index}.png")
        write_png(paths[-1], picture)
    frames = _frames(encode_clip(paths, 10.0, tmp_path / "clip.mp4", seed=0))
    assert len(frames) == 3
    srgb = picture[0, 0] / 255.0
    toned = srgb + 0.12 * (srgb * srgb * (3 - 2 * srgb) - srgb)
    assert np.abs(frames[1].mean((0, 1)) - 255 * toned).max() < 4
