"""A quality in; who draws a texture's fine structure, and what that is, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, Progress, Quality

Note = Callable[[str], None]


@dataclass(frozen=True)
class Drawn:
    """N x N texels."""

    colour_log: NDArray[np.float32]  # (N, N, 3) to be added to stage 1; it has no broad band
    height_m: NDArray[np.float32]  # (N, N) relief above the head's surface


class Draw(Protocol):
    def __call__(
        self,
        phone_log: FloatArray,
        studio_log: FloatArray,
        trust: FloatArray,
        progress: Progress,
        note: Note,
    ) -> Drawn:
        """Of log light (N, N, 3) of both textures and `trust` (N, N) in [0, 1]. `note` hears what
        the artist should know."""
        ...


def drawing_for(quality: Quality, device: torch.device) -> Draw | None:
    """None: drafts do without. Raises EnvironmentProblem where weights are missing or damaged."""
    if not quality.network_refinement:
        return None
    # diffusers takes seconds to load: only where it is used.
    from .diffusion import load
    from .draw import Diffusion

    return Diffusion(load(), device)
