"""The avatar folder's reader and writer against damage, newer versions and full disks."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from studio_avatar_addon.avatar.bundle import open_avatar, verify_files
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import sha256_file, whole_file, write_json
from studio_avatar_addon.avatar.layout import FORMAT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The smallest thing that is an avatar folder."""
    head = tmp_path / "runs" / "a1" / "head.npz"
    head.parent.mkdir(parents=True)
    head.write_bytes(b"not an archive")
    description = {
        "format_version": FORMAT,
        "name": "test",
        "template": {"name": "studio_head_1", "sha256": ""},
        "run": "a1",
        "files": {"runs/a1/head.npz": sha256_file(head)},
    }
    write_json(tmp_path / "avatar.json", description)
    return tmp_path


def test_no_avatar(tmp_path: Path) -> None:
    with pytest.raises(AvatarFolderError, match="is not an avatar folder"):
        open_avatar(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format_version": 0, "run": "a"}'])
def test_damaged_description(folder: Path, text: str) -> None:
    (folder / "avatar.json").write_text(text)
    with pytest.raises(AvatarFolderError, match="damaged"):
        open_avatar(folder)


def test_newer_format_is_refused_by_name(folder: Path) -> None:
    description = json.loads((folder / "avatar.json").read_text())
    write_json(folder / "avatar.json", {**description, "format_version": FORMAT + 1})
    with pytest.raises(AvatarFolderError, match=r"newer Studio Avatar .*Update the extension"):
        open_avatar(folder)


def test_older_format_is_refused_with_a_remedy(folder: Path) -> None:
    description = json.loads((folder / "avatar.json").read_text())
    write_json(folder / "avatar.json", {**description, "format_version": FORMAT - 1})
    with pytest.raises(AvatarFolderError, match=r"older Studio Avatar .*Create it again"):
        open_avatar(folder)


def test_damaged_and_missing_files(folder: Path) -> None:
    avatar = open_avatar(folder)
    verify_files(avatar)
    with pytest.raises(AvatarFolderError, match=r"head\.npz is damaged"):
        _ = avatar.head
    (avatar.run / "head.npz").write_bytes(b"changed")
    with pytest.raises(AvatarFolderError, match=r"head\.npz .*content changed"):
        verify_files(avatar)
    (avatar.run / "head.npz").unlink()
    with pytest.raises(AvatarFolderError, match=r"head\.npz .*missing"):
        verify_files(avatar)


def test_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    refused = pytest.raises(AvatarFolderError, match=r"disk is full.*Free some space")
    with refused, whole_file(path) as partial:
        partial.write_text("new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AvatarFolderError, match="Choose an output folder"):
        write_json(tmp_path / "file" / "avatar.json", {})
