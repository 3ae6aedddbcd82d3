"""What earlier runs and former versions left in an avatar folder: what it weighs, and its removal.

An avatar's folder in. Never touched are the current run, a run that holds a performance which the
current one has none of that name of, and what is not as we made it: it may be the artist's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .bundle import AvatarFolder, changed_files
from .errors import AvatarFolderError
from .layout import PERFORMANCES_FOLDER, RUN_FILE, RUNS_FOLDER
from .ownership import former_files, is_partial, made_files, remove_files
from .sealed import read_sealed


@dataclass(frozen=True)
class OldRun:
    """An earlier run, or all that former versions left in other places."""

    name: str
    made: tuple[Path, ...]  # files that can be removed
    bytes: int  # that they had when they were found
    kept_because: str = ""  # empty: it can be removed


@dataclass(frozen=True)
class OldRuns:
    runs: tuple[OldRun, ...]

    @property
    def removable_bytes(self) -> int:
        return sum(run.bytes for run in self.runs if not run.kept_because)


def find_old_runs(avatar: AvatarFolder) -> OldRuns:
    """Looks through the whole folder. Raises AvatarFolderError where it is not an avatar's."""
    runs = avatar.root / RUNS_FOLDER
    folders = sorted(path for path in runs.iterdir() if path.is_dir() and not is_partial(path))
    found = [_old_run(avatar, folder) for folder in folders if folder != avatar.run]
    if former := former_files(avatar.root):
        found.append(OldRun("former versions", tuple(former), _size(former)))
    return OldRuns(tuple(found))


def remove_old_runs(avatar: AvatarFolder) -> OldRuns:
    """Returns what was found. Only for who holds the folder. Raises AvatarFolderError."""
    found = find_old_runs(avatar)
    for run in found.runs:
        if not run.kept_because:
            remove_files(avatar.root, run.made)
    return found


def _old_run(avatar: AvatarFolder, folder: Path) -> OldRun:
    listed = avatar.performances
    names = {path.name for path in listed}
    stored = sorted((folder / PERFORMANCES_FOLDER).glob("*.npz"))
    only = [path.stem for path in stored if path in listed or path.name not in names]
    kept_because = f"it holds the performance {only[0]}" if only else ""
    changed = _changed_since(avatar.root, folder)
    made = [path for path in made_files(avatar.root, folder) if path not in changed]
    return OldRun(folder.name, tuple(made), _size(made), kept_because)


def _size(files: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def _changed_since(root: Path, folder: Path) -> set[Path]:
    """What is not as it was made, as far as the run's record tells: former versions left none."""
    try:
        return set(changed_files(root, read_sealed(folder / RUN_FILE)["files"]))
    except (OSError, ValueError, KeyError, AvatarFolderError):
        return set()
