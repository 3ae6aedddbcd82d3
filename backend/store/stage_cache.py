"""What finished stages left in `<avatar>/stages/`, so that an equal second run skips them.

Per stage a folder `<stage>-<fingerprint>/`, which appears whole: `stage.json` (plain values, the
other files' checksums, and its own), `arrays.npz` and `images/`. Paths inside are relative, so that
an avatar folder can be moved.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import AvatarFolderError, FitError
from studio_avatar_addon.avatar.files import (
    inside,
    make_folder,
    remove_empty_folders,
    sha256_file,
    whole_folder,
)
from studio_avatar_addon.avatar.ownership import remove_made
from studio_avatar_addon.avatar.sealed import read_sealed, write_sealed
from studio_avatar_addon.avatar.types import Camera, Finding, TextureSet

from ..job.memory import require_memory
from ..job.reporter import Reporter
from ..stages.declaration import Stage, StageContext, StageFolder
from ..stages.value_check import impossible_fields
from . import texture_files
from .source_fingerprint import package_versions, source_fingerprint
from .texture_files import read_texture_set, write_texture_set

RECORD_FILE, ARRAYS_FILE, IMAGES_FOLDER = "stage.json", "arrays.npz", "images"


class _Damaged(Exception):
    """What a stage left is there, but cannot be used."""


def fingerprint(*parts: object) -> str:
    """16 hex digits that change when any of the parts does."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stage_folder(stages: Path, stage: str, key: str) -> Path:
    """Where a stage's run of that fingerprint left what it made, or can leave it.

    A folder in which somebody else's files are all that is left keeps its name.
    """
    names = chain([f"{stage}-{key}"], (f"{stage}-{key}-{number}" for number in count(2)))
    folders = (stages / name for name in names)
    return next(path for path in folders if not path.exists() or (path / RECORD_FILE).exists())


def stage_fingerprint(stage: Stage, inputs: Sequence[str]) -> str:
    """Of all that a stage's value depends on but its settings; `inputs`: their fingerprints."""
    source = source_fingerprint(stage.module, texture_files.__name__)
    return fingerprint(stage.name, source, package_versions(stage.module), list(inputs))


