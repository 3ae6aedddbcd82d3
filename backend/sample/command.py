"""The command `sample`: films the shipped sample again and tells the terminal how far it is."""

from __future__ import annotations

import sys
from pathlib import Path

from studio_avatar_addon.avatar.template import DEFAULT_TEMPLATE
from studio_avatar_addon.avatar.types import Finding

from .capture import make_sample

SAMPLE_FOLDER = DEFAULT_TEMPLATE.parent / "sample"


class TerminalProgress:
    """A `Progress` that overwrites one line."""

    def __call__(self, done: float, total: float, message: str = "") -> None:
        print(f"\r{100 * done / max(total, 1e-9):3.0f} % {message:<60}", end="", file=sys.stderr)

    def warn(self, finding: Finding) -> None:
        print(finding.message, file=sys.stderr)


def film_sample(out: Path = SAMPLE_FOLDER) -> Path:
    """Make the sample in `out`; returns the clip's path."""
    return make_sample(out, TerminalProgress())
