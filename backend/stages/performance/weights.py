"""Landmark displacements of N frames in, shape weights out: box-constrained least squares.

All frames are one problem: data per frame, sparsity, and a temporal term that couples neighbours
in both directions, so that smoothing brings no lag. Accelerated projected gradient after Beck and
Teboulle (FISTA, 2009), with O'Donoghue and Candès' restart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.types import Camera, FloatArray

from ...detector.landmark_indices import LEFT_LID_PAIRS, LIP_PAIRS, RIGHT_LID_PAIRS
from .landmark_model import LandmarkModel, Projection, project

# The detector's errors are shared by neighbouring landmarks: twenty of them count as one.
INDEPENDENT_SHARE = 0.05
# Upper and lower lid of both eyes, then the lips' inner edges: whether they touch is what one sees
# first, and their distance is more precise than either's place.
OPENINGS = (*RIGHT_LID_PAIRS, *LEFT_LID_PAIRS, *LIP_PAIRS)
LID_PAIRS = len(RIGHT_LID_PAIRS) + len(LEFT_LID_PAIRS)
OPENING_NOISE_M = 0.0006
OPENING_SHARE = 0.3  # of an independent witness, as INDEPENDENT_SHARE is for places
SHUT_OPENING = 0.22  # of the relaxed opening: what the detector leaves between shut lids
OVERLAP = 0.15  # how far beyond touching a shut lid may be asked to go, of the relaxed opening
# What restrains the weights against the landmarks' squared deviations in sigmas: an L1 and an L2
# penalty, and one on the change between frames. More flattens small movements, less lets the
# detector's noise through and spreads one movement over many shapes.
SPARSITY = 4.0
SHRINKAGE = 5.0
STEADINESS = 6.0  # of neighbouring frames at 30 frames a second
LID_STEADINESS = 0.3  # a blink lasts four to eight frames
LIDS = ("eyeBlink", "eyeWide")
WEAKLY_OBSERVED = ("jawForward", "cheekPuff")  # movements along the line of sight
WEAKLY_OBSERVED_SHRINKAGE = 12.0
# Nobody does both at once, but together they can imitate a third shape.
ANTAGONISTS = (
    ("mouthLeft", "mouthRight"), ("jawLeft", "jawRight"),
    ("mouthSmileLeft", "mouthFrownLeft"), ("mouthSmileRight", "mouthFrownRight"),
    ("eyeBlinkLeft", "eyeWideLeft"), ("eyeBlinkRight", "eyeWideRight"),
)  # fmt: skip
ITERATIONS = 250  # of the projected gradient, which is restarted when it overshoots
FRAMES_AT_ONCE = 256  # bounds the memory of the jacobians


@dataclass(frozen=True)
class NormalEquations:
    """Per frame: minimise w·A·w / 2 - b·w over the S solved shapes."""

    matrix: FloatArray  # (N, S, S) float32
    right: FloatArray  # (N, S) float32


def displacement_equations(
    model: LandmarkModel,
    landmarks_px: FloatArray,
    points_m: FloatArray,
    guess: FloatArray,
    poses: FloatArray,
    camera: Camera,
) -> NormalEquations:
    """Normal equations of the solved shapes for landmarks (N, L, 2) in pixels.

    `points_m` (N, L, 3): the face with none of them, only what is solved already; `guess` (N, 52):
    the last solution, to recognise outliers by.
    """
    parts = []
    for start in range(0, len(poses), FRAMES_AT_ONCE):
        batch = slice(start, start + FRAMES_AT_ONCE)
        projection = project(model, points_m[batch], poses[batch], camera)
        parts.append(
            _equations(model, landmarks_px[batch], projection, guess[batch][:, model.solved])
        )
    return NormalEquations(
        np.concatenate([p.matrix for p in parts]), np.concatenate([p.right for p in parts])
    )


def _equations(
    model: LandmarkModel, landmarks_px: FloatArray, projection: Projection, guess: FloatArray
) -> NormalEquations:
    noise_px = projection.noise * projection.px_per_m
    deltas = model.deltas_m[model.solved].astype(np.float32)
    moves = np.einsum(
        "nlxc,slc->nlxs", projection.jacobian_head.astype("f4"), deltas, optimize=True
    )
    residual = (landmarks_px - projection.pixels).astype(np.float32)
    spread_px = (model.noise_m * noise_px)[..., None]
    unexplained = (residual - np.einsum("nlxs,ns->nlx", moves, guess)) / spread_px
    # Cauchy loss at three sigma: less would take a fast movement for an outlier.
    robust = projection.facing / (1.0 + np.square(unexplained / 3.0).sum(axis=-1))
    weight = INDEPENDENT_SHARE * robust[..., None] / spread_px**2
    places = _normal(moves, residual, weight)

    gaps = _opening_equations(landmarks_px, projection, moves)
    return NormalEquations(places.matrix + gaps.matrix, places.right + gaps.right)


def _opening_equations(
    landmarks_px: FloatArray, projection: Projection, moves: FloatArray
) -> NormalEquations:
    """How far lids and lips are apart, along the head's upright: sideways their edges slide."""
    upper, lower = np.array(OPENINGS).T
    upright = projection.jacobian_head[:, lower][..., 2]
    upright = upright / np.linalg.norm(upright, axis=-1, keepdims=True)
    opening, projected = (
        ((pixels[:, upper] - pixels[:, lower]) * upright).sum(axis=-1, keepdims=True)
        for pixels in (landmarks_px, projection.pixels)
    )
    opening[:, :LID_PAIRS] = _stretch_opening(opening[:, :LID_PAIRS], projected[:, :LID_PAIRS])
    widened = np.einsum(
        "ngxs,ngx->ngs", moves[:, upper] - moves[:, lower], upright.astype("f4"), optimize=True
    )
    facing = np.minimum(projection.facing[:, upper], projection.facing[:, lower])
    spread_px = OPENING_NOISE_M * projection.noise * projection.px_per_m
    weight = OPENING_SHARE * facing / spread_px**2
    return _normal(widened[:, :, None], opening - projected, weight[..., None])


