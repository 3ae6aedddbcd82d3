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
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import cannot_write, write_json
from studio_avatar_addon.avatar.types import Camera, Finding, TextureSet

from .reporter import Reporter
from .texture_files import read_texture_set, write_texture_set

Value = TypeVar("Value")


def fingerprint(*parts: object) -> str:
    """16 hex digits that change when any of the parts does."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_fingerprint(*modules: ModuleType) -> str:
    """Changes with the source of a stage's modules or packages."""
    digest = hashlib.sha256()
    for module in modules:
        source = Path(str(module.__file__))
        package = source.name == "__init__.py"
        for file in sorted(source.parent.rglob("*.py")) if package else [source]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


class StageStore:
    """Runs stages, or reads back what an equal earlier run of them left."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder
        self._reporter = reporter
        self.fingerprints: dict[str, str] = {}

    def run(
        self,
        stage: str,
        kind: type[Value],
        inputs: tuple[object, ...],
        make: Callable[[Path], Value],
        message: str = "",
    ) -> Value:
        """`make(images_folder)`, unless stored already with the same fingerprint of `inputs`."""
        mark = fingerprint(stage, inputs)
        self.fingerprints[stage] = mark
        self._reporter.begin(stage, message)
        value = self._stored(stage, kind, mark)
        skipped = value is not None
        if value is None:
            value = make(self._cleared(stage))
            self._save(stage, mark, value)
        for finding in getattr(value, "findings", ()):
            self._reporter.warn(finding)
        self._reporter.end(skipped=skipped)
        return value

    def kept(self, stage: str, kind: type[Value], mark: str) -> Value:
        """What the stage's run of that fingerprint left.

        Raises AvatarFolderError where it is not there, damaged, or of another run.
        """
        try:
            record = json.loads((self._folder / f"{stage}.json").read_text("utf-8"))
            if record["fingerprint"] != mark:
                raise ValueError("of another run")
            self.fingerprints[stage] = mark
            return self._read(stage, kind, record["values"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise AvatarFolderError(
                f"{self._folder.parent.name} no longer holds the frames that it was made from.",
                "Create it again from its clip.",
            ) from error

    def _stored(self, stage: str, kind: type[Value], mark: str) -> Value | None:
        try:
            record = json.loads((self._folder / f"{stage}.json").read_text("utf-8"))
            if record["fingerprint"] != mark:
                return None
            return self._read(stage, kind, record["values"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, AvatarFolderError):
            return None  # incomplete or damaged: made again

    def _read(self, stage: str, kind: type[Any], values: Any) -> Any:
        decoded = {name: _decode(value, self._folder) for name, value in values.items()}
        if kind is TextureSet:
            return read_texture_set(self._folder / stage, decoded)
        return kind(**decoded, **read_arrays(self._folder / f"{stage}.npz"))

    def _cleared(self, stage: str) -> Path:
        """An empty images folder; the stage counts as unfinished from here on."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{stage}.json").unlink(missing_ok=True)
            shutil.rmtree(self._folder / stage, ignore_errors=True)
            (self._folder / stage).mkdir()
        except OSError as error:
            raise cannot_write(self._folder / stage, error) from error
        return self._folder / stage

    def _save(self, stage: str, mark: str, value: Any) -> None:
        values, arrays = _split(value)
        if isinstance(value, TextureSet):
            write_texture_set(self._folder / stage, value)
            values = {"origin": value.origin, "findings": values["findings"]}
        else:
            write_arrays(self._folder / f"{stage}.npz", **arrays)
        record = {
            "fingerprint": mark,
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
