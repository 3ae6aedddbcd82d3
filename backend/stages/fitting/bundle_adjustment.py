"""Observations of one head in K frames to its pose, shape, expression and focal length.

One damped Gauss-Newton step at a time over everything at once; the points of dense tracks come in
already eliminated. Cauchy's loss by reweighting; expression weights and identity are kept in their
boxes by leaving out of a step what leans on its bound, which also keeps the solve small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from .head_model import SolverState, SurfacePoints, rotation_from_vector
from .track_term import POSE, TrackedPoints, TrackEquations

# Standard deviations that a shape parameter may leave the mean by: no person lies further out, and
# what would is a misread frame.
SHAPE_BOUND = 4.0
# Solves of one step, each holding the expression weights that the last one sent out of their box;
# a step that still leaves one outside is clipped.
BOX_PASSES = 4
# Limits of one step, since the model is linear only near by: a third of an e-fold (half an octave)
# of focal length and depth, half an expression's box, and shape parameters in standard deviations.
MAX_LOG_STEP, MAX_EXPRESSION_STEP, MAX_SHAPE_STEP = 0.3, 0.5, 1.5


@dataclass(frozen=True)
class Observation:
    """Where a frame shows N surface points.

    Without `normal`, both image coordinates count; with it, only the offset along it (an outline
    tells nothing along itself).
    """

    frame: int
    points: SurfacePoints
    target_px: FloatArray  # (N, 2)
    sigma_px: FloatArray  # (N,) standard deviation of an inlier
    cauchy: float | FloatArray  # (N,) residual, in sigmas, at which half the weight is lost
    normal: FloatArray | None = None  # (N, 2) unit, outward


@dataclass(frozen=True)
class Prior:
    """What is believed before looking; costs are half the squared deviations times precision."""

    focal_px: float
    focal_log_sd: float
    shape_precision: FloatArray  # (G, G)
    expression_precision: FloatArray  # (E,)
    expression_sparsity: float  # cost per unit of expression weight

    @property
    def focal_is_fixed(self) -> bool:
        """Whether the focal length is given and no unknown."""
        return self.focal_log_sd == 0.0


@dataclass(frozen=True)
class FreeParameters:
    """Which parts of the estimate a step may move."""

    focal: bool = True
    shape: bool = True
    expression: bool = True
    pose: bool = True


@dataclass(frozen=True)
class Linearisation:
    """Residuals of an observation in sigmas, robust weights, and the derivatives."""

    residual: FloatArray  # (N, R) R is 2 or 1
    weight: FloatArray  # (N,)
    by_local: FloatArray  # (N, R, 6 + E)
    by_point: FloatArray  # (N, R, 3) derivative by the point in the head frame
    by_focal: FloatArray  # (N, R) derivative by the logarithm

    @property
    def weighted_point(self) -> FloatArray:
        """(N, R, 3) the derivative by the point times the robust weight."""
        return self.weight[:, None, None] * self.by_point


def robust_cost(
    estimate: SolverState, observations: list[Observation], prior: Prior, center_px: FloatArray
) -> float:
    """Half the Cauchy cost of all observations plus the priors'. `center_px` (2,)."""
    total = 0.0
    for observation in observations:
        points = observation.points.at(estimate.shape, estimate.expression[observation.frame])
        error = estimate.project(observation.frame, points, center_px) - observation.target_px
        squared = (_residual(observation, error) ** 2).sum(axis=1)
        total += (0.5 * observation.cauchy**2 * np.log1p(squared / observation.cauchy**2)).sum()
    shape, expression = estimate.shape, estimate.expression
    total += 0.5 * shape @ prior.shape_precision @ shape
    total += 0.5 * (prior.expression_precision * expression**2).sum()
    total += prior.expression_sparsity * expression.sum()
    if not prior.focal_is_fixed:
        deviation = np.log(estimate.focal_px / prior.focal_px) / prior.focal_log_sd
        total += 0.5 * deviation**2
    return float(total)


@dataclass(frozen=True)
class Step:
    """A new estimate, and the tracked points moved along with it."""

    estimate: SolverState
    points: tuple[TrackedPoints, ...]


