"""What the command line loads only when it must."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Generator
from typing import Any

from studio_avatar_addon.avatar.errors import EnvironmentProblem

from ..job.memory import lack_of_memory, means_lack_of_memory

# The backend's own name: "backend" in a checkout, "studio_avatar_addon.backend" once installed.
BACKEND = __name__.rpartition(".cli.")[0]


@contextlib.contextmanager
def third_party_packages() -> Generator[None]:
    """For work that needs them.

    Raises EnvironmentProblem where the interpreter lacks one, or the memory to load it.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").startswith((BACKEND, "studio_avatar_addon")):
            raise
        if means_lack_of_memory(error):
            raise lack_of_memory() from error
        raise EnvironmentProblem(
            f"The backend's Python interpreter {sys.executable} lacks a package ({error}).",
            "Choose an interpreter with the backend installed, or run `python build.py setup`.",
        ) from error


def module(name: str) -> Any:
    """One of our modules that needs third-party packages, imported only now.

    `name`: from the backend's root on, such as "training.studio.train_studio".
    """
    return importlib.import_module(f"{BACKEND}.{name}")
