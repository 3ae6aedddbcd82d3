"""Rows as they are measured in; a printed table, its summary and a file of both out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from studio_avatar_addon.avatar.files import write_json

from ..figures import Section, as_json, as_table, without_nan

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RowT = TypeVar("RowT")


def print_rows(headings: str, rows: Iterable[RowT], line: Callable[[RowT], str]) -> list[RowT]:
    """All rows, each printed under the headings when it comes."""
    print(headings)
    every: list[RowT] = []
    for row in rows:
        every.append(row)
        print(line(row), flush=True)
    return every


def print_and_write(
    rows: Sequence[DataclassInstance], sections: Sequence[Section], out: Path | None
) -> None:
    """Print the summary; write it with the rows to `out` as JSON, where asked for."""
    print()
    print(as_table(sections))
    if out is not None:
        plain = [without_nan(asdict(row)) for row in rows]
        write_json(out, {"rows": plain, "sections": as_json(sections)})
