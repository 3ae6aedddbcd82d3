"""The version, read from `blender_manifest.toml`: the only place where it stands."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from .errors import EnvironmentProblem

_PACKAGE = Path(__file__).parents[1]


@cache
def extension_version() -> str:
    """E.g. "0.1.0". The manifest lies in the package when installed, beside it in a checkout."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        manifest = folder / "blender_manifest.toml"
        if manifest.is_file():
            return str(tomllib.loads(manifest.read_text("utf-8"))["version"])
    raise EnvironmentProblem(
        "The extension's blender_manifest.toml is missing.", "Install the extension again."
    )
