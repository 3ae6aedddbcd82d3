"""Capture, track and fit in; the `RoomLight` out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    BoolArray,
    Capture,
    FaceTrack,
    FloatArray,
    HeadFit,
    Progress,
    RoomLight,
)

from ..frame_sampling.eye_colors import measure_eyes
from ..frame_sampling.frame_sampler import Frames
from .bare_skin_mask import above_the_mouth, bare_share
from .filmed_points import filmed_points, usual_colour
from .light_fit import Shading, fit_shading
from .surroundings import look_around
from .tone import skin_tone

STEPS = 3


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
    progress(0, STEPS, "looking around from every point of the skin")
    around = look_around(fit, template)
    progress(1, STEPS, "reading the skin from the frames")
    filmed = filmed_points(frames, around.points)
    eyes = measure_eyes(capture, track)
    openness = around.visibility.openness.astype(np.float32)
    plain = around.points.plain(openness)
    usual = usual_colour(filmed, plain)
    tone = skin_tone(usual, eyes.sclera_filmed if eyes.seen else None)
    progress(2, STEPS, "estimating the room's light")

    def shaded(usable: FloatArray) -> Shading:
        known = capture.exposure_known
        return fit_shading(filmed, around, usable, tone, device, exposure_known=known)

    upper = above_the_mouth(around.points, template, fit.neutral_m)
    plain = plain * bare_share(filmed, shaded(plain * upper), plain, upper)
    shading = shaded(plain)
    log_shading = np.stack([around.points.smooth(view, openness) for view in shading.log_shading])
    progress(STEPS, STEPS, f"the light stands still with the {shading.moves_with}")
    return RoomLight(
        moves_with=shading.moves_with,
        unexplained=np.array(shading.unexplained),
        log_shading=log_shading.astype(np.float16),
        exposure_log=shading.exposure.astype(np.float32),
        common=_mean_light(log_shading, fit.frame_used),
        openness=openness,
        plain=plain.astype(np.float32),
        skin_linear=tone,
        skin_filmed=usual,
        iris_linear=eyes.iris,
        sclera_filmed=eyes.sclera_filmed,
        sclera_seen=eyes.seen,
    )


def _mean_light(log_shading: FloatArray, used: BoolArray) -> NDArray[np.float32]:
    """(n, 3) of the used of K views (K, n, 3), or of all where none is."""
    counted = log_shading[used] if used.any() else log_shading
    return np.log(np.exp(counted).mean(0)).astype(np.float32)
