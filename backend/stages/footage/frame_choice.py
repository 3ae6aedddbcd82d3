"""A person's observations and views in, the frames worth fitting and unwrapping out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...detector.landmark_indices import (
    EYE_LINE,
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_LID_MIDDLE,
    LIP_MIDDLE,
    MOUTH_CORNERS,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_LID_MIDDLE,
)
from ...detector.landmark_table import MAX_YAW_STEP_DEG
from .head_view import HeadView
from .survey import FaceObservation

# Views show the less of the same skin the farther they are apart, by e over this angle; a sharper
# one nearby serves as well. Faces in profile have fewer edges, so all do not compare.
OVERLAP_DEG = 30.0
# How many: views closer together than the step add nothing new; a head that hardly turns gets the
# smallest number all the same, so that noise averages out.
MIN_STEP_DEG, MIN_FRAMES = 2.5, 12
# A frame whose reprojection error is this many times the median shows a misread face.
MAX_ERROR_RATIO = 2.5
# Below this share of the person's median eye opening it is a blink, which counts half.
BLINK_SHARE, BLINK_QUALITY = 0.6, 0.5
# A mouth open by this ratio, or of a width so far from its median, loses all of its quality; a
# tenth of that is at rest, and no more than the last share is taken away.
SPEECH_RATIO, SPEECH_REST, MAX_SPEECH_LOSS = 0.4, 0.1, 0.6
# Of each eye, and of the mouth: the pair whose distance says how open it is, and its corners.
EYES = (
    (RIGHT_LID_MIDDLE, (RIGHT_EYE_OUTER, RIGHT_EYE_INNER)),
    (LEFT_LID_MIDDLE, (LEFT_EYE_OUTER, LEFT_EYE_INNER)),
)
MOUTH = (LIP_MIDDLE, MOUTH_CORNERS)


def choose_frames(observations: Sequence[FaceObservation], view: HeadView, limit: int) -> IntArray:
    """Up to `limit` observations (K,), ascending: far apart in view, sharp, eyes open, mouth at
    rest.

    Farthest-point sampling (Gonzalez 1985) in yaw and pitch, distances scaled by quality.
    """
    quality = usability(observations, view)
    reliable = np.flatnonzero(_reliable(view))
    frontal = np.hypot(view.yaw_deg, view.pitch_deg - np.nanmedian(view.pitch_deg))
    first = reliable[np.argmax(quality[reliable] / (10.0 + frontal[reliable]))]
    chosen = [int(first)]
    distance = view.angle_deg(first, reliable)
    while len(chosen) < min(limit, len(reliable)):
        score = distance * quality[reliable] ** 2
        if score.max() < MIN_STEP_DEG:
            break
        best = int(reliable[score.argmax()])
        chosen.append(best)
        distance = np.minimum(distance, view.angle_deg(best, reliable))
    chosen += _add_frames(chosen, reliable, quality, min(limit, MIN_FRAMES))
    return np.sort(np.array(chosen))


def usability(observations: Sequence[FaceObservation], view: HeadView) -> FloatArray:
    """(N,) in [0, 1]: sharpness against sharper views nearby, lowered by blinks and speech."""
    sharpness = np.array([s.sharpness for s in observations])
    every = np.arange(len(observations))
    relative = np.ones(len(observations))
    for n in every:
        overlap = np.nan_to_num(np.exp(-view.angle_deg(n, every) / OVERLAP_DEG))
        relative[n] = sharpness[n] / max((sharpness * overlap).max(), sharpness[n], 1e-12)
    landmarks = np.stack([s.landmarks_px for s in observations])
    opening = np.mean([_ratio(landmarks, *eye) for eye in EYES], axis=0)
    blink = opening < BLINK_SHARE * np.median(opening)
    parted = _ratio(landmarks, *MOUTH)
    wide = _ratio(landmarks, MOUTH_CORNERS, EYE_LINE)
    speech = (parted - np.percentile(parted, 20)).clip(min=0.0) / SPEECH_RATIO
    speech += np.abs(wide / np.median(wide) - 1.0) / SPEECH_RATIO
    speech = np.clip(speech - SPEECH_REST, 0.0, MAX_SPEECH_LOSS)
    return relative * np.where(blink, BLINK_QUALITY, 1.0) * (1.0 - speech)


def _reliable(view: HeadView) -> BoolArray:
    """(N,) False where the detector was probably misled."""
    reliable = np.isfinite(view.yaw_deg) & (view.error < MAX_ERROR_RATIO * np.nanmedian(view.error))
    jumps = np.abs(np.diff(view.yaw_deg)) > MAX_YAW_STEP_DEG
    reliable[1:] &= ~jumps
    reliable[:-1] &= ~jumps
    return reliable if reliable.any() else np.isfinite(view.yaw_deg)


def _add_frames(
    chosen: list[int], reliable: IntArray, quality: FloatArray, wanted: int
) -> list[int]:
    """More frames, spread over the time, where views alone give too few."""
    added: list[int] = []
    while len(chosen) + len(added) < min(wanted, len(reliable)):
        taken = np.array(chosen + added)
        gap = np.abs(reliable[:, None] - taken).min(axis=1)
        added.append(int(reliable[np.argmax(gap * quality[reliable] ** 3)]))
    return added


def _ratio(landmarks: FloatArray, upright: tuple[int, int], level: tuple[int, int]) -> FloatArray:
    """Distance of one landmark pair relative to another's, (N,)."""
    high = np.linalg.norm(landmarks[:, upright[0]] - landmarks[:, upright[1]], axis=-1)
    wide = np.linalg.norm(landmarks[:, level[0]] - landmarks[:, level[1]], axis=-1)
    return high / np.maximum(wide, 1e-6)
