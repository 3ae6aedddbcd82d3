"""Avatars of unsaved files lie in the user's documents; older ones are moved there whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from operator_calls import refused  # noqa: E402
from panel_drawing import Layout, draw_tab, window_context  # noqa: E402

from studio_avatar_addon import avatar_moving, job_timer, places  # noqa: E402
from studio_avatar_addon.scene.parts import avatar_root, avatars  # noqa: E402

NOTICE = "in the extension's own folder, which is deleted when you uninstall it."
SHARED_MEMORY = Path("/dev/shm")  # another disk, as far as the system is concerned


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A user's home on a system that speaks German."""
    folder = tmp_path / "home"
    use_documents(folder, "$HOME/Eigene Dokumente")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return folder


def use_documents(home: Path, entry: str) -> None:
    (home / ".config").mkdir(parents=True, exist_ok=True)
    text = f'# made by a desktop\nXDG_MUSIC_DIR="$HOME/Musik"\nXDG_DOCUMENTS_DIR="{entry}"\n'
    (home / ".config" / "user-dirs.dirs").write_text(text, "utf-8")


@pytest.fixture
def former(home, scene, small_avatar) -> Iterator[Path]:
    """The extension's own folder with an avatar and a render in it, as earlier versions left it."""
    own = places.user_folder()
    shutil.rmtree(own / "cache", ignore_errors=True)  # jobs of other files' tests
    shutil.copytree(small_avatar, own / "avatars" / "clip")
    (own / "renders").mkdir()
    (own / "renders" / "clip.png").write_bytes(b"a picture")
    avatar_moving.clear_caches()
    yield own
    shutil.rmtree(own / "avatars", ignore_errors=True)
    shutil.rmtree(own / "renders", ignore_errors=True)
    avatar_moving.clear_caches()


@pytest.fixture
def other_disk() -> Iterator[Path]:
    if not SHARED_MEMORY.is_dir():
        pytest.skip(f"needs {SHARED_MEMORY}")
    folder = SHARED_MEMORY / f"studio_avatar_test_{os.getpid()}"
    folder.mkdir()
    if folder.stat().st_dev == Path(bpy.utils.user_resource("DATAFILES")).stat().st_dev:
        pytest.skip("the temporary folder lies in shared memory, too")
    yield folder
    shutil.rmtree(folder)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def image_files() -> list[Path]:
    """Those of the avatar's maps; the micro normal is packed."""
    images = (image for image in bpy.data.images if image.packed_file is None)
    return [Path(bpy.path.abspath(image.filepath)) for image in images if image.filepath]


def test_unsaved_files_keep_avatars_in_the_documents(operators, home, tmp_path, fake, clip):
    kept = home / "Eigene Dokumente" / "Studio Avatar"
    assert places.default_render_folder() == kept / "renders"
    fake("work")
    operators.create_avatar(filepath=str(clip))
    assert avatar_root(avatars(bpy.context.scene)[0]) == kept / "avatars" / clip.stem
    assert (kept / "avatars" / clip.stem / "avatar.json").is_file()
    assert places.user_folder() not in kept.parents
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert places.default_avatar_folder(clip) == tmp_path / "avatars" / clip.stem


@pytest.mark.parametrize(
    ("entry", "documents"),
    [
        ("/elsewhere/Docs", "/elsewhere/Docs"),
        ("$HOME/", "{home}"),  # what xdg-user-dirs writes where the folder is switched off
        ('$HOME/My \\"own\\" files', '{home}/My "own" files'),
        ("relative", "{home}/Documents"),
    ],
)
def test_documents_folder_as_the_desktop_names_it(home, entry, documents):
    use_documents(home, entry)
    assert places.documents_folder() == Path(documents.format(home=home))


def test_documents_folder_without_a_desktop(home):
    (home / ".config" / "user-dirs.dirs").unlink()
    assert places.documents_folder() == home / "Documents"


