"""A smooth ramp, of arrays and of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from studio_avatar_addon.avatar.types import FloatArray

if TYPE_CHECKING:  # arrays need no PyTorch
    from torch import Tensor


@overload
def smooth_step(low: float, high: float, value: FloatArray) -> FloatArray: ...
@overload
def smooth_step(low: float, high: float, value: Tensor) -> Tensor: ...
def smooth_step(low: float, high: float, value: Any) -> Any:
    """Hermite ramp 3 t^2 - 2 t^3 of values (...): (...) in [0, 1], 0 at `low`, 1 at `high`.

    `low` may be the larger one: the ramp then falls with rising values.
    """
    share = ((value - low) / (high - low)).clip(0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
