"""Simulated captures: pictures, depth and cameras of a rendered spec agree with one another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import read_picture, write_flat_png

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.cameras import camera_from_arrays
from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.scene.capture_mesh import MeshProblem
from studio_avatar_addon.scene.capture_spec import SpecError, parse_spec

ROOT = Path(__file__).parents[1]


def capture_spec(folder: Path, **changes) -> Path:
    write_flat_png(folder / "skin.png", 150)
    spec = {
        "head": {"identity": [0.5] + [0.0] * (len(load_template().identity_names) - 1)},
        "skin": "skin.png",
        "light": {"hdri": "studio", "rotation_deg": 40},
        "path": {"kind": "camera_moves", "views": 2},
        "camera": {"size_px": [90, 120], "focal_px": 130},
        "samples": 2,
        "subdivision": 0,
    }
    path = folder / "spec.json"
    path.write_text(json.dumps(spec | changes), "utf-8")
    return path


def run_studio(spec: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "studio_avatar_addon.scene.capture_studio", str(spec)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


DIRECTIONS_DEG = ((-30.0, 0.0), (20.0, 10.0))


@pytest.fixture(scope="module")
def capture(request: pytest.FixtureRequest, tmp_path_factory) -> Path:
    """The folder of a finished capture; beside it lies its spec."""
    spec = capture_spec(
        tmp_path_factory.mktemp("capture"),
        path={"kind": request.param, "views": 2, "yaw_pitch_deg": DIRECTIONS_DEG},
    )
    done = run_studio(spec)
    assert done.returncode == 0, done.stderr
    return spec.with_suffix("")


@pytest.mark.parametrize("capture", ["camera_moves", "head_turns"], indirect=True)
def test_capture_tells_the_truth(capture: Path) -> None:
    with np.load(capture / "cameras.npz") as stored:
        cameras = dict(stored)
    camera = camera_from_arrays(cameras)
    face = load_template().region("face") > 0.9
    for index, (yaw, pitch) in enumerate(np.radians(DIRECTIONS_DEG)):
        camera_from_head = cameras["camera_from_head"][index]
        # The camera's axis in the head frame points from the side that the path asks for.
        wanted = (np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch))
        assert np.allclose(-camera_from_head[2, :3], wanted, atol=1e-4)
        with np.load(capture / "truth" / f"frame_{index:06d}.npz") as truth:
            depth, part = truth["depth_m"], truth["part"]
        points = transform(camera_from_head, cameras["neutral_m"][face])
        column, row = np.floor(camera.project(points)).astype(int).T
        apart = np.abs(depth[row, column] - points[:, 2])
        assert np.median(apart[apart < 0.01]) < 0.0008  # of those that are not hidden
        unlit = read_picture(capture / "unlit" / f"frame_{index:06d}.png")
        assert np.median(unlit[part == 1][:, :3]) == pytest.approx(150 / 255, abs=0.004)
        assert unlit[part == 0][:, 3].mean() < 0.1
        lit = read_picture(capture / "frames" / f"frame_{index:06d}.png")
        assert 0.2 < lit[part == 1][:, :3].mean() < 0.8


@pytest.mark.parametrize("capture", ["camera_moves"], indirect=True)
def test_capture_goes_on_and_ends_at_once(capture: Path) -> None:
    spec, state = capture.with_suffix(".json"), capture / "capture.json"
    kept = (capture / "frames" / "frame_000000.png").stat().st_mtime_ns
    (capture / "frames" / "frame_000001.png").unlink()
    state.write_text(state.read_text("utf-8").replace("true", "false"), "utf-8")
    resumed = run_studio(spec)
    assert "frames 2/2" in resumed.stdout and "frames 1/2" not in resumed.stdout
    assert (capture / "frames" / "frame_000000.png").stat().st_mtime_ns == kept
    again = run_studio(spec)
    assert again.returncode == 0 and "frames" not in again.stdout


def foreign_head(folder: Path, **changes) -> Path:
    """Our own head at nine tenths, written as if it were a stranger's."""
    template = load_template()
    arrays = {
        "vertices_m": 0.9 * template.vertices_m,
        "faces": template.quads,
        "face_uv": template.quad_uv,
        "face_material": template.quad_material,
        "eye_centre_m": 0.9 * template.eye_centre_m,
        "eye_radius_m": 0.9 * template.eye_radius_m,
    }
    write_arrays(folder / "stranger.npz", **(arrays | changes))
    return folder / "stranger.npz"


def test_a_strangers_head_is_filmed_as_it_is(tmp_path: Path) -> None:
    head = foreign_head(tmp_path)
    one_view = {"kind": "camera_moves", "views": 1, "yaw_pitch_deg": [[0.0, 0.0]]}
    done = run_studio(capture_spec(tmp_path, head={"mesh": head.name}, path=one_view))
    assert done.returncode == 0, done.stderr
    truth = read_arrays(tmp_path / "spec" / "cameras.npz")
    vertices, triangles = truth["neutral_m"], truth["skin_triangles"]
    assert np.array_equal(vertices, read_arrays(head)["vertices_m"])
    depth = read_arrays(tmp_path / "spec" / "truth" / "frame_000000.npz")
    seen = transform(truth["camera_from_head"][0], vertices[np.unique(triangles)])
    nearest = depth["depth_m"][depth["part"] == 1].min()
    assert nearest == pytest.approx(seen[:, 2].min(), abs=0.001)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vertices_m": np.zeros((0, 3))}, "vertices_m"),
        ({"faces": np.full((9, 4), 10**6)}, "one material"),
        ({"face_material": np.full(len(load_template().quads), 99)}, "face_material"),
        ({"eye_centre_m": np.ones((2, 3))}, "eye"),
        ({"eye_radius_m": np.zeros(2)}, "eye_radius_m"),
    ],
)
def test_a_bad_strangers_head_is_named(tmp_path: Path, change: dict, told: str) -> None:
    head = foreign_head(tmp_path, **change)
    spec = json.loads(capture_spec(tmp_path, head={"mesh": head.name}).read_text("utf-8"))
    with pytest.raises(MeshProblem, match=told):
        parse_spec(spec, tmp_path)


def test_bad_spec_is_one_sentence(tmp_path: Path) -> None:
    refused = run_studio(capture_spec(tmp_path, skin="none.png"))
    assert refused.returncode == 2
    assert "none.png" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"light": {}}, "hdri"),
        ({"path": {"kind": "flying"}}, "flying"),
        ({"path": {"kind": "camera_moves", "yaw_pitch_deg": [1, 2, 3]}}, "yaw_pitch_deg"),
        ({"head": {"expression": {"jawDrop": 1}}}, "jawDrop"),
        ({"head": {"identity": [1.0]}}, "identity"),
        ({"samples": "many"}, "samples"),
        ({"camera": {"size_px": [4, 4]}}, "size_px"),
    ],
)
def test_bad_values_are_named(tmp_path: Path, change: dict, told: str) -> None:
    spec = json.loads(capture_spec(tmp_path, **change).read_text("utf-8"))
    with pytest.raises(SpecError, match=told) as caught:
        parse_spec(spec, tmp_path)
    assert isinstance(caught.value, StudioAvatarError)