def test_move_keeps_every_file_and_what_is_there_already(operators, scene, former, home):
    kept = home / "Eigene Dokumente" / "Studio Avatar"
    (kept / "avatars" / "clip").mkdir(parents=True)
    (kept / "avatars" / "clip" / "avatar.json").write_text("another avatar")
    moving = content(former)
    drawn = " ".join(draw_tab())
    assert f"1 avatar and 1 render lie {NOTICE}" in drawn
    assert "Move to" in drawn and "studio_avatar.move_avatars" in drawn
    operators.move_avatars()
    assert content(kept / "avatars" / "clip") == {"avatar.json": b"another avatar"}
    assert content(kept / "avatars" / "clip 2") == {
        name.removeprefix("avatars/clip/"): data
        for name, data in moving.items()
        if name.startswith("avatars/")
    }
    assert (kept / "renders" / "clip.png").read_bytes() == b"a picture"
    assert not content(former / "avatars") and not content(former / "renders")
    assert NOTICE not in " ".join(draw_tab())
    assert not operators.move_avatars.poll()


def test_open_and_other_files_find_the_moved_avatar(operators, scene, former, home, tmp_path):
    operators.load_avatar(directory=str(former / "avatars" / "clip"))
    scene.studio_avatar.directory = str(former / "avatars" / "clip")
    other = str(tmp_path / "other.blend")
    bpy.ops.wm.save_as_mainfile(filepath=other, relative_remap=True)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_as_mainfile(filepath=other, copy=True)
    now = home / "Eigene Dokumente" / "Studio Avatar" / "avatars" / "clip"
    operators.move_avatars()
    for _ in range(2):
        (head,) = avatars(bpy.context.scene)
        assert avatar_root(head) == now
        assert bpy.context.scene.studio_avatar.directory == str(now)
        assert image_files() and all(path.is_relative_to(now) for path in image_files())
        assert all(path.is_file() for path in image_files())
        assert all(image.has_data or image.reload() is None for image in bpy.data.images)
        operators.apply_performance()
        bpy.ops.wm.open_mainfile(filepath=other)


def test_undo_does_not_bring_back_the_former_paths(operators, scene, former, home):
    bpy.ops.ed.undo_push(message="Before")
    operators.load_avatar(directory=str(former / "avatars" / "clip"))
    bpy.ops.ed.undo_push(message="Load")
    avatars(scene)[0].location.x = 1.0
    bpy.ops.ed.undo_push(message="Place")
    operators.move_avatars()
    bpy.ops.ed.undo()
    (head,) = avatars(bpy.context.scene)
    assert head.location.x == 0.0
    assert avatar_root(head).is_dir()
    assert all(path.is_file() for path in image_files())


def test_move_to_another_disk(operators, scene, former, home, other_disk):
    use_documents(home, str(other_disk))
    moving = content(former)
    operators.move_avatars()
    moved = content(other_disk / "Studio Avatar")
    assert moved.pop("moved.json")
    assert moved == moving
    assert not content(former / "avatars")


def test_failed_move_loses_nothing(operators, scene, former, home, other_disk):
    """A pipe among the files cannot be copied to another disk; the folder before it can."""
    use_documents(home, str(other_disk))
    shutil.copytree(former / "avatars" / "clip", former / "avatars" / "broken")
    os.mkfifo(former / "avatars" / "broken" / "pipe")
    avatar_moving.clear_caches()
    moving = content(former)
    message = refused(operators.move_avatars)
    assert "broken could not be moved" in message and "Nothing is lost" in message
    assert content(former) == moving
    assert not list(other_disk.rglob("avatar.json"))
    (former / "avatars" / "broken" / "pipe").unlink()
    operators.move_avatars()
    moved = content(other_disk / "Studio Avatar")
    assert moved.pop("moved.json")
    assert moved == moving


def test_documents_that_cannot_be_written(operators, scene, former, home):
    (home / "Eigene Dokumente").write_text("a file")
    moving = content(former)
    assert "clip could not be moved" in refused(operators.move_avatars)
    assert content(former) == moving
    assert f"1 avatar and 1 render lie {NOTICE}" in " ".join(draw_tab())


def test_nothing_moves_while_a_job_runs(operators, scene, former, fake, clip, tmp_path):
    fake("hang")
    job_timer.start_job(scene, "create", {"footage": str(clip)})
    assert not operators.move_avatars.poll()


def test_preferences_tell_of_avatars_before_the_extension_is_uninstalled(scene, former):
    drawn: list[str] = []
    addon = bpy.context.preferences.addons["studio_avatar_addon"].preferences
    stand_in = SimpleNamespace(layout=Layout(drawn), bl_rna=addon.bl_rna)
    type(addon).draw(stand_in, window_context())
    assert "studio_avatar.move_avatars" in drawn
    assert NOTICE in " ".join(drawn)
