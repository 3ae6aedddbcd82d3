"""Filmed skin and the colour that the network takes it for in; the light between them out.

The network knows what skin looks like without light, physics knows where light can come from: of
all that the network would take away, only what some light round the head can do is taken.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ..room_light.lobes import Responses, choose_fit_points, relative_log, solve_lobes
from ..room_light.surroundings import Surroundings

HEAD = np.eye(3, dtype=np.float32)  # the common light stands with the head


def fit_guided_shading(
    filmed_log: FloatArray,
    guide_log: FloatArray,
    weight: FloatArray,
    surroundings: Surroundings,
    tone_linear: FloatArray,
    device: torch.device,
) -> NDArray[np.float32]:
    """Log shading (n, 3), relative to its median, of points filmed as (n, 3) in one light.

    `guide_log` (n, 3): their albedo, up to a scale; `weight` (n,): how well both are known;
    `tone_linear` (3,): albedo for the bounce.
    """
    if not weight.any():
        return np.zeros_like(filmed_log)
    chosen = choose_fit_points(weight)
    responses = Responses(surroundings, device)
    rows = responses.of(HEAD, tone_linear, chosen)[None]
    albedo = np.exp(guide_log[chosen] - np.median(guide_log[chosen], 0))
    filmed = np.exp(filmed_log[chosen])[None]
    lobes = solve_lobes(rows, filmed, weight[None, chosen], albedo, refine=False)
    return relative_log(responses.shading(HEAD, tone_linear, lobes)[None])[0]
