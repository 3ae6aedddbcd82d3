"""What the extension's preferences say of the backend, for the modules that preferences draw."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

PACKAGE = __package__ or ""


@dataclass(frozen=True)
class BackendChoice:
    """What the preferences say; "" leaves a path to the defaults of `places`."""

    python: str = ""
    device: str = "auto"
    cache_folder: str = ""


def backend_choice() -> BackendChoice:
    """The preferences, or their defaults where a script registered the classes by itself."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    if addon is None:
        return BackendChoice()
    preferences = addon.preferences
    return BackendChoice(preferences.backend_python, preferences.device, preferences.cache_folder)