def _normal(moves: FloatArray, residual: FloatArray, weight: FloatArray) -> NormalEquations:
    """Moves (N, L, 2, S), misses (N, L, 2) and their trust (N, L, 1) to normal equations."""
    flat = moves.reshape(len(moves), -1, moves.shape[-1])
    weighted = np.swapaxes((moves * weight[..., None].astype("f4")).reshape(flat.shape), 1, 2)
    right = weighted @ residual.reshape(len(residual), -1, 1).astype("f4")
    return NormalEquations(weighted @ flat, right[..., 0])


def _stretch_opening(opening: FloatArray, relaxed: FloatArray) -> FloatArray:
    """Lid openings as detected (N, G, 1) stretched so that shut eyes read zero.

    The detector leaves a fifth of the `relaxed` opening between shut lids.
    """
    floor = SHUT_OPENING * relaxed
    stretched = (opening - floor) / (1.0 - SHUT_OPENING)
    return np.where(opening < relaxed, np.maximum(stretched, -OVERLAP * relaxed), opening)


def solve_weights(
    equations: NormalEquations, model: LandmarkModel, interval_s: FloatArray
) -> FloatArray:
    """Weights (N, 52) in [0, 1]; `interval_s` (N - 1,) between neighbouring frames."""
    names = [name for name, solved in zip(SHAPE_NAMES, model.solved, strict=True) if solved]
    matrix = equations.matrix + _regularization(names)
    steadiness = [LID_STEADINESS if name.startswith(LIDS) else STEADINESS for name in names]
    # Frames further apart in time know less of one another.
    coupling = (1.0 / 30.0 / np.maximum(interval_s, 1e-3)).clip(max=2.0)[:, None] * steadiness

    # In units in which every shape matters alike, so that one step length suits all.
    scale = 1.0 / np.sqrt(np.diagonal(matrix, axis1=1, axis2=2).mean(axis=0))
    solution = _projected_gradient(
        matrix * scale[:, None] * scale,
        (equations.right - SPARSITY) * scale,
        (coupling * scale**2).astype(np.float32),
        1.0 / scale,
    )
    weights = np.zeros((len(solution), len(SHAPE_NAMES)))
    weights[:, model.solved] = solution * scale
    return weights


def _regularization(names: list[str]) -> FloatArray:
    """(S, S) what holds shapes back that the landmarks hardly decide."""
    regularization = np.diag(
        [WEAKLY_OBSERVED_SHRINKAGE if name in WEAKLY_OBSERVED else SHRINKAGE for name in names]
    )
    for first, second in ANTAGONISTS:
        if first in names and second in names:
            i, j = names.index(first), names.index(second)
            regularization[i, j] = regularization[j, i] = SHRINKAGE
    return regularization.astype(np.float32)


def _projected_gradient(
    matrix: FloatArray, right: FloatArray, coupling: FloatArray, upper: FloatArray
) -> FloatArray:
    """(N, S) in [0, upper] that minimises x·A·x / 2 - b·x and the coupled squared differences."""
    bound = np.linalg.norm(matrix, axis=(1, 2)) + 4.0 * coupling.max(initial=0.0)
    step = (1.0 / bound)[:, None]
    solution = np.zeros_like(right)
    ahead, momentum = solution, 1.0
    for _ in range(ITERATIONS):
        gradient = (
            (matrix @ ahead[..., None])[..., 0] - right + _smoothness_gradient(ahead, coupling)
        )
        moved = np.clip(ahead - step * gradient, 0.0, upper)
        if np.vdot(gradient, moved - solution) > 0.0:
            momentum = 1.0
        next_momentum = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + ((momentum - 1.0) / next_momentum) * (moved - solution)
        solution, momentum = moved, next_momentum
    return solution


def _smoothness_gradient(values: FloatArray, coupling: FloatArray) -> FloatArray:
    """Gradient of the coupled squared differences between neighbours."""
    pull = np.diff(values, axis=0) * coupling
    gradient = np.zeros_like(values)
    gradient[:-1] -= pull
    gradient[1:] += pull
    return gradient
