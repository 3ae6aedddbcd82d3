"""What disks and hands do to stored files: a flipped bit, a changed digit, a cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.layout import AVATAR_FILE, RUNS_FOLDER, STAGES_FOLDER

Random = np.random.Generator


def _flip_bit(content: bytes, random: Random) -> bytes:
    place = int(random.integers(len(content)))
    flipped = content[place] ^ 1 << int(random.integers(8))
    return content[:place] + bytes([flipped]) + content[place + 1 :]


def _change_digit(content: bytes, random: Random) -> bytes:
    places = [found.start() for found in re.finditer(rb"\d", content)]
    place = places[int(random.integers(len(places)))]
    digit = (content[place] - ord("0") + int(random.integers(1, 10))) % 10
    return content[:place] + bytes([ord("0") + digit]) + content[place + 1 :]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: int(random.integers(len(content)))]


# What is done, and to which files of an avatar.
DAMAGES: dict[str, tuple[Callable[[bytes, Random], bytes], tuple[str, ...]]] = {
    "flipped bit": (_flip_bit, (".json", ".npz", ".png")),
    "changed digit": (_change_digit, (".json",)),
    "cut file": (_cut, (".json", ".npz", ".png")),
}


def damage(avatar: Path, kind: str, random: Random) -> Path:
    """Damage one of our files, stages' and runs' alike; returns which."""
    change, suffixes = DAMAGES[kind]
    ours = [
        path
        for folder in (RUNS_FOLDER, STAGES_FOLDER)
        for path in sorted((avatar / folder).rglob("*"))
        if path.suffix in suffixes and path.name != "paint-over.png"
    ]
    files = [avatar / AVATAR_FILE, *ours]
    path = files[int(random.integers(len(files)))]
    path.write_bytes(change(path.read_bytes(), random))
    return path
