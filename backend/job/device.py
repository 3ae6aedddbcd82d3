"""Which processor the networks and tensor work run on, and why."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.layout import DEVICES

from .memory import lack_of_memory, means_lack_of_memory

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class DeviceChoice:
    name: str  # torch's name
    reason: str  # one sentence for the artist

    @property
    def torch(self) -> torch.device:
        return _import_torch().device(self.name)


def choose_device(requested: str = "auto") -> DeviceChoice:
    """The device for `requested`, one of DEVICES.

    Raises EnvironmentProblem where Torch is missing or the requested device does not work.
    """
    if requested not in DEVICES:
        raise EnvironmentProblem(
            f"There is no device called {requested!r}.", f"Choose one of {', '.join(DEVICES)}."
        )
    torch = _import_torch()
    if requested == "cpu":
        return DeviceChoice("cpu", "cpu, as requested")
    candidates = DEVICES[2:] if requested == "auto" else (requested,)
    refusals: list[str] = []
    for name in candidates:
        refusal = _refusal(torch, name)
        if refusal is None:
            return DeviceChoice(name, f"{name}, {_describe(torch, name)}")
        refusals.append(f"{name} {refusal}")
    if requested != "auto":
        raise EnvironmentProblem(
            f"The device {refusals[0]}.",
            "Choose the device 'auto' or 'cpu', or install a Torch build for it.",
        )
    return DeviceChoice("cpu", f"cpu, since no accelerator works ({'; '.join(refusals)})")


def _import_torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        if means_lack_of_memory(error):
            raise lack_of_memory() from error
        raise EnvironmentProblem(
            f"The backend's Python interpreter lacks Torch ({error}).",
            "Choose an interpreter with the backend installed, or run `python build.py setup`.",
        ) from error


def _refusal(torch: Any, name: str) -> str | None:
    """None where a small product on the device comes out right, else the reason."""
    try:
        interface = torch.backends.mps if name == "mps" else getattr(torch, name)
        if not interface.is_available():
            return "is not present or has no driver"
        ones = torch.ones(64, 64, device=name)
        if float((ones @ ones).sum()) != 64**3:
            return "computes wrong results"
    except (AttributeError, RuntimeError, AssertionError) as error:
        return f"fails ({str(error).splitlines()[0][:80]})"
    return None


def _describe(torch: Any, name: str) -> str:
    if name == "cuda":
        return torch.cuda.get_device_name()
    return {"mps": "Apple's graphics processor", "xpu": "Intel's graphics processor"}[name]
