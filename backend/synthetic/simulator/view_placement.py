"""A generator in; how phones go round heads, or heads turn before phones, out."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, radians

import torch

from .batch_noise import normal, uniform
from .environments import Environments

# Each simulated view stands for the frames of a clip next to it: a capture has some two dozen.
FRAMES_PER_VIEW = 3
# How far filmings go to either side, and from above and below.
YAW_RANGE_RAD, PITCH_RANGE_RAD = (radians(12.0), radians(60.0)), (0.0, radians(35.0))
DISTANCES_M = (0.25, 0.40, 0.95)
AIM_POINT_M = (0.0, -0.08, 0.0)  # what the phone is aimed at
EXPOSURE_SD, BALANCE_SD = 0.07, 0.015  # log light, from view to view
MAX_SHARPNESS, MIN_SHARPNESS = 1.0, 0.75  # as a clip's sharpness tells it
# Of real clips' textures the finest octave at 512 texels is mostly gone.
BLUR_REFERENCE_TEXELS, MAX_BLUR_OCTAVES = 512, 3.5
SLIDE_SD_TEXELS, MAX_SLIDE_TEXELS = 0.7, 2.0
SLIDE_CELLS = 6
FACING_LIGHT_SHARE, LIGHT_OFFSET_SD_RAD = 0.75, radians(50.0)


@dataclass(frozen=True, eq=False)
class ViewPlacement:
    """B clips of V views."""

    cameras_m: torch.Tensor  # (B, V, 3) in the head frame
    environment_from_head: torch.Tensor  # (B, V, 3, 3) environment from head
    light_follows_camera: (
        torch.Tensor
    )  # (B,) bool: the light stands still with the camera, not the head
    gain_log: torch.Tensor  # (B, V, 3) exposure and white balance by which views differ
    sharpness: torch.Tensor  # (B, V) in (0, 1]
    blur: torch.Tensor  # (B,) octaves of detail that the whole clip lacks at BLURRED_TEXELS
    slide_texels: torch.Tensor  # (B, V, 2, cells, cells) smooth misregistration, x and y


def draw_view_placements(
    generator: torch.Generator, views: int, environments: Environments
) -> ViewPlacement:
    """One clip in each of the environments."""
    count = len(environments)
    yaw_pitch = _draw_directions(generator, count, views)
    yaw, pitch = yaw_pitch.unbind(2)
    towards = torch.stack([yaw.sin() * pitch.cos(), -yaw.cos() * pitch.cos(), pitch.sin()], 2)
    device = generator.device
    distance = torch.tensor(DISTANCES_M, device=device)[
        torch.randint(len(DISTANCES_M), (count, 1), generator=generator, device=device)
    ]
    distance = distance * uniform(generator, (count, views), 0.9, 1.1)
    light_follows_camera = environments.with_camera | (uniform(generator, (count,), 0.0, 1.0) < 0.5)
    azimuth = _draw_azimuths(generator, environments)[:, None]
    room = _axis_rotation(2, azimuth).expand(-1, views, -1, -1)
    # The turn that shows a still camera the head as from this direction.
    turned = room @ _axis_rotation(0, pitch) @ _axis_rotation(2, -yaw)
    return ViewPlacement(
        cameras_m=torch.tensor(AIM_POINT_M, device=device) + distance[..., None] * towards,
        environment_from_head=torch.where(light_follows_camera[:, None, None, None], turned, room),
        light_follows_camera=light_follows_camera,
        gain_log=EXPOSURE_SD * normal(generator, (count, views, 1))
        + BALANCE_SD * normal(generator, (count, views, 3)),
        sharpness=uniform(generator, (count, views), MIN_SHARPNESS, MAX_SHARPNESS),
        blur=uniform(generator, (count,), 0.0, MAX_BLUR_OCTAVES),
        slide_texels=_draw_slides(generator, count, views),
    )


def _draw_azimuths(generator: torch.Generator, environments: Environments) -> torch.Tensor:
    """(B,) how environments are turned; most people face the light when they film themselves.

    A ring light stays where the camera is.
    """
    count = len(environments)
    any_azimuth = uniform(generator, (count,), -pi, pi)
    facing = (
        environments.main_azimuth_rad + pi / 2.0 + LIGHT_OFFSET_SD_RAD * normal(generator, (count,))
    )
    chosen = torch.where(
        uniform(generator, (count,), 0.0, 1.0) < FACING_LIGHT_SHARE, facing, any_azimuth
    )
    return torch.where(environments.with_camera, torch.zeros_like(chosen), chosen)


def _draw_directions(generator: torch.Generator, count: int, views: int) -> torch.Tensor:
    """(B, V, 2) yaw and pitch from where the face is seen: a sweep, then from above and below."""
    reach = uniform(generator, (count, 1), *YAW_RANGE_RAD)
    lift = uniform(generator, (count, 1), *PITCH_RANGE_RAD)
    tilted_views = max(views // 4, 1)  # views from above and below
    sweep = torch.linspace(-1.0, 1.0, views - tilted_views, device=generator.device)
    tilt_sweep = torch.linspace(-1.0, 1.0, tilted_views + 1, device=generator.device)[1:]
    tilt_sweep = torch.where(tilt_sweep == 0.0, -1.0, tilt_sweep)
    yaw = torch.cat([sweep, torch.zeros_like(tilt_sweep)]) * reach
    pitch = torch.cat([torch.zeros_like(sweep), tilt_sweep]) * lift
    jittered = torch.stack([yaw, pitch], 2) + radians(4.0) * normal(generator, (count, views, 2))
    # Nobody films exactly from the front.
    return jittered + radians(5.0) * normal(generator, (count, 1, 2))


def _draw_slides(generator: torch.Generator, count: int, views: int) -> torch.Tensor:
    """Good fits leave next to nothing, bad ones up to two texels."""
    badness = SLIDE_SD_TEXELS * torch.exp(0.5 * normal(generator, (count, 1, 1, 1, 1)) + log(0.7))
    slide = badness * normal(generator, (count, views, 2, SLIDE_CELLS, SLIDE_CELLS))
    return slide.clamp(-MAX_SLIDE_TEXELS, MAX_SLIDE_TEXELS)


def _axis_rotation(axis: int, angle_rad: torch.Tensor) -> torch.Tensor:
    """Rotations (..., 3, 3) about a coordinate axis."""
    cosine, sine, none = angle_rad.cos(), angle_rad.sin(), torch.zeros_like(angle_rad)
    rows = {
        0: (none + 1.0, none, none, none, cosine, -sine, none, sine, cosine),
        2: (cosine, -sine, none, sine, cosine, none, none, none, none + 1.0),
    }
    return torch.stack(rows[axis], -1).unflatten(-1, (3, 3))
