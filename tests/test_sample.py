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
from studio_avatar_addon.avatar.cameras import camera_from_arrays
from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import load_template, pose_vertices

SAMPLE = Path(__file__).parents[1] / "studio_avatar_addon" / "assets" / "sample"
PATCH_PX = 48


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
        posed = pose_vertices(
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


def test_encoding_keeps_colours_but_for_the_phones_tone(tmp_path: Path) -> None:
    """Every patch comes back as drawn, apart from the S-curve: no other matrix, range or order of
    channels lies between encoder and decoder."""
    patches_srgb = np.array(
        [(30, 30, 30), (64, 64, 64), (128, 128, 128), (200, 200, 200), (180, 120, 90),
         (200, 40, 40), (40, 160, 60), (50, 60, 190)], np.uint8,
    )  # fmt: skip
    picture = np.repeat(np.repeat(patches_srgb[None], PATCH_PX, 0), PATCH_PX, 1)
    still = tmp_path / "still.png"
    write_png(still, picture)
    clip = encode_clip([still] * 3, 10.0, tmp_path / "clip.mp4", seed=0)
    with av.open(str(clip)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, context.color_trc) == (1, 1, 1)
    frames = _frames(clip)
    assert len(frames) == 3
    columns = frames[1].astype(float).reshape(PATCH_PX, len(patches_srgb), PATCH_PX, 3)
    inside = slice(PATCH_PX // 4, -PATCH_PX // 4)  # chroma of half the resolution bleeds over edges
    decoded = columns[inside, :, inside].mean((0, 2))
    signal = patches_srgb / 255.0
    toned = signal + 0.12 * (signal * signal * (3 - 2 * signal) - signal)
    assert np.abs(decoded - 255 * toned).max() < 2.2  # the tone alone moves them by up to 4.6
