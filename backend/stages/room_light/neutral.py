"""A spot of the capture that the artist knows to be neutral in; the skin's tone by it out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.studio_choices import ChoiceError, NeutralSpot
from studio_avatar_addon.avatar.types import Capture, RoomLight

from ...imaging.image_files import load_frame_linear
from .tone import NeutralCue, skin_tone

SPOT_PX = 7  # side of the square that is averaged: over noise and compression, inside small cards
DARKEST, CLIPPED = 0.02, 0.90  # linear; darker is noise, brighter may have been brighter still


def tone_from_neutral(light: RoomLight, capture: Capture, spot: NeutralSpot) -> NDArray[np.float32]:
    """Linear albedo (3,) of the skin, by the light that the spot shows.

    Raises as `measure_neutral`.
    """
    k = capture.frame_index.tolist().index(spot.frame)
    filmed = measure_neutral(capture, spot) * np.exp(-light.exposure_log[k])
    sclera = light.sclera_filmed if light.sclera_visible else None
    return skin_tone(light.skin_filmed, sclera, NeutralCue(filmed, spot.reflectance))


def measure_neutral(capture: Capture, spot: NeutralSpot) -> NDArray[np.float32]:
    """Linear colour (3,) of the spot, evened by its frame's gain.

    Raises ChoiceError where the frame is none of the chosen ones, or the spot lies outside, in the
    dark or is clipped.
    """
    frames = capture.frame_index.tolist()
    if spot.frame not in frames:
        raise ChoiceError(
            f"Frame {spot.frame} is not among the chosen ones.",
            f"Pick the neutral spot in one of {', '.join(map(str, frames))}.",
        )
    k = frames.index(spot.frame)
    width, height = capture.size_px
    if not (0.0 <= spot.x_px < width and 0.0 <= spot.y_px < height):
        raise ChoiceError(
            "The neutral spot lies outside the picture.",
            f"The picture is {width} x {height} pixels.",
        )
    filmed = load_frame_linear(capture, k) / capture.frame_gain[k]
    patch = cv2.getRectSubPix(
        filmed.astype(np.float32), (SPOT_PX, SPOT_PX), (spot.x_px - 0.5, spot.y_px - 0.5)
    )
    colour = np.median(patch.reshape(-1, 3), axis=0)
    if colour.max() >= CLIPPED or colour.min() <= DARKEST:
        state = "too bright" if colour.max() >= CLIPPED else "too dark"
        raise ChoiceError(
            f"The neutral spot is {state} to tell the light's colour.",
            "Pick one that is neither burnt out nor in the dark.",
        )
    return (colour * capture.frame_gain[k]).astype(np.float32)
