"""What draws a texture's fine structure: its interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, Progress

Note = Callable[[str], None]


@dataclass(frozen=True)
class GeneratedDetail:
    """N x N texels."""

    colour_log: NDArray[np.float32]  # (N, N, 3) to be added to the blended texture; no broad band
    height_m: NDArray[np.float32]  # (N, N) relief above the head's surface


# Of log light (N, N, 3) of the phone texture and of stage 1 with the phone's gradients on it, and
# of trust (N, N) in [0, 1]; Note hears what the artist should know.
DetailGenerator = Callable[[FloatArray, FloatArray, FloatArray, Progress, Note], GeneratedDetail]
