"""What the command line loads only when it must, and where it keeps what can be made again."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from studio_avatar_addon.avatar.errors import EnvironmentProblem


def cache_folder() -> Path:
    """The user's own folder for what can be made again."""
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "studio_avatar"


@contextlib.contextmanager
def third_party_packages() -> Generator[None]:
    """For work that needs them. Raises EnvironmentProblem where the interpreter lacks one."""
    try:
        yield
    except ImportError as error:
        if (error.name or "").startswith((__package__ or "backend", "studio_avatar_addon")):
            raise
        raise EnvironmentProblem(
            f"The backend's Python interpreter {sys.executable} lacks a package ({error}).",
            "Choose an interpreter with the backend installed, or run `python build.py setup`.",
        ) from error


def module(name: str) -> Any:
    """One of our modules that needs third-party packages, imported only now."""
    return importlib.import_module(f".{name}", __package__)
