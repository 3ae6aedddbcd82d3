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

from ..frame_sampling.eye_colors import read_eyes
from ..frame_sampling.frame_sampler import Frames
from .bare_skin_mask import bare_skin_mask, upper_face_mask
from .filmed_points import filmed_points, typical_colour
from .iris_colour import iris_albedo
from .light_fit import LightProblem, fit_shading
from .surroundings import trace_surroundings
from .tone import skin_tone

STEPS = 3  # that progress counts


def estimate_light(
    capture: Capture,
    track: FaceTrack,
    fit: HeadFit,
    template: HeadTemplate,
    device: torch.device,
    progress: Progress,
) -> RoomLight:
    """The light of every chosen frame, and the mean light to which all views can be brought."""
    progress(0, STEPS, "looking around from every point of the skin")
    surroundings = trace_surroundings(fit, template)
    progress(1, STEPS, "reading the skin from the frames")
    points = surroundings.points
    filmed = filmed_points(Frames.of(capture, track, fit, template), points)
    eyes = read_eyes(capture, track)
    openness = surroundings.visibility.openness.astype(np.float32)
    plain = points.plain(openness)
    typical = typical_colour(filmed, plain)
    tone = skin_tone(typical, eyes.sclera_linear if eyes.visible else None)
    progress(2, STEPS, "estimating the room's light")
    problem = LightProblem(filmed, surroundings, tone, device, capture.exposure_known)
    upper = upper_face_mask(points, template, fit.neutral_m)
    plain = plain * bare_skin_mask(filmed, fit_shading(problem, plain * upper), plain, upper)
    shading = fit_shading(problem, plain)
    log_shading = np.stack([points.smooth(view, openness) for view in shading.log_shading])
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
        skin_filmed=typical,
        iris_linear=iris_albedo(eyes.readings, tone),
        sclera_filmed=eyes.sclera_linear,
        sclera_visible=eyes.visible,
    )


def _mean_light(log_shading: FloatArray, used: BoolArray) -> NDArray[np.float32]:
    """(n, 3) of the used of K views (K, n, 3), or of all where none is."""
    counted = log_shading[used] if used.any() else log_shading
    return np.log(np.exp(counted).mean(0)).astype(np.float32)
