"""A quality in; who draws a texture's fine structure out."""

from __future__ import annotations

import torch

from studio_avatar_addon.avatar.types import Quality

from .detail_generator import DetailGenerator


def generator_for(quality: Quality, device: torch.device) -> DetailGenerator | None:
    """None: drafts do without. Raises EnvironmentProblem where weights are missing or damaged."""
    if not quality.network_refinement:
        return None
    # diffusers takes seconds to load: only where it is used.
    from .diffusion import load
    from .diffusion_generator import Diffusion

    return Diffusion(load(), device)