def step(
    estimate: SolverState,
    observations: list[Observation],
    prior: Prior,
    center_px: FloatArray,
    free_parameters: FreeParameters,
    damping: float,
    tracks: Sequence[tuple[TrackedPoints, TrackEquations]] = (),
) -> Step:
    """One damped Gauss-Newton step (Levenberg's `damping` relative to the diagonal).

    `center_px` (2,): principal point. Expression weights that would leave their box are set on its
    border and the rest is solved again, or the others would make up for movement that clipping
    takes away.
    """
    normal = _normal_equations(estimate, observations, prior, center_px)
    _add_tracks(normal, [equations for _, equations in tracks])
    normal.matrix[np.diag_indices_from(normal.matrix)] *= 1.0 + damping
    fixed = _fixed(normal, estimate, free_parameters, prior)
    found = np.zeros(len(fixed))
    expression = normal.expressions_of(estimate.expression)
    for _ in range(BOX_PASSES):
        free = ~fixed
        right = normal.right[free] - normal.matrix[np.ix_(free, fixed)] @ found[fixed]
        found[free] = solve(normal.matrix[np.ix_(free, free)], right, assume_a="pos")
        wanted = expression + found
        outside = free & normal.is_expression & ((wanted < 0.0) | (wanted > 1.0))
        if not outside.any():
            break
        fixed |= outside
        found[outside] = np.clip(wanted[outside], 0.0, 1.0) - expression[outside]
    return _apply_step(estimate, found, tracks)


def standard_deviation_of_focal(
    estimate: SolverState,
    observations: list[Observation],
    prior: Prior,
    center_px: FloatArray,
    tracks: Sequence[tuple[TrackedPoints, TrackEquations]],
) -> float:
    """Of its logarithm, everything else free: from the inverse of J'J at a solution.

    `center_px` (2,): principal point. As honest as the sigmas are; what the model leaves out is not
    in it.
    """
    normal = _normal_equations(estimate, observations, prior, center_px)
    _add_tracks(normal, [equations for _, equations in tracks])
    free = ~_fixed(normal, estimate, FreeParameters(), prior)
    place = int(free[: normal.focal].sum())
    matrix = normal.matrix[np.ix_(free, free)]
    column = solve(matrix, np.eye(1, len(matrix), place)[0], assume_a="pos")
    return float(np.sqrt(column[place]))


@dataclass(frozen=True)
class _NormalEquations:
    """J'J and -J'r of U = K (6 + E) + 1 + G unknowns: pose and expression of each frame, then log
    focal length, then shape."""

    matrix: FloatArray  # (U, U)
    right: FloatArray  # (U,)
    frames: int
    local: int  # 6 + E

    @property
    def focal(self) -> int:
        """Where the focal length is among the unknowns."""
        return self.frames * self.local

    @property
    def is_expression(self) -> BoolArray:
        """(U,) which of all unknowns are expression weights."""
        own = np.zeros((self.frames, self.local), bool)
        own[:, POSE:] = True
        return np.concatenate([own.ravel(), np.zeros(len(self.right) - self.focal, bool)])

    def own(self, frame: int) -> slice:
        """The unknowns of a frame."""
        return slice(frame * self.local, (frame + 1) * self.local)

    def expressions_of(self, expression: FloatArray) -> FloatArray:
        """(K, E) at their places among all unknowns, zero elsewhere."""
        every = np.zeros(len(self.right))
        every[self.is_expression] = expression.ravel()
        return every


def _normal_equations(
    estimate: SolverState, observations: list[Observation], prior: Prior, center_px: FloatArray
) -> _NormalEquations:
    """Of observations and priors."""
    frames, expressions = estimate.expression.shape
    size = frames * (POSE + expressions) + 1 + len(estimate.shape)
    normal = _NormalEquations(np.zeros((size, size)), np.zeros(size), frames, POSE + expressions)
    focal, shape, matrix = normal.focal, slice(normal.focal + 1, None), normal.matrix
    # Observations of the same points in many frames share one product with their wide basis.
    by_points: dict[int, tuple[SurfacePoints, FloatArray]] = {}
    for observation in observations:
        line = _linearise(estimate, observation, center_px)
        _add_observation(normal, observation, line)
        if observation.normal is not None:
            rows = (line.by_point @ observation.points.shape_basis)[:, 0]
            matrix[shape, shape] += (rows * line.weight[:, None]).T @ rows
            continue
        information = np.swapaxes(line.by_point, 1, 2) @ line.weighted_point
        if id(observation.points) in by_points:
            by_points[id(observation.points)][1][:] += information
        else:
            by_points[id(observation.points)] = (observation.points, information)
    for points, information in by_points.values():
        spread = (information @ points.shape_basis).reshape(-1, len(estimate.shape))
        basis = points.shape_basis.reshape(-1, len(estimate.shape))
        matrix[shape, shape] += basis.T @ spread
    matrix[focal:, :focal] = matrix[:focal, focal:].T
    matrix[shape, focal] = matrix[focal, shape]
    _add_priors(normal, estimate, prior)
    return normal


