"""A loss in; an error with its step out where it is not finite."""

from __future__ import annotations

import math

from torch import Tensor

from studio_avatar_addon.avatar.errors import StudioAvatarError


class NotFinite(StudioAvatarError):
    """The loss of a step is not a number: the data or the rate of learning is wrong."""


def require_finite(loss: Tensor, step: int | str) -> float:
    """The loss, a tensor of shape (), as a number. Raises NotFinite with the step's number."""
    value = loss.item()
    if not math.isfinite(value):
        raise NotFinite(
            f"The loss of step {step} is not finite, so training stopped.",
            "Check the studio textures and panoramas, or learn more slowly.",
        )
    return value
