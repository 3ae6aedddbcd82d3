"""Is this machine ready? Interpreter, device and why, memory, packages, template and weights."""

from __future__ import annotations

import platform
import sys
from typing import Any

import psutil

from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import QUALITY
from studio_avatar_addon.avatar.version import extension_version

from ..job.device import choose_device
from ..stages import detail
from ..stages.studio_texture.networks import load
from ..store.avatar_writer import PACKAGES, package_version, shipped_weights


def check_system(requested_device: str) -> dict[str, Any]:
    """Plain values for the panel and the terminal. Raises EnvironmentProblem, TemplateError."""
    device = choose_device(requested_device)
    template = load_template()
    # Or say that weights are missing or damaged.
    load()
    detail.generator_for(QUALITY["standard"], device.torch)
    memory = psutil.virtual_memory()
    return {
        "version": extension_version(),
        "interpreter": sys.executable,
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": device.name,
        "device_reason": device.reason,
        "device_memory_free_mb": _device_memory_free_mb(device.name),
        "memory_free_mb": memory.available // 2**20,
        "memory_total_mb": memory.total // 2**20,
        "packages": {name: package_version(name) for name in PACKAGES},
        "template": {"name": template.name, "sha256": template.sha256},
        "weights": shipped_weights(),
    }


def _device_memory_free_mb(device: str) -> int | None:
    if device != "cuda":
        return None
    import torch

    free, _ = torch.cuda.mem_get_info()
    return free // 2**20
