"""A finished avatar in; how far its pictures are from the person in the frames, rung by rung, out.

Every rung takes away one more thing that was filmed, so that a loss has a place. All distances are
medians between dlib's descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.frames import head_turn_rad

from ...imaging.image_files import Image8, pixels_8bit, read_image_8bit
from ...stages.frame_sampling.posed_head import PosedHead, pose_head
from .face_descriptor import FaceDescriber, distances
from .portraits import (
    BACKDROP_SRGB,
    FRONT,
    SPLIT_LEFT,
    SPLIT_RIGHT,
    draw_unlit,
    portrait_camera,
    posed_portrait,
)
from .subjects import Subject

# Of the head against the line to the camera: a face seen from farther round is described otherwise.
NEAR_FRONTAL_DEG, ENOUGH_FRAMES = 20.0, 4
LIT = {"soft box": FRONT, "split left": SPLIT_LEFT, "split right": SPLIT_RIGHT}
RUNGS = ("frames", "cut out", "phone", "detail", "front, unlit", *LIT)


@dataclass(frozen=True)
class Ladder:
    """Median distance by rung, NaN where a rung was not measured; `frontal`: how many frames the
    pictures from the front were compared with."""

    distance: Mapping[str, float]
    frontal: int


def climb(subject: Subject, lit: Mapping[str, Image8], describer: FaceDescriber) -> Ladder:
    """`lit`: the pictures of `portraits.PICTURES` by name."""
    fit, template = subject.fit, subject.template
    used = np.flatnonzero(fit.frame_used & np.isfinite(subject.track.frame_landmarks_px[:, 0, 0]))
    frames, own = [], {"cut out": [], "phone": [], "detail": []}
    for k in map(int, used):
        frame = read_image_8bit(subject.capture.frame_paths[k])
        filmed = describer.describe(frame, subject.track.frame_landmarks_px[k])
        frames.append(filmed)
        posed = pose_head(fit, k, template)
        landmarks = fit.camera.project(template.landmarks_m(posed.vertices_camera))
        for rung, picture in _in_own_view(subject, posed, frame).items():
            at = subject.track.frame_landmarks_px[k] if rung == "cut out" else landmarks
            own[rung].append(np.linalg.norm(describer.describe(picture, at) - filmed))
    frames = np.array(frames)
    frontal = frames[near_frontal(subject, used)]
    distance = {
        "frames": float(np.median(distances(frames, frames)[np.triu_indices(len(frames), 1)])),
        **{rung: float(np.median(values)) for rung, values in own.items()},
    }
    posed = posed_portrait(fit, template)
    landmarks = portrait_camera().project(template.landmarks_m(posed.vertices_camera))
    pictures = {"front, unlit": draw_unlit(posed, template, subject.detail.base_color_srgb)}
    pictures |= {rung: lit[name] for rung, name in LIT.items()}
    for rung, picture in pictures.items():
        described = describer.describe(picture, landmarks)
        distance[rung] = float(np.median(distances(described[None], frontal)))
    return Ladder(distance, len(frontal))


def near_frontal(subject: Subject, used: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places in `used` (n,) of frames that show the face from the front; of all, if too few do."""
    turn_deg = np.degrees(np.abs(head_turn_rad(subject.fit.camera_from_head[used])))
    frontal = np.flatnonzero(turn_deg.max(axis=1) < NEAR_FRONTAL_DEG)
    return frontal if len(frontal) >= ENOUGH_FRAMES else np.arange(len(used))


def _in_own_view(subject: Subject, posed: PosedHead, frame: Image8) -> dict[str, Image8]:
    """What the frame (H, W, 3) shows of the head, and both textures there, on one backdrop."""
    cut = np.where(posed.raster.covered[..., None], frame, pixels_8bit(np.array(BACKDROP_SRGB)))
    return {
        "cut out": np.ascontiguousarray(cut, np.uint8),
        "phone": draw_unlit(posed, subject.template, subject.phone.base_color_srgb),
        "detail": draw_unlit(posed, subject.template, subject.detail.base_color_srgb),
    }
