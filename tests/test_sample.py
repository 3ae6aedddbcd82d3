"""The shipped sample: clip and truth fit together, and the painter paints a person."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from backend.atlas import AtlasTable, atlas_table
from backend.facemesh import FaceMesh
from backend.head.remake import remade_shapes
from backend.images import linear_from_srgb, write_png
from backend.sample.anatomy import Anatomy
from backend.sample.clip import encode_clip
from backend.sample.script import act, identity_of
from backend.sample.skin import SkinMaps, paint_skin
from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.bundle import camera_from_arrays
from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import load_template, posed_vertices

SAMPLE = Path(__file__).parents[1] / "studio_avatar_addon" / "assets" / "sample"
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def _frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def painted() -> tuple[AtlasTable, Anatomy, SkinMaps]:
    template = load_template()
    neutral = template.neutral_m(identity_of(template))
    table = atlas_table(template, 512)
    return table, Anatomy(table, neutral), paint_skin(template, neutral, 512, seed=7)


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
    shapes = remade_shapes(
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


def test_moles_are_dark_and_on_the_skin(painted: tuple[AtlasTable, Anatomy, SkinMaps]) -> None:
    table, anatomy, skin = painted
    luminance = linear_from_srgb(table.pick(skin.base_color_srgb)) @ LUMINANCE
    moles = skin.moles
    assert len(moles.radius_m) >= 12
    for position, radius in zip(moles.position_m * 1e3, moles.radius_m * 1e3, strict=True):
        distance = np.linalg.norm(anatomy.points - position, axis=1)
        around = luminance[(distance > 2 * radius) & (distance < 4 * radius)]
        assert luminance[np.argmin(distance)] < 0.75 * np.median(around)


def test_skin_varies_as_real_skin_does(painted: tuple[AtlasTable, Anatomy, SkinMaps]) -> None:
    """Within the spread of real cheeks, blotches of 5 mm and what is finer: trackers need both."""
    table, anatomy, skin = painted
    luminance = linear_from_srgb(table.pick(skin.base_color_srgb)) @ LUMINANCE
    cheeks = np.flatnonzero(anatomy.bump("cheek", 16.0) > 0.4)
    log = np.log(luminance[cheeks])
    block = np.floor(anatomy.points[cheeks] / 5.0).astype(int)
    _, inverse = np.unique(block, axis=0, return_inverse=True)
    means = np.bincount(inverse, log) / np.bincount(inverse)
    assert 0.03 < means.std() < 0.15
    assert 0.04 < (log - means[inverse]).std() < 0.12


def test_both_sides_of_the_atlas_seam_agree(painted: tuple[AtlasTable, Anatomy, SkinMaps]) -> None:
    """Texels that show the same place have the same colour, wherever they lie in the atlas."""
    table, anatomy, skin = painted
    color = table.pick(skin.base_color_srgb)
    back = np.flatnonzero(
        table.is_material("skin") & (np.abs(anatomy.points[:, 0]) < 0.6)
        & (anatomy.points[:, 1] > 40.0)
    )  # fmt: skip
    left = back[anatomy.points[back, 0] > 0]
    right = back[anatomy.points[back, 0] <= 0]
    apart = np.linalg.norm(anatomy.points[left, None] - anatomy.points[None, right], axis=2)
    pairs = apart.argmin(1)
    near = apart.min(1) < 0.8
    assert near.sum() > 20
    difference = np.abs(color[left] - color[right[pairs]])[near]
    assert difference.mean() < 0.08


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
