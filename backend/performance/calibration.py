"""Landmarks of N frames in, the clip's own neutral offset out, so that a relaxed face reads zero.

The detector has its own idea of where a landmark lies and the fitted head misses a person by a
millimetre or two; both would be taken for an expression that never goes away.
"""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, Camera, FloatArray

from .landmark_model import LandmarkModel, see

# Landmark pairs whose distance tells an expression, and the pair it is measured against.
EYE_LINE = (33, 263)
LIPS, MOUTH = (13, 14), (61, 291)
LIDS = ((159, 145), (386, 374))
BROWS = ((105, 159), (334, 386))
RELAXED_SHARE = 0.2
FEWEST_RELAXED = 8
OFFSET_SPREAD_M = 0.004  # a larger offset would be an expression held through the whole clip
WITNESSES = 4.0  # the frames agree because the detector does; they count as this many


def relaxed_frames(landmarks_px: FloatArray, yaw_deg: FloatArray) -> BoolArray:
    """(N, ≥468, 2) to the frames (N,) with lips closed and everything else as it usually is."""
    unit = _distance(landmarks_px, *EYE_LINE)
    mouth = _distance(landmarks_px, *MOUTH) / unit
    lips = _distance(landmarks_px, *LIPS) / _distance(landmarks_px, *MOUTH)
    lids = sum(_distance(landmarks_px, *pair) for pair in LIDS) / unit
    brows = sum(_distance(landmarks_px, *pair) for pair in BROWS) / unit
    tension = np.maximum(lips - np.percentile(lips, 10), 0.0) / 0.05
    for ratio in (mouth, lids, brows):
        tension += np.abs(ratio / np.median(ratio) - 1.0) / 0.1
    tension += np.abs(yaw_deg) / 20.0
    wanted = max(FEWEST_RELAXED, round(RELAXED_SHARE * len(tension)))
    return tension <= np.sort(tension)[min(wanted, len(tension)) - 1]


def neutral_offset(
    model: LandmarkModel,
    landmarks_px: FloatArray,
    weights: FloatArray,
    poses: FloatArray,
    camera: Camera,
) -> FloatArray:
    """Offset (L, 3) in metres that brings the model on to landmarks (N, L, 2) of relaxed frames."""
    sight = see(model, model.points_m(weights), poses, camera)
    scale = (1.0 / (model.noise_m * sight.px_per_m))[..., None]
    miss = (landmarks_px - sight.pixels) * scale
    moves = sight.by_head * scale[..., None]
    trust = sight.facing[..., None, None] * WITNESSES / len(poses)
    matrix = np.einsum("nlxc,nlxd->lcd", moves * trust, moves, optimize=True)
    right = np.einsum("nlxc,nlx->lc", moves * trust, miss, optimize=True)
    return np.linalg.solve(matrix + np.eye(3) / OFFSET_SPREAD_M**2, right[..., None])[..., 0]


def _distance(landmarks_px: FloatArray, first: int, second: int) -> FloatArray:
    return np.linalg.norm(landmarks_px[:, first] - landmarks_px[:, second], axis=-1)
