"""A person filmed in a room whose light is known in; what shows of that light, cue by cue, out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import FloatArray

from ...detector.landmark_indices import CHEEK_REGIONS
from ...imaging.image_files import linear_from_srgb, read_image_8bit, unit_from_pixels
from ...stages.footage.face_tracker import FaceTracker
from ...stages.footage.survey import within_hulls
from ...stages.frame_sampling.eye_colors import read_eye
from ...stages.room_light.filmed_points import bright_half_median
from ...stages.room_light.tone import MIRRORED
from .room_pan import light_on_face, pan_over, read_room
from .smile_cases import NEUTRAL_VIEW, SMILE_VIEW, SmileCase
from .teeth import teeth_colour

# Part images hold 0 for the background, then materials in order.
TEETH_PART = 1 + MATERIALS.index("teeth")
# CIELAB of grown people's front teeth, mean and standard deviation: amid what clinics' instruments
# tell, which differ from each other more than people do.
TEETH_LAB, TEETH_LAB_SD = np.array([75.0, 1.0, 17.0]), np.array([5.0, 1.0, 4.0])


@dataclass(frozen=True)
class LightCues:
    """What a case shows of its light. All linear (3,); None: not seen."""

    case: SmileCase
    skin: FloatArray  # the cheeks, as filmed
    albedo: FloatArray  # theirs in truth
    sclera: FloatArray | None
    teeth: FloatArray | None
    pan: FloatArray  # white paper in the face's place, as a pan over the room tells it
    room: FloatArray  # the same, as the whole panorama tells it

    @property
    def light(self) -> FloatArray:
        """Linear (3,) of white, matte paper beside the cheeks, in truth."""
        return self.skin / (self.albedo + MIRRORED)


def measure_cues(case: SmileCase, folder: Path) -> LightCues:
    """Of the case's renders in `folder`. Raises StudioAvatarError where no face is found."""
    pictures = [read_image_8bit(folder / "frames" / f"frame_{k:06d}.png")[..., :3] for k in (0, 1)]
    frames = [_linear(picture) for picture in pictures]
    unlit = [
        _linear(read_image_8bit(folder / "unlit" / f"frame_{k:06d}.png")[..., :3]) for k in (0, 1)
    ]
    with FaceTracker(consecutive=False) as tracker:
        faces = [tracker.detect(picture) for picture in pictures]
    if any(len(found) == 0 for found in faces):
        raise StudioAvatarError(f"No face was found in {folder}.", "Look at its renders.")
    looking, smiling = faces[NEUTRAL_VIEW][0], faces[SMILE_VIEW][0]
    skin = bright_half_median(within_hulls(frames[NEUTRAL_VIEW], looking, CHEEK_REGIONS))
    eyes = [read_eye(frames[NEUTRAL_VIEW], looking, eye) for eye in range(2)]
    scleras = [np.log(np.maximum(eye.sclera, 1e-3)) for eye in eyes if eye is not None]
    teeth = teeth_colour(frames[SMILE_VIEW], smiling, skin)
    part = read_arrays(folder / "truth" / f"frame_{SMILE_VIEW:06d}.npz")["part"]
    rendered = unlit[SMILE_VIEW][part == TEETH_PART]
    if teeth is not None and len(rendered):
        teeth = teeth * _own_teeth(case.seed) / np.median(rendered, axis=0)
    strength = float(read_arrays(folder / "cameras.npz")["strength"])
    panorama, turn = read_room(case.room) * strength, np.radians(case.turn_deg)
    return LightCues(
        case,
        skin,
        np.median(within_hulls(unlit[NEUTRAL_VIEW], looking, CHEEK_REGIONS), axis=0),
        np.exp(np.mean(scleras, 0)) if scleras else None,
        teeth,
        light_on_face(pan_over(panorama), turn),
        light_on_face(panorama, turn),
    )


def _linear(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return linear_from_srgb(unit_from_pixels(picture))


def _own_teeth(seed: int) -> NDArray[np.float32]:
    """Linear albedo (3,) of somebody's front teeth."""
    return albedo_of_lab(np.random.default_rng(seed).normal(TEETH_LAB, TEETH_LAB_SD))


def albedo_of_lab(lab: FloatArray) -> NDArray[np.float32]:
    """Linear albedo (3,) of CIELAB (3,)."""
    srgb = cv2.cvtColor(lab.astype(np.float32)[None, None], cv2.COLOR_LAB2RGB)[0, 0]
    return linear_from_srgb(srgb)