def _add_observation(
    normal: _NormalEquations, observation: Observation, line: Linearisation
) -> None:
    """Add all blocks on and above the diagonal but for shape by shape, in place."""
    own, focal, shape = normal.own(observation.frame), normal.focal, slice(normal.focal + 1, None)
    matrix, right = normal.matrix, normal.right
    basis = observation.points.shape_basis.reshape(-1, observation.points.shape_basis.shape[2])
    weighted = line.weight[:, None] * line.residual
    by_local = line.by_local.reshape(-1, normal.local)
    weighted_local = (line.weight[:, None, None] * line.by_local).reshape(-1, normal.local)
    matrix[own, own] += by_local.T @ weighted_local
    right[own] -= by_local.T @ weighted.ravel()
    by_local_points = np.swapaxes(line.by_local, 1, 2) @ line.weighted_point
    through_point = np.moveaxis(by_local_points, 1, 0).reshape(normal.local, -1)
    matrix[own, shape] += through_point @ basis
    matrix[own, focal] += weighted_local.T @ line.by_focal.ravel()
    pull = np.einsum("nr,nrc->nc", weighted, line.by_point).ravel()
    focal_pull = np.einsum("nr,nrc->nc", line.weight[:, None] * line.by_focal, line.by_point)
    right[shape] -= basis.T @ pull
    right[focal] -= (weighted * line.by_focal).sum()
    matrix[focal, focal] += (line.weight[:, None] * line.by_focal**2).sum()
    matrix[focal, shape] += focal_pull.ravel() @ basis


def _add_tracks(normal: _NormalEquations, tracks: Sequence[TrackEquations]) -> None:
    shape = slice(normal.focal + 1, None)
    for equations in tracks:
        at = equations.columns(normal.local, normal.focal)
        normal.matrix[np.ix_(at, at)] += equations.camera
        normal.matrix[at, shape] += equations.camera_shape
        normal.matrix[shape, at] += equations.camera_shape.T
        normal.matrix[shape, shape] += equations.shape
        normal.right[at] += equations.camera_right
        normal.right[shape] += equations.shape_right


def _linearise(
    estimate: SolverState, observation: Observation, center_px: FloatArray
) -> Linearisation:
    k = observation.frame
    points = observation.points.at(estimate.shape, estimate.expression[k])
    rotated = points @ estimate.rotation[k].T
    in_camera = rotated + estimate.translation_m[k]
    depth = in_camera[:, 2]
    image = estimate.focal_px * in_camera[:, :2] / depth[:, None]
    by_camera = np.zeros((len(points), 2, 3))
    by_camera[:, 0, 0] = by_camera[:, 1, 1] = estimate.focal_px / depth
    by_camera[:, :, 2] = -image / depth[:, None]
    by_focal = image
    error = image + center_px - observation.target_px
    residual = _residual(observation, error)
    if observation.normal is not None:
        by_camera = np.einsum("nr,nrc->nc", observation.normal, by_camera)[:, None]
        by_focal = (observation.normal * by_focal).sum(axis=1, keepdims=True)
    by_camera = by_camera / observation.sigma_px[:, None, None]
    by_point = by_camera @ estimate.rotation[k]
    # d(exp(w) R p) / dw = -[R p]x, so a row v of the camera derivative gives (R p) x v.
    by_rotation = np.cross(rotated[:, None, :], by_camera)
    by_expression = by_point @ observation.points.expression_basis
    squared = (residual**2).sum(axis=1)
    weight = 1.0 / (1.0 + squared / observation.cauchy**2)
    return Linearisation(
        residual,
        weight,
        np.concatenate([by_rotation, by_camera, by_expression], axis=2),
        by_point,
        by_focal / observation.sigma_px[:, None],
    )