class StageCache:
    """Runs stages of one avatar in their order, or reads back what an equal run of them left.

    Only for who holds the avatar folder.
    """

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder
        self._reporter = reporter
        self.fingerprints: dict[str, str] = {}
        self.values: dict[str, Any] = {}  # by the stages' names, as they are stored

    def run(self, stage: Stage, context: StageContext, message: str = "") -> Any:
        """The stage's value: the stored one if code, packages, inputs and settings are equal.

        The value is the stored one in either case, rounded to what its files hold, so that a first
        run and a later one work from the same numbers. The device does not count: another one
        rounds differently, no more. Raises as the stage does, FitError where it came to impossible
        numbers, EnvironmentProblem where memory is short, AvatarFolderError, and KeyError where a
        stage of its inputs has not run.
        """
        source = stage_fingerprint(stage, [self.fingerprints[name] for name in stage.inputs])
        key = fingerprint(source, stage.settings(context))
        self._reporter.begin(stage.name, message)
        value = self._stored_or_told(stage, key)
        skipped = value is not None
        if value is None:
            require_memory(stage.memory_bytes(context), f"The step {_spoken(stage)}")
            value = self._make(stage, context, source, key)
        self._keep(stage, key, value)
        for finding in getattr(value, "findings", ()):
            self._reporter.warn(finding)
        self._reporter.end(skipped=skipped)
        return value

    def recall(self, stage: Stage, key: str) -> Any:
        """What the stage's run of that fingerprint left, as if it had run now.

        Raises AvatarFolderError where it is not there, damaged, or of another run.
        """
        try:
            value = self._load(stage, key)
        except _Damaged as damage:
            raise AvatarFolderError(
                f"{self._folder.parent.name} no longer holds the frames that it was made from "
                f"({damage}).",
                "Create it again from its clip.",
            ) from damage
        self._keep(stage, key, value)
        return value

    def _keep(self, stage: Stage, key: str, value: Any) -> None:
        self.fingerprints[stage.name] = key
        self.values[stage.name] = value

    def _stored_or_told(self, stage: Stage, key: str) -> Any | None:
        """None where the stage must run; the artist is told where that is due to damage."""
        if not stage_folder(self._folder, stage.name, key).is_dir():
            return None
        try:
            return self._load(stage, key)
        except _Damaged as damage:
            self._reporter.warn(
                Finding(
                    "stage_damaged",
                    f"What the step {_spoken(stage)} had left in {self._folder} is "
                    f"damaged ({damage}); it is made again.",
                )
            )
            return None

    def _load(self, stage: Stage, key: str) -> Any:
        """Raises _Damaged."""
        folder = stage_folder(self._folder, stage.name, key)
        try:
            record = read_sealed(folder / RECORD_FILE)
            for name, digest in record["files"].items():
                if sha256_file(inside(folder, name)) != digest:
                    raise _Damaged(f"{name} was changed")
            decoded = {name: _decode(entry, folder) for name, entry in record["values"].items()}
            if stage.output is TextureSet:
                value = read_texture_set(folder / IMAGES_FOLDER, decoded)
            else:
                value = stage.output(**decoded, **read_arrays(folder / ARRAYS_FILE))
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            AvatarFolderError,
        ) as error:
            raise _Damaged(str(error)) from error
        for name in impossible_fields(value):
            raise _Damaged(f"{name} holds impossible numbers")
        return value

    def _make(self, stage: Stage, context: StageContext, source: str, key: str) -> Any:
        """Run the stage; what it made is there whole, or not at all. Returns it as it is stored."""
        remove_made(self._folder.parent, stage_folder(self._folder, stage.name, key))
        with whole_folder(stage_folder(self._folder, stage.name, key)) as unfinished:
            images = unfinished / IMAGES_FOLDER
            make_folder(images)
            folder = StageFolder(images, self._folder / f"{stage.name}_memory.npz", source)
            value = stage.run(context, folder, *(self.values[name] for name in stage.inputs))
            for name in impossible_fields(value):
                raise FitError(
                    f"The step {_spoken(stage)} came to impossible numbers ({name}).",
                    "Try another clip of the person, and report this one.",
                )
            self._save(unfinished, value)
        try:
            return self._load(stage, key)
        except _Damaged as damage:
            raise AvatarFolderError(
                f"What the step {_spoken(stage)} has just written cannot be read ({damage}).",
                "Choose an output folder on another disk.",
            ) from damage

    def _save(self, folder: Path, value: Any) -> None:
        values, arrays = _split(value)
        remove_empty_folders(folder / IMAGES_FOLDER, folder)
        if isinstance(value, TextureSet):
            write_texture_set(folder / IMAGES_FOLDER, value)
            values = {"origin": value.origin, "findings": values["findings"]}
        else:
            write_arrays(folder / ARRAYS_FILE, **arrays)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        record = {
            "values": {name: _encode(entry, folder) for name, entry in values.items()},
            "files": {path.relative_to(folder).as_posix(): sha256_file(path) for path in files},
        }
        write_sealed(folder / RECORD_FILE, record)

    def remove_others(self) -> None:
        """What runs with other settings left of these stages; what is not ours stays."""
        for name, key in self.fingerprints.items():
            kept = stage_folder(self._folder, name, key)
            for folder in self._folder.glob(f"{name}-*"):
                if folder != kept:
                    with suppress(AvatarFolderError):  # another job's turn
                        remove_made(self._folder.parent, folder)


def _spoken(stage: Stage) -> str:
    return stage.name.replace("_", " ")


def _split(value: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    entries = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    arrays = {k: v for k, v in entries.items() if isinstance(v, np.ndarray)}
    return {k: v for k, v in entries.items() if k not in arrays}, arrays


def _encode(value: Any, folder: Path) -> Any:
    """Plain JSON; what JSON does not know becomes {"<kind>": …}. Paths lie in `folder`."""
    if isinstance(value, Path):
        return {"stored": value.relative_to(folder).as_posix()}
    if isinstance(value, Finding):
        return {"finding": [value.code, value.message]}
    if isinstance(value, Camera):
        return {"camera": {k: list(v) for k, v in dataclasses.asdict(value).items()}}
    if isinstance(value, tuple):
        return [_encode(item, folder) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _decode(value: Any, folder: Path) -> Any:
    match value:
        case list():
            return tuple(_decode(item, folder) for item in value)
        case {"stored": relative}:
            return inside(folder, relative)
        case {"finding": [code, message]}:
            return Finding(code, message)
        case {"camera": entries}:
            return Camera(**{key: tuple(item) for key, item in entries.items()})
        case _:
            return value
