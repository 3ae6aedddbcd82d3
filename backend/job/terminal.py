"""Progress for commands that a person runs at a terminal."""

from __future__ import annotations

import sys

from studio_avatar_addon.avatar.types import Finding


class TerminalProgress:
    """A `Progress` that overwrites one line."""

    def __call__(self, done: float, total: float, message: str = "") -> None:
        print(f"\r{100 * done / max(total, 1e-9):3.0f} % {message:<60}", end="", file=sys.stderr)

    def warn(self, finding: Finding) -> None:
        print(finding.message, file=sys.stderr)


class Silent:
    """A `Progress` that reports to nobody."""

    def __call__(self, done: float, total: float, message: str = "") -> None:
        pass

    def warn(self, finding: Finding) -> None:
        pass
