"""What earlier runs and former versions left in an avatar folder: what it weighs, and its removal.

An avatar's folder in. Never touched are the current run, a run that holds a performance found
nowhere else, and what is not as we made it: it may be the artist's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bundle import (
    AvatarFolder,
    changed_files,
    own_performance,
    read_run,
    same_footage,
)
from .errors import AvatarFolderError
from .files import sha256_file
from .layout import PERFORMANCES_FOLDER, RUN_FILE, RUNS_FOLDER
from .ownership import former_files, is_partial, made_files, remove_files


@dataclass(frozen=True)
class OldRun:
    """An earlier run, or all that former versions left in other places."""

    name: str
    made: tuple[Path, ...]  # files that can be removed
    bytes: int  # that they had when they were found
    kept_because: str  # empty: it can be removed

    @classmethod
    def of(cls, name: str, made: list[Path], kept_because: str) -> OldRun:
        return cls(name, tuple(made), sum(path.stat().st_size for path in made), kept_because)


@dataclass(frozen=True)
class OldRuns:
    runs: tuple[OldRun, ...]

    @property
    def removable_bytes(self) -> int:
        return sum(run.bytes for run in self.runs if not run.kept_because)


def find_old_runs(avatar: AvatarFolder) -> OldRuns:
    """Looks through the whole folder. Raises AvatarFolderError where the current results are not as
    they were made: an old run may hold what they lack."""
    if changed := changed_files(avatar.root, avatar.description["files"]):
        raise AvatarFolderError(
            f"{changed[0].name} of {avatar.name} is not as it was made, so that old results stay.",
            "Create the avatar again: what you changed stays beside the new results.",
        )
    runs = avatar.root / RUNS_FOLDER
    folders = sorted(path for path in runs.iterdir() if path.is_dir() and not is_partial(path))
    held = {_content(path) for path in avatar.performances}
    found = [_old_run(avatar, folder, held) for folder in folders if folder != avatar.run]
    former = former_files(avatar.root)
    if former:
        found.append(OldRun.of("former versions", former, ""))
    return OldRuns(tuple(run for run in found if run.made))


def remove_old_runs(avatar: AvatarFolder) -> OldRuns:
    """Returns what was found. Only for who holds the folder. Raises AvatarFolderError likewise, or
    where something cannot be removed."""
    found = find_old_runs(avatar)
    for run in found.runs:
        if not run.kept_because:
            remove_files(avatar.root, run.made)
    return found


def _old_run(avatar: AvatarFolder, folder: Path, held: set[str]) -> OldRun:
    """`held`: contents of the performances that the avatar lists."""
    record = read_run(avatar.root, folder)
    remade = ""  # the run's own performance, where the current run has it of the same footage
    if record is not None and same_footage(record, avatar.description):
        remade = own_performance(record)
    listed = avatar.performances
    only = [
        path.stem
        for path in sorted((folder / PERFORMANCES_FOLDER).glob("*.npz"))
        if path in listed or (path != avatar.root / remade and _content(path) not in held)
    ]
    if only:
        kept_because = f"it holds the performance {only[0]}"
    else:
        kept_because = "" if record else "nothing tells whether it was changed"
    return OldRun.of(folder.name, _unchanged(avatar, folder, record), kept_because)


def _content(path: Path) -> str:
    """Its hash; what cannot be read is like nothing else."""
    try:
        return sha256_file(path)
    except OSError:
        return str(path)


def _unchanged(avatar: AvatarFolder, folder: Path, record: dict[str, Any] | None) -> list[Path]:
    """What is as it was made by the run's record, its own file included; without one, as former
    versions left their runs, all that could be."""
    files = made_files(avatar.root, folder)
    if record is None:
        return files
    listed = {avatar.root / name for name in record["files"]} | {folder / RUN_FILE}
    changed = set(changed_files(avatar.root, record["files"]))
    return [path for path in files if path in listed and path not in changed]
