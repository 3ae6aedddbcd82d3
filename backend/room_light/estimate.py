"""Capture, track and fit in; the `RoomLight` out."""

from __future__ import annotations

import numpy as np
import torch

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Capture, FaceTrack, HeadFit, Progress, RoomLight

from ..sampling.eyes import measure_eyes
from ..sampling.opened import Frames
from .filmed import filmed_points, usual_colour
from .light import fit_shading
from .surroundings import look_around
from .tone import skin_tone


def estimate_light(
    capture: Capture,
    track: FaceTrack,
    fit: HeadFit,
    template: HeadTemplate,
    device: torch.device,
    progress: Progress,
) -> RoomLight:
    """The light of every chosen frame, and the mean light to which all views can be brought."""
    frames = Frames.of(capture, track, fit, template)
    progress(0, 1, "looking around from every point of the skin")
    around = look_around(fit, template)
    filmed = filmed_points(frames, around.points, progress)
    openness = around.visibility.openness.astype(np.float32)
    plain = around.points.plain(openness)
    tone = skin_tone(usual_colour(filmed, plain), measure_eyes(capture, track).sclera_filmed)
    progress(1, 1, "estimating the room's light")
    shading = fit_shading(
        filmed, around, plain, tone, device, exposure_known=capture.exposure_known
    )
    log_shading = np.stack([around.points.smooth(view, openness) for view in shading.log_shading])
    progress(1, 1, f"the light stands still with the {shading.moves_with}")
    return RoomLight(
        moves_with=shading.moves_with,
        unexplained=np.array(shading.unexplained),
        log_shading=log_shading.astype(np.float16),
        exposure_log=shading.exposure.astype(np.float32),
        common=np.log(np.exp(log_shading[fit.frame_used]).mean(0)).astype(np.float32),
        openness=openness,
        skin_linear=tone,
    )
