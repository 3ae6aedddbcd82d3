"""A smooth ramp for tensors, as `log_light.smooth_step` is one for arrays."""

from __future__ import annotations

import torch


def smooth_step(low: float, high: float, value: torch.Tensor) -> torch.Tensor:
    """0 at `low` and beyond, 1 at `high` and beyond, without a kink between; `low` may be the
    larger one."""
    share = ((value - low) / (high - low)).clamp(0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
