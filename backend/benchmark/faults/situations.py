"""In what state an avatar folder is when a fault meets it, and which command then runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# The artist's own files in a finished avatar, by their places; "*" stands for the only folder.
ARTISTS_FILES = ("notes.txt", "runs/*/notes.txt", "stages/footage-*/images/paint-over.png")
EXPOSURE = "0.5"  # stops, for other settings
FOCAL_PX = "700"  # what the artist knows better
OTHER_CLIP = "other.mp4"  # beside the clip


@dataclass(frozen=True)
class Situation:
    """`arguments`: of the command, for an avatar folder and a clip.

    `state`: "new": nothing is there; "finished": an avatar with a correction, a further clip's
    movement and the artist's own files; "twice": the same after a run with other settings, which is
    current.
    """

    name: str
    arguments: Callable[[Path, Path], list[str]]
    state: str = "finished"


def _create(avatar: Path, clip: Path, *further: str) -> list[str]:
    return ["create", str(clip), "--out", str(avatar), "--quality", "draft", *further]


def _create_corrected(avatar: Path, clip: Path) -> list[str]:
    return _create(avatar, clip, "--focal-px", FOCAL_PX)


def _create_from_other_clip(avatar: Path, clip: Path) -> list[str]:
    return _create(avatar, clip.with_name(OTHER_CLIP))


def _create_other(avatar: Path, clip: Path) -> list[str]:
    return _create(avatar, clip, "--skin-exposure", EXPOSURE)


def _refit(avatar: Path, _: Path) -> list[str]:
    return ["refit", str(avatar), "--measure", "face_width", "140"]


def _perform(avatar: Path, clip: Path) -> list[str]:
    return ["perform", str(avatar), str(clip)]


def _tidy(avatar: Path, _: Path) -> list[str]:
    return ["tidy", str(avatar), "--remove"]


CREATE_NEW = Situation("create, new", _create, "new")
CREATE_AGAIN = Situation("create again", _create)
CREATE_OTHER = Situation("create, other settings", _create_other)
CREATE_CLIP = Situation("create, another clip", _create_from_other_clip)
CREATE_BACK = Situation("create, settings set back", _create, "twice")
REFIT = Situation("refit", _refit)
PERFORM = Situation("perform", _perform)
TIDY = Situation("tidy", _tidy, "twice")
CREATE_CORRECTED = Situation("create, corrected", _create_corrected, "new")
SITUATIONS = (
    CREATE_NEW, CREATE_AGAIN, CREATE_OTHER, CREATE_CLIP, CREATE_BACK, REFIT, PERFORM, TIDY,
)  # fmt: skip


def prepare(situation: Situation, states: Path, avatar: Path) -> None:
    """Put the situation's state in the place of `avatar`; `states` holds one folder of each."""
    shutil.rmtree(avatar, ignore_errors=True)
    if situation.state != "new":
        shutil.copytree(states / situation.state, avatar, symlinks=True)


def add_artists_files(avatar: Path) -> None:
    for place in ARTISTS_FILES:
        folder, name = place.rpartition("/")[::2]
        (parent,) = avatar.glob(folder) if folder else (avatar,)
        (parent / name).write_text(f"The artist's own {name}.\n")
