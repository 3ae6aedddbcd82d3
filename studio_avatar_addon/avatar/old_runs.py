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
    is_complete,
    own_performance,
    same_footage,
    verify_files,
)
from .files import inside, sha256_file
from .layout import PERFORMANCES_FOLDER, RUN_FILE, RUNS_FOLDER
from .ownership import former_files, is_partial, made_files, remove_files
from .sealed import read_sealed

_CLOCK_SLACK_S = 2.0  # of FAT's times, the coarsest


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
    """Looks through the whole folder. Raises AvatarFolderError where the avatar is not whole: an
    old run may hold what is damaged in the current one."""
    verify_files(avatar)
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
    record = _record(avatar.root, folder)
    remade = ""  # the run's own performance, where the current run has it of the same footage
    if record is not None and same_footage(record, avatar.description):
        remade = own_performance(record)
    listed = avatar.performances
    only = [
        path.stem
        for path in sorted((folder / PERFORMANCES_FOLDER).glob("*.npz"))
        if path in listed or (path != avatar.root / remade and _content(path) not in held)
    ]
    kept_because = f"it holds the performance {only[0]}" if only else ""
    changed = _changed_since(avatar.root, folder, record)
    made = [path for path in made_files(avatar.root, folder) if path not in changed]
    return OldRun.of(folder.name, made, kept_because)


def _content(path: Path) -> str:
    """Its hash; what cannot be read is like nothing else."""
    try:
        return sha256_file(path)
    except OSError:
        return str(path)


def _record(root: Path, folder: Path) -> dict[str, Any] | None:
    """The run's description; None where it is damaged, or of a former version, which wrote none."""
    try:
        record = read_sealed(inside(root, f"{RUNS_FOLDER}/{folder.name}/{RUN_FILE}"))
    except (OSError, ValueError):
        return None
    return record if is_complete({**record, "name": folder.name}) else None


def _changed_since(root: Path, folder: Path, record: dict[str, Any] | None) -> set[Path]:
    """What is not as it was made; without a record, what is younger than the last of its files."""
    if record is not None:
        return set(changed_files(root, record["files"]))
    sheets = [path.stat().st_mtime for path in (folder / "report").glob("*.png")]
    finished = max(sheets, default=0.0) + _CLOCK_SLACK_S
    return {path for path in made_files(root, folder) if path.stat().st_mtime > finished}
