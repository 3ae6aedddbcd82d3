"""The stages from clip to avatar, in the order in which they run: one package each.

footage → tracking → fitting → room light → phone texture → studio texture → detail
                        └───── performance

Each package's `stage.py` declares it (`declaration.py` says what that means); `frame_sampling` is
no stage but what several share.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from studio_avatar_addon.avatar.layout import STAGE_NAMES

if TYPE_CHECKING:
    from .declaration import Stage

STAGES = STAGE_NAMES


def stage_of(name: str) -> Stage:
    """The declaration of one of STAGES. It is loaded only now: training on a bare machine uses
    single stages and has no decoders."""
    return import_module(f".{name}.stage", __name__).STAGE
