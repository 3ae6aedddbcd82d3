"""JSON with a checksum of its own, so that a changed digit is noticed. Standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .files import read_json, write_json

_SEAL = "sha256"


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """`values`: what JSON holds as it is, lists instead of tuples. Raises as `write_json`."""
    write_json(path, {**values, _SEAL: _digest(values)})


def read_sealed(path: Path) -> dict[str, Any]:
    """The values without their checksum. Raises OSError, or ValueError where they were changed."""
    stored: object = read_json(path)
    if not isinstance(stored, dict):
        raise ValueError("it holds no values by name")
    values = cast("dict[str, Any]", stored)
    if values.pop(_SEAL, None) != _digest(values):
        raise ValueError("its content changed")
    return values


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
