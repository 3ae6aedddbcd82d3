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

from .landmark_model import LandmarkModel, Sight, see

# The detector's errors are shared by neighbouring landmarks: ten of them count as one.
INDEPENDENT_SHARE = 0.1
# Upper and lower lid of both eyes, then the lips' inner edges: whether they touch is what one sees
# first, and their distance is known better than either's place.
OPENINGS = (
    (159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373),
    (13, 14), (82, 87), (312, 317),
)  # fmt: skip
LID_PAIRS = 6
OPENING_NOISE_M = 0.0006
GAP_SHARE = 0.3
SHUT_OPENING = 0.22
SPARSITY = 3.0
SHRINKAGE = 0.5
STEADINESS = 6.0  # of neighbouring frames at 30 frames a second
LID_STEADINESS = 0.3  # a blink lasts four to eight frames
HARDLY_SEEN = ("jawForward", "cheekPuff")  # movements along the line of sight
HARDLY_SEEN_SHRINKAGE = 8.0
ITERATIONS = 250
FRAMES_AT_ONCE = 256


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
    """What landmarks (N, L, 2) say about the solved shapes.

    `points_m` (N, L, 3): the face with none of them, only what is known already; `guess` (N, 52):
    the last solution, to tell outliers by.
    """
    parts = []
    for start in range(0, len(poses), FRAMES_AT_ONCE):
        some = slice(start, start + FRAMES_AT_ONCE)
        sight = see(model, points_m[some], poses[some], camera)
        parts.append(_equations(model, landmarks_px[some], sight, guess[some][:, model.solved]))
    return NormalEquations(
        np.concatenate([p.matrix for p in parts]), np.concatenate([p.right for p in parts])
    )


def _equations(
    model: LandmarkModel, landmarks_px: FloatArray, sight: Sight, guess: FloatArray
) -> NormalEquations:
    noise_px = sight.noise * sight.px_per_m
    deltas = model.deltas_m[model.solved].astype(np.float32)
    moves = np.einsum("nlxc,slc->nlxs", sight.by_head.astype("f4"), deltas, optimize=True)
    miss = (landmarks_px - sight.pixels).astype(np.float32)
    spread_px = (model.noise_m * noise_px)[..., None]
    left_over = (miss - np.einsum("nlxs,ns->nlx", moves, guess)) / spread_px
    # Cauchy loss at three sigma: less would take a fast movement for an outlier.
    robust = sight.facing / (1.0 + np.square(left_over / 3.0).sum(axis=-1))
    trust = INDEPENDENT_SHARE * robust[..., None] / spread_px**2
    places = _normal(moves, miss, trust)

    upper, lower = np.array(OPENINGS).T
    opening, shown = (v[:, upper] - v[:, lower] for v in (landmarks_px, sight.pixels))
    lids = np.arange(len(OPENINGS)) < LID_PAIRS
    opening = np.where(lids[:, None], _fully_closing(opening, shown), opening)
    facing = np.minimum(sight.facing[:, upper], sight.facing[:, lower])
    gaps = _normal(
        moves[:, upper] - moves[:, lower],
        opening - shown,
        GAP_SHARE * facing[..., None] / (OPENING_NOISE_M * noise_px)[..., None] ** 2,
    )
    return NormalEquations(places.matrix + gaps.matrix, places.right + gaps.right)


def _normal(moves: FloatArray, miss: FloatArray, trust: FloatArray) -> NormalEquations:
    """Moves (N, L, 2, S), misses (N, L, 2) and their trust (N, L, 1) to normal equations."""
    flat = moves.reshape(len(moves), -1, moves.shape[-1])
    turned = np.swapaxes((moves * trust[..., None].astype("f4")).reshape(flat.shape), 1, 2)
    right = turned @ miss.reshape(len(miss), -1, 1).astype("f4")
    return NormalEquations(turned @ flat, right[..., 0])


def _fully_closing(opening: FloatArray, relaxed: FloatArray) -> FloatArray:
    """Detected lid openings (N, G, 2) stretched so that shut eyes read zero.

    The detector leaves a fifth of the `relaxed` opening between shut lids.
    """
    lengths = np.linalg.norm(opening, axis=-1) / np.linalg.norm(relaxed, axis=-1).clip(min=1e-6)
    shut = SHUT_OPENING / lengths.clip(min=SHUT_OPENING)
    return opening * np.minimum((1.0 - shut) / (1.0 - SHUT_OPENING), 1.0)[..., None]


def solve_weights(
    equations: NormalEquations, model: LandmarkModel, interval_s: FloatArray
) -> FloatArray:
    """Weights (N, 52) in [0, 1]; `interval_s` (N - 1,) between neighbouring frames."""
    names = [name for name, solved in zip(SHAPE_NAMES, model.solved, strict=True) if solved]
    is_lid = np.array([name.startswith(("eyeBlink", "eyeWide")) for name in names])
    steadiness = np.where(is_lid, LID_STEADINESS, STEADINESS).astype(np.float32)
    shrinkage = np.where(np.isin(names, HARDLY_SEEN), HARDLY_SEEN_SHRINKAGE, SHRINKAGE)
    # Frames further apart in time know less of one another.
    coupling = (1.0 / 30.0 / np.maximum(interval_s, 1e-3)).clip(max=2.0)[:, None] * steadiness

    count = len(names)
    matrix = equations.matrix + np.diag(shrinkage).astype(np.float32)
    scale = 1.0 / np.sqrt(matrix[:, range(count), range(count)].mean(axis=0))
    matrix = matrix * scale[:, None] * scale
    right = (equations.right - SPARSITY) * scale
    coupling = (coupling * scale**2).astype(np.float32)
    upper = 1.0 / scale
    bound = np.linalg.norm(matrix, axis=(1, 2)) + 4.0 * coupling.max(initial=0.0)
    step = (1.0 / bound)[:, None]

    solution = np.zeros_like(right)
    ahead, momentum = solution, 1.0
    for _ in range(ITERATIONS):
        gradient = (matrix @ ahead[..., None])[..., 0] - right + _bending(ahead, coupling)
        moved = np.clip(ahead - step * gradient, 0.0, upper)
        if np.vdot(gradient, moved - solution) > 0.0:
            momentum = 1.0
        next_momentum = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + ((momentum - 1.0) / next_momentum) * (moved - solution)
        solution, momentum = moved, next_momentum
    weights = np.zeros((len(right), len(SHAPE_NAMES)))
    weights[:, model.solved] = solution * scale
    return weights


def _bending(values: FloatArray, coupling: FloatArray) -> FloatArray:
    """Gradient of the coupled squared differences between neighbours."""
    pull = np.diff(values, axis=0) * coupling
    gradient = np.zeros_like(values)
    gradient[:-1] -= pull
    gradient[1:] += pull
    return gradient
