"""A person's sightings and views in, the frames worth fitting and unwrapping out."""

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
from .head_view import HeadView
from .survey import FaceObservation

# Views show the less of the same skin the farther they are apart, by e over this angle; a sharper
# one nearby serves as well. Faces seen from the side have fewer edges, so all do not compare.
ALIKE_DEG = 30.0
STEP_DEG = 2.5  # more views than this spacing asks for add nothing
FEWEST_FRAMES = 12  # even of a head that hardly turns: noise averages out
JUMP_DEG = 16.0  # between neighbouring frames no head turns this far; the detector was misled
WORST_ERROR = 2.5  # times the median
BLINK_SHARE = 0.6  # of the person's usual eye opening
# Of each eye, and of the mouth: the pair whose distance tells how open it is, and its corners.
EYES = (
    (RIGHT_LID_MIDDLE, (RIGHT_EYE_OUTER, RIGHT_EYE_INNER)),
    (LEFT_LID_MIDDLE, (LEFT_EYE_OUTER, LEFT_EYE_INNER)),
)
MOUTH = (LIP_MIDDLE, MOUTH_CORNERS)


def choose_frames(observations: Sequence[FaceObservation], view: HeadView, limit: int) -> IntArray:
    """Up to `limit` sightings (K,), ascending: far apart in view, sharp, eyes open, mouth at rest.

    Farthest-point order in yaw and pitch, distances scaled by how usable a frame is.
    """
    usable = usability(observations, view)
    trusted = np.flatnonzero(_trusted(view))
    frontal = np.hypot(view.yaw_deg, view.pitch_deg - np.nanmedian(view.pitch_deg))
    first = trusted[np.argmax(usable[trusted] / (10.0 + frontal[trusted]))]
    chosen = [int(first)]
    distance = view.angle_deg(first, trusted)
    while len(chosen) < min(limit, len(trusted)):
        score = distance * usable[trusted] ** 2
        if score.max() < STEP_DEG:
            break
        best = int(trusted[score.argmax()])
        chosen.append(best)
        distance = np.minimum(distance, view.angle_deg(best, trusted))
    chosen += _fill(chosen, trusted, usable, min(limit, FEWEST_FRAMES))
    return np.sort(np.array(chosen))


def usability(observations: Sequence[FaceObservation], view: HeadView) -> FloatArray:
    """(N,) in [0, 1]: sharpness against sharper views nearby, lowered by blinks and speech."""
    sharpness = np.array([s.sharpness for s in observations])
    every = np.arange(len(observations))
    relative = np.ones(len(observations))
    for n in every:
        alike = np.nan_to_num(np.exp(-view.angle_deg(n, every) / ALIKE_DEG))
        relative[n] = sharpness[n] / max((sharpness * alike).max(), sharpness[n], 1e-12)
    landmarks = np.stack([s.landmarks_px for s in observations])
    opening = np.mean([_ratio(landmarks, *eye) for eye in EYES], axis=0)
    blink = opening < BLINK_SHARE * np.median(opening)
    parted = _ratio(landmarks, *MOUTH)
    wide = _ratio(landmarks, MOUTH_CORNERS, EYE_LINE)
    speech = (parted - np.percentile(parted, 20)).clip(min=0.0) / 0.4
    speech += np.abs(wide / np.median(wide) - 1.0) / 0.4
    speech = np.clip(speech - 0.1, 0.0, 0.6)
    return relative * np.where(blink, 0.5, 1.0) * (1.0 - speech)


def _trusted(view: HeadView) -> BoolArray:
    """(N,) False where the detector was probably misled."""
    trusted = np.isfinite(view.yaw_deg) & (view.error < WORST_ERROR * np.nanmedian(view.error))
    jumps = np.abs(np.diff(view.yaw_deg)) > JUMP_DEG
    trusted[1:] &= ~jumps
    trusted[:-1] &= ~jumps
    return trusted if trusted.any() else np.isfinite(view.yaw_deg)


def _fill(chosen: list[int], trusted: IntArray, usable: FloatArray, wanted: int) -> list[int]:
    """More frames, spread over the time, where views alone give too few."""
    added: list[int] = []
    while len(chosen) + len(added) < min(wanted, len(trusted)):
        taken = np.array(chosen + added)
        gap = np.abs(trusted[:, None] - taken).min(axis=1)
        added.append(int(trusted[np.argmax(gap * usable[trusted] ** 3)]))
    return added


def _ratio(landmarks: FloatArray, upright: tuple[int, int], level: tuple[int, int]) -> FloatArray:
    """Distance of one landmark pair relative to another's, (N,)."""
    high = np.linalg.norm(landmarks[:, upright[0]] - landmarks[:, upright[1]], axis=-1)
    wide = np.linalg.norm(landmarks[:, level[0]] - landmarks[:, level[1]], axis=-1)
    return high / np.maximum(wide, 1e-6)
