"""Landmarks of N frames in, the clip's own neutral offset out, so that a relaxed face reads zero.

The detector has its own idea of where a landmark lies, which changes as the head turns, and the
fitted head misses a person by a millimetre or two. Both would be taken for an expression.
"""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.frames import head_turn_rad
from studio_avatar_addon.avatar.types import BoolArray, Camera, FloatArray

from ...detector.landmark_indices import (
    EYE_LINE,
    LEFT_BROW_MIDDLE,
    LEFT_LID_MIDDLE,
    LIP_MIDDLE,
    MOUTH_CORNERS,
    RIGHT_BROW_MIDDLE,
    RIGHT_LID_MIDDLE,
)
from .landmark_model import LandmarkModel, project

# Landmark pairs whose distance shows an expression, against that of the eyes' outer corners.
LIDS = (RIGHT_LID_MIDDLE, LEFT_LID_MIDDLE)
BROWS = ((RIGHT_BROW_MIDDLE, RIGHT_LID_MIDDLE[0]), (LEFT_BROW_MIDDLE, LEFT_LID_MIDDLE[0]))
SECTOR_RAD = np.radians(12.0)  # views alike enough to compare distances in
RELAXED_SHARE, MIN_RELAXED = 0.3, 4  # of each sector's frames
# What counts as much as one another: lips parted by .03 of the distance between the eyes' outer
# corners, and a ratio changed by a tenth. A mouth further than that from rest speaks or smiles.
LIPS_UNIT, RATIO_UNIT, SPEAKING = 0.03, 0.1, 0.6
OFFSET_SPREAD_M = 0.004  # a larger one would be an expression held through the whole clip
DRIFT_SPREAD_M = 0.002  # of what comes on top of it at 30 degrees of turn
TURN_UNIT_RAD = np.radians(30.0)
EFFECTIVE_FRAMES = (
    6.0  # the frames agree because the detector does; all together count as this many
)


def relaxed_frames(landmarks_px: FloatArray, poses: FloatArray) -> BoolArray:
    """Landmarks (N, 468 or more, 2) in pixels and poses (N, 4, 4) to (N,): True where the mouth is
    at rest and the rest as it typically is in that view.

    The mouth is compared over the whole clip: somebody who smiles whenever the head is turned is
    not relaxed there. Lids and brows look different from below and above, so they are compared
    among similar views.
    """
    unit = _distance(landmarks_px, *EYE_LINE)
    lips = _distance(landmarks_px, *LIP_MIDDLE) / unit
    mouth = _distance(landmarks_px, *MOUTH_CORNERS) / unit
    parted = (lips - np.percentile(lips, 10)).clip(min=0.0) / LIPS_UNIT
    typical = np.median(mouth[parted <= np.percentile(parted, 30)])
    tension = parted + np.abs(mouth / typical - 1.0) / RATIO_UNIT
    speaking = tension > max(SPEAKING, np.percentile(tension, 10))
    upper = [
        sum(_distance(landmarks_px, *pair) for pair in pairs) / unit for pairs in (LIDS, BROWS)
    ]
    sectors = np.round(head_turn_rad(poses) / SECTOR_RAD).astype(int)
    relaxed = np.zeros(len(poses), bool)
    for sector in np.unique(sectors, axis=0):
        here = np.flatnonzero((sectors == sector).all(axis=1))
        strain = tension[here]
        for ratio in upper:
            strain = strain + np.abs(ratio[here] / np.median(ratio[here]) - 1.0) / RATIO_UNIT
        count = max(MIN_RELAXED, round(RELAXED_SHARE * len(here)))
        relaxed[here[np.argsort(strain)[:count]]] = True
    return relaxed & ~speaking


def neutral_offset(
    model: LandmarkModel,
    landmarks_px: FloatArray,
    weights: FloatArray,
    poses: FloatArray,
    relaxed: BoolArray,
    camera: Camera,
) -> FloatArray:
    """Offsets (N, L, 3) in metres that bring the model on to landmarks (N, L, 2).

    Per landmark a constant and a quadratic function of yaw and pitch, learned from the relaxed
    frames; ridge regression.
    """
    basis = _turn_basis(poses)
    shown = basis[relaxed]
    projection = project(
        model, model.points_m(weights[relaxed], np.zeros(3)), poses[relaxed], camera
    )
    scale = (1.0 / (model.noise_m * projection.noise * projection.px_per_m))[..., None]
    residual = (landmarks_px[relaxed] - projection.pixels) * scale
    moves = np.einsum("nlxc,nb->nlxcb", projection.jacobian_head * scale[..., None], shown)
    unknowns = 3 * basis.shape[1]
    rows = np.moveaxis(moves, 1, 0).reshape(len(model.noise_m), -1, unknowns)
    robust = projection.facing / (1.0 + np.square(residual / 4.0).sum(axis=-1))
    weight = np.repeat(robust.T, 2, axis=1)[..., None] * (EFFECTIVE_FRAMES / len(shown))
    weighted = np.swapaxes(rows * weight, 1, 2)
    spread = np.full((3, basis.shape[1]), DRIFT_SPREAD_M)
    spread[:, 0] = OFFSET_SPREAD_M
    ridge = np.diag(1.0 / spread.ravel() ** 2)
    target = np.moveaxis(residual, 1, 0).reshape(len(model.noise_m), -1, 1)
    solved = np.linalg.solve(weighted @ rows + ridge, weighted @ target)
    return np.einsum("lcb,nb->nlc", solved.reshape(-1, 3, basis.shape[1]), basis)


def _turn_basis(poses: FloatArray) -> FloatArray:
    """(N, 6): 1, yaw, pitch and their products."""
    yaw, pitch = head_turn_rad(poses).T / TURN_UNIT_RAD
    return np.stack([np.ones_like(yaw), yaw, pitch, yaw**2, yaw * pitch, pitch**2], axis=1)


def _distance(landmarks_px: FloatArray, first: int, second: int) -> FloatArray:
    return np.linalg.norm(landmarks_px[:, first] - landmarks_px[:, second], axis=-1)