def _residual(observation: Observation, error_px: FloatArray) -> FloatArray:
    """Residuals (N, R) in sigmas."""
    if observation.normal is None:
        return error_px / observation.sigma_px[:, None]
    return ((error_px * observation.normal).sum(axis=1) / observation.sigma_px)[:, None]


def _add_priors(normal: _NormalEquations, estimate: SolverState, prior: Prior) -> None:
    added, pull = np.zeros(len(normal.right)), np.zeros(len(normal.right))
    expressions, shape = normal.is_expression, slice(normal.focal + 1, None)
    weights = estimate.expression
    precision = np.broadcast_to(prior.expression_precision, weights.shape)
    added[expressions] = precision.ravel()
    pull[expressions] = (-precision * weights - prior.expression_sparsity).ravel()
    normal.matrix[shape, shape] += prior.shape_precision
    pull[shape] = -prior.shape_precision @ estimate.shape
    if not prior.focal_is_fixed:
        added[normal.focal] = prior.focal_log_sd**-2
        pull[normal.focal] = -added[normal.focal] * np.log(estimate.focal_px / prior.focal_px)
    normal.matrix[np.diag_indices_from(normal.matrix)] += added
    normal.right[:] += pull


def _fixed(
    normal: _NormalEquations, estimate: SolverState, free_parameters: FreeParameters, prior: Prior
) -> BoolArray:
    """(U,) unknowns that may not move, lean on their bound, or were not observed at all."""
    fixed = np.diagonal(normal.matrix) == 0.0
    local = fixed[: normal.focal].reshape(normal.frames, normal.local)
    pull = normal.right[: normal.focal].reshape(normal.frames, normal.local)[:, POSE:]
    weights = estimate.expression
    # A frame without observations has priors alone, which would undo its expression.
    local[:, POSE:] |= local[:, :1]
    local[:, :POSE] |= not free_parameters.pose
    local[:, POSE:] |= ((weights <= 0.0) & (pull < 0)) | ((weights >= 1.0) & (pull > 0))
    local[:, POSE:] |= not free_parameters.expression
    fixed[normal.focal] = prior.focal_is_fixed or not free_parameters.focal
    outward = normal.right[normal.focal + 1 :] * estimate.shape > 0
    at_bound = (np.abs(estimate.shape) >= SHAPE_BOUND) & outward
    fixed[normal.focal + 1 :] |= at_bound | (not free_parameters.shape)
    return fixed


def _apply_step(
    estimate: SolverState,
    found: FloatArray,
    tracks: Sequence[tuple[TrackedPoints, TrackEquations]],
) -> Step:
    frames, expressions = estimate.expression.shape
    focal = frames * (POSE + expressions)
    local = found[:focal].reshape(frames, -1)
    turns = np.array([rotation_from_vector(vector) for vector in local[:, :3]])
    translation = estimate.translation_m + local[:, 3:POSE]
    # Focal length and depth grow by the same factor: neither may outrun the other.
    depth = estimate.translation_m[:, 2]
    translation[:, 2] = depth * np.exp(np.clip(local[:, 5] / depth, -MAX_LOG_STEP, MAX_LOG_STEP))
    moved = replace(
        estimate,
        focal_px=estimate.focal_px
        * float(np.exp(np.clip(found[focal], -MAX_LOG_STEP, MAX_LOG_STEP))),
        rotation=turns @ estimate.rotation,
        translation_m=translation,
        shape=np.clip(
            estimate.shape + np.clip(found[focal + 1 :], -MAX_SHAPE_STEP, MAX_SHAPE_STEP),
            -SHAPE_BOUND,
            SHAPE_BOUND,
        ),
        expression=np.clip(
            estimate.expression
            + np.clip(local[:, POSE:], -MAX_EXPRESSION_STEP, MAX_EXPRESSION_STEP),
            0.0,
            1.0,
        ),
    )
    shape_step = moved.shape - estimate.shape
    points = (
        equations.moved(points, found[equations.columns(local.shape[1], focal)], shape_step)
        for points, equations in tracks
    )
    return Step(moved, tuple(points))
