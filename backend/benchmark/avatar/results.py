"""Rows of the benchmark to a file that an interrupted run goes on with, and back.

The first line says by which versions the rows were made; each further line is one row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import whole_file

from ..figures import without_nan
from .scores import Scores

RESULTS = "results.jsonl"


class ResultsError(StudioAvatarError):
    """A file of results cannot be used."""


@dataclass(frozen=True)
class Versions:
    """What rows depend on beside their case and method, as fingerprints."""

    scores: str
    captures: str
    pipeline: str


@dataclass(frozen=True)
class Row:
    """One method on one capture."""

    case: str
    head: str
    light: str
    moving: str
    skin_type: int
    method: str
    scores: Scores = field(default_factory=Scores)
    seconds: dict[str, float] = field(default_factory=dict[str, float])  # by stage
    peak_mb: dict[str, float] = field(default_factory=dict[str, float])
    failure: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.case, self.method


class ResultsFile:
    """Rows as they come, each kept before the next is begun."""

    def __init__(self, folder: Path, versions: Versions) -> None:
        """Take up what lies in `folder`. Raises ResultsError for rows of other versions."""
        self.path = folder / RESULTS
        self._rows: dict[tuple[str, str], Row] = {}
        if self.path.is_file():
            former, rows = read_results(self.path)
            if former != versions:
                raise ResultsError(
                    f"The results in {folder} are of another version of the benchmark or pipeline.",
                    "Choose another --out folder, or delete this one's results.jsonl.",
                )
            self._rows = {row.key: row for row in rows}
        self._versions = versions
        self._write()

    @property
    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def has(self, case: str, methods: Iterable[str]) -> bool:
        """Whether all methods have a row of this case; what failed is to be tried again."""
        done = {row.method for row in self.rows if row.case == case and not row.failure}
        return done.issuperset(methods)

    def add(self, row: Row) -> None:
        """Raises AvatarFolderError where the file cannot be written."""
        self._rows[row.key] = row
        self._write()

    def _write(self) -> None:
        lines = [asdict(self._versions), *(without_nan(asdict(row)) for row in self.rows)]
        with whole_file(self.path) as partial:
            partial.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def read_results(path: Path) -> tuple[Versions, list[Row]]:
    """Raises ResultsError where the file is none of ours."""
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return Versions(**lines[0]), [_row(line) for line in lines[1:]]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ResultsError(
            f"{path} holds no results of this benchmark ({type(error).__name__}).",
            f"Name a {RESULTS} that `benchmark avatar` wrote.",
        ) from error


def _row(line: dict[str, Any]) -> Row:
    scores = {k: math.nan if v is None else v for k, v in line.pop("scores").items()}
    peak = {k: math.nan if v is None else v for k, v in line.pop("peak_mb").items()}
    return Row(**line, scores=Scores(**scores), peak_mb=peak)
