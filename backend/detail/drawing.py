"""A quality in; who draws a texture's fine structure, and what that is, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, Progress, Quality

Note = Callable[[str], None]


@dataclass(frozen=True)
class Drawn:
    """N x N texels."""

    colour_log: NDArray[np.float32]  # (N, N, 3) to be added to what it was told; no broad band
    height_m: NDArray[np.float32]  # (N, N) relief above the head's surface


# Of log light (N, N, 3) of the phone texture and of stage 1 with the phone's gradients on it, and
# of trust (N, N) in [0, 1]; Note hears what the artist should know.
Draw = Callable[[FloatArray, FloatArray, FloatArray, Progress, Note], Drawn]


def drawing_for(quality: Quality, device: torch.device) -> Draw | None:
    """None: drafts do without. Raises EnvironmentProblem where weights are missing or damaged."""
    if not quality.network_refinement:
        return None
    # diffusers takes seconds to load: only where it is used.
    from .diffusion import load
    from .draw import Diffusion

    return Diffusion(load(), device)
