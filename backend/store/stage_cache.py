"""What finished stages left in `<avatar>/stages/`, so that an equal second run skips them.

Per stage: `<stage>.json` (fingerprint and plain values; written last, only it makes the stage
count), `<stage>.npz` (arrays) and a folder `<stage>/` for images. Paths inside are relative, so
that an avatar folder can be moved.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import cannot_write, write_json
from studio_avatar_addon.avatar.types import Camera, Finding, TextureSet

from ..job.reporter import Reporter
from ..stages.declaration import Stage, StageContext, StageFolder
from . import texture_files
from .source_fingerprint import package_versions, source_fingerprint
from .texture_files import read_texture_set, write_texture_set


def fingerprint(*parts: object) -> str:
    """16 hex digits that change when any of the parts does."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class StageCache:
    """Runs stages of one avatar in their order, or reads back what an equal run of them left."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder
        self._reporter = reporter
        self.fingerprints: dict[str, str] = {}
        self.values: dict[str, Any] = {}  # by the stages' names, as the stages returned them

    def run(self, stage: Stage, context: StageContext, message: str = "") -> Any:
        """The stage's value: the stored one if code, packages, inputs and settings are equal.

        The device does not count: another one rounds differently, no more. Raises as the stage
        does, and KeyError where a stage of its inputs has not run.
        """
        source = fingerprint(
            stage.name,
            source_fingerprint(stage.module, texture_files.__name__),
            package_versions(stage.module),
            [self.fingerprints[name] for name in stage.inputs],
        )
        key = fingerprint(source, stage.settings(context))
        self._reporter.begin(stage.name, message)
        value = self._load(stage, key)
        skipped = value is not None
        if value is None:
            images = self._clear(stage.name)
            folder = StageFolder(images, self._folder / f"{stage.name}_memory.npz", source)
            value = stage.run(context, folder, *(self.values[name] for name in stage.inputs))
            self._save(stage.name, key, value)
        self._keep(stage, key, value)
        for finding in getattr(value, "findings", ()):
            self._reporter.warn(finding)
        self._reporter.end(skipped=skipped)
        return value

    def recall(self, stage: Stage, key: str) -> Any:
        """What the stage's run of that fingerprint left, as if it had run now.

        Raises AvatarFolderError where it is not there, damaged, or of another run.
        """
        value = self._load(stage, key)
        if value is None:
            raise AvatarFolderError(
                f"{self._folder.parent.name} no longer holds the frames that it was made from.",
                "Create it again from its clip.",
            )
        self._keep(stage, key, value)
        return value

    def _keep(self, stage: Stage, key: str, value: Any) -> None:
        self.fingerprints[stage.name] = key
        self.values[stage.name] = value

    def _load(self, stage: Stage, key: str) -> Any | None:
        """None also where it is incomplete or damaged: it is made again."""
        try:
            record = json.loads((self._folder / f"{stage.name}.json").read_text("utf-8"))
            if record["fingerprint"] != key:
                return None
            values = record["values"].items()
            decoded = {name: _decode(value, self._folder) for name, value in values}
            if stage.output is TextureSet:
                return read_texture_set(self._folder / stage.name, decoded)
            return stage.output(**decoded, **read_arrays(self._folder / f"{stage.name}.npz"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, AvatarFolderError):
            return None

    def _clear(self, stage: str) -> Path:
        """An empty images folder; the stage counts as unfinished from here on."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{stage}.json").unlink(missing_ok=True)
            shutil.rmtree(self._folder / stage, ignore_errors=True)
            (self._folder / stage).mkdir()
        except OSError as error:
            raise cannot_write(self._folder / stage, error) from error
        return self._folder / stage

    def _save(self, stage: str, key: str, value: Any) -> None:
        values, arrays = _split(value)
        if isinstance(value, TextureSet):
            write_texture_set(self._folder / stage, value)
            values = {"origin": value.origin, "findings": values["findings"]}
        else:
            write_arrays(self._folder / f"{stage}.npz", **arrays)
        record = {
            "fingerprint": key,
            "values": {name: _encode(value, self._folder) for name, value in values.items()},
        }
        write_json(self._folder / f"{stage}.json", record)


def _split(value: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    entries = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    arrays = {k: v for k, v in entries.items() if isinstance(v, np.ndarray)}
    return {k: v for k, v in entries.items() if k not in arrays}, arrays


def _encode(value: Any, folder: Path) -> Any:
    """Plain JSON; what JSON does not know becomes {"<kind>": …}."""
    if isinstance(value, Path):
        inside = value.is_relative_to(folder)
        return {"stored": value.relative_to(folder).as_posix()} if inside else {"path": str(value)}
    if isinstance(value, Finding):
        return {"finding": [value.code, value.message]}
    if isinstance(value, Camera):
        return {"camera": dataclasses.asdict(value)}
    if isinstance(value, tuple):
        return [_encode(item, folder) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _decode(value: Any, folder: Path) -> Any:
    match value:
        case list():
            return tuple(_decode(item, folder) for item in value)
        case {"stored": relative}:
            if not (folder / relative).exists():
                raise FileNotFoundError(folder / relative)
            return folder / relative
        case {"path": absolute}:
            return Path(absolute)
        case {"finding": [code, message]}:
            return Finding(code, message)
        case {"camera": entries}:
            return Camera(**{key: tuple(item) for key, item in entries.items()})
        case _:
            return value
