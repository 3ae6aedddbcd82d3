"""What the tests share: a Blender without the user's settings, and a small avatar folder."""

from __future__ import annotations

import os
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.layout import FORMAT
from studio_avatar_addon.avatar.template import HeadTemplate, load_template

SHARED = Path(__file__).parents[2] / "shared" / "data"
CLIP_SECONDS = 1.0
CLIP_FRAMES = 31


def pytest_configure(config: pytest.Config) -> None:
    """Blender reads this variable when it is imported; no test may see or change real settings."""
    folder = tempfile.mkdtemp(prefix="studio_avatar_blender_")
    os.environ["BLENDER_USER_RESOURCES"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Test material that is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the test material in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def small_avatar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole avatar folder of the template's mean head: 32 px maps, a second that nods a smile.

    Read-only by agreement; copy it to change it.
    """
    root = tmp_path_factory.mktemp("avatars") / "Zoë's head"
    run = root / "runs" / "a1"
    template = load_template()
    write_arrays(
        run / "head.npz",
        identity=np.zeros(len(template.identity_names), np.float32),
        neutral_m=template.vertices_m,
        shape_deltas_m=template.shape_deltas_m.astype(np.float16),
        corrective_deltas_m=template.corrective_deltas_m.astype(np.float16),
        joints_m=template.bone_ends_m,
        eye_centre_m=template.eye_centre_m,
        eye_radius_m=template.eye_radius_m,
        iris_linear=np.array([0.1, 0.07, 0.04], np.float32),
    )
    for origin, grey in (("phone", 90), ("studio", 140), ("detail", 150)):
        for name in ("base_color", "coverage", "normal", "roughness", "specular", "cavity"):
            write_flat_png(run / "textures" / origin / f"{name}.png", grey)
    weights = np.zeros((CLIP_FRAMES, 52), np.float32)
    weights[:, 17] = np.linspace(0.0, 1.0, CLIP_FRAMES)
    write_arrays(
        run / "performances" / "clip.npz",
        time_s=np.linspace(0.0, CLIP_SECONDS, CLIP_FRAMES),
        weights=weights,
        neck_from_head=np.tile(np.eye(4, dtype=np.float32), (CLIP_FRAMES, 1, 1)),
        gaze_rad=np.zeros((CLIP_FRAMES, 2, 2), np.float32),
    )
    description = {
        "format_version": FORMAT,
        "name": root.name,
        "template": {"name": template.name, "sha256": template.sha256},
        "footage": {"name": "clip.mp4"},
        "run": "a1",
        "files": {},
    }
    write_json(root / "avatar.json", description)
    return root


def write_flat_png(path: Path, grey: int, size: int = 32) -> None:
    """An RGB picture of one grey, without an image library, so that any Blender can run this."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (b"\0" + bytes([grey]) * 3 * size) * size
    chunks = (
        (b"IHDR", struct.pack(">2I5B", size, size, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def read_picture(path: Path) -> np.ndarray:
    """Stored values (H, W, 4) in [0, 1], top row first."""
    import bpy

    picture = bpy.data.images.load(str(path))
    picture.colorspace_settings.name = "Non-Color"
    values = np.empty(picture.size[0] * picture.size[1] * 4, np.float32)
    picture.pixels.foreach_get(values)
    width, height = picture.size[:]
    bpy.data.images.remove(picture)
    return values.reshape(height, width, 4)[::-1]


@pytest.fixture(scope="session")
def enabled_addon() -> Iterator[None]:
    """The checkout's add-on, enabled as a user would."""
    import addon_utils
    import bpy  # noqa: F401

    assert addon_utils.enable("studio_avatar_addon", default_set=True) is not None
    yield
    addon_utils.disable("studio_avatar_addon", default_set=True)


@pytest.fixture
def empty_scene(enabled_addon: None):
    """An empty file with the add-on in it."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context.scene


@pytest.fixture
def scene(empty_scene):
    from operator_calls import forget_jobs

    yield empty_scene
    forget_jobs()


@pytest.fixture
def operators(scene):
    import bpy

    return bpy.ops.studio_avatar


@pytest.fixture
def fake(monkeypatch, small_avatar, tmp_path) -> Callable[[str], None]:
    """Put the scripted backend in the real one's place, behaving as named."""
    from studio_avatar_addon import job_timer
    from studio_avatar_addon.job_client import Backend

    backend = Backend(Path(sys.executable), "fake_backend", Path(__file__).parent, tmp_path)
    monkeypatch.setattr(job_timer, "configured_backend", lambda: backend)
    monkeypatch.setattr(job_timer, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("FAKE_AVATAR", str(small_avatar))
    return partial(monkeypatch.setenv, "FAKE")


@pytest.fixture
def avatar(small_avatar, tmp_path) -> Path:
    return Path(shutil.copytree(small_avatar, tmp_path / small_avatar.name))


@pytest.fixture
def clip(tmp_path) -> Path:
    """A file is all that the scripted backend needs; its name is a hard one."""
    path = tmp_path / 'my "first" clip\'s näme.mp4'
    path.write_bytes(b"no video")
    return path


@pytest.fixture(scope="session")
def template() -> HeadTemplate:
    return load_template()


@pytest.fixture(scope="session")
def still_light(template, tmp_path_factory):
    """The filmed head whose light stands still with it."""
    from filmed_head import film

    return film(template, tmp_path_factory.mktemp("still"), moves_with_camera=False)


@pytest.fixture(scope="session")
def light(still_light):
    from filmed_head import light_of

    return light_of(still_light)
