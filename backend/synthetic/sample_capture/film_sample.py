"""The command `sample`: films the shipped sample again."""

from __future__ import annotations

from pathlib import Path

from studio_avatar_addon.avatar.template import DEFAULT_TEMPLATE

from ...job.terminal import TerminalProgress
from .capture import make_sample

SAMPLE_FOLDER = DEFAULT_TEMPLATE.parent / "sample"


def film_sample(out: Path = SAMPLE_FOLDER) -> Path:
    """Make the sample in `out`; returns the clip's path."""
    return make_sample(out, TerminalProgress())
