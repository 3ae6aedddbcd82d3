"""Observations of one head in K frames to its pose, shape, expression and focal length.

One damped Gauss-Newton step at a time over everything at once. What belongs to a frame (pose,
expression) is eliminated first (the Schur complement), so a step costs one small solve per frame
and one over shape and focal length. Cauchy's loss by reweighting; expression weights and identity
are kept in their boxes by leaving out of a step what leans on its bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from .model import Estimate, SurfacePoints, rotation_from_vector

POSE = 6
SHAPE_BOUND = 4.0
BOX_PASSES = 4


@dataclass(frozen=True)
class Sighting:
    """Where a frame shows N surface points.

    Without `normal`, both image coordinates count; with it, only the offset along it (an outline
    tells nothing along itself).
    """

    frame: int
    points: SurfacePoints
    target_px: FloatArray  # (N, 2)
    sigma_px: FloatArray  # (N,) standard deviation of an inlier
    cauchy: float  # residual, in sigmas, at which a sighting has lost half its weight
    normal: FloatArray | None = None  # (N, 2) unit, outward


@dataclass(frozen=True)
class Prior:
    """What is believed before looking; costs are squared deviations over these."""

    focal_px: float
    focal_log_sd: float
    shape_precision: FloatArray  # (G,)
    expression_precision: FloatArray  # (E,)
    expression_sparsity: float  # cost per unit of expression weight

    @property
    def focal_fixed(self) -> bool:
        return self.focal_log_sd == 0.0


@dataclass(frozen=True)
class Freedom:
    """Which parts of the estimate a step may move."""

    focal: bool = True
    shape: bool = True
    expression: bool = True
    pose: bool = True


@dataclass(frozen=True)
class Linearised:
    """Residuals of a sighting in sigmas, robust weights, and the derivatives."""

    residual: FloatArray  # (N, R) R is 2 or 1
    weight: FloatArray  # (N,)
    by_local: FloatArray  # (N, R, 6 + E)
    by_point: FloatArray  # (N, R, 3) derivative by the point in the head frame
    by_focal: FloatArray  # (N, R) derivative by the logarithm


def robust_cost(
    estimate: Estimate, sightings: list[Sighting], prior: Prior, center_px: FloatArray
) -> float:
    """Half the Cauchy cost of all sightings plus the priors'."""
    total = 0.0
    for sighting in sightings:
        points = sighting.points.at(estimate.shape, estimate.expression[sighting.frame])
        error = estimate.project(sighting.frame, points, center_px) - sighting.target_px
        squared = (_residual(sighting, error) ** 2).sum(axis=1)
        total += 0.5 * sighting.cauchy**2 * np.log1p(squared / sighting.cauchy**2).sum()
    shape, expression = estimate.shape, estimate.expression
    total += 0.5 * (prior.shape_precision * shape**2).sum()
    total += 0.5 * (prior.expression_precision * expression**2).sum()
    total += prior.expression_sparsity * expression.sum()
    if not prior.focal_fixed:
        deviation = np.log(estimate.focal_px / prior.focal_px) / prior.focal_log_sd
        total += 0.5 * deviation**2
    return float(total)


def step(
    estimate: Estimate,
    sightings: list[Sighting],
    prior: Prior,
    center_px: FloatArray,
    freedom: Freedom,
    damping: float,
) -> Estimate:
    """One damped Gauss-Newton step (Levenberg's `damping` relative to the diagonal).

    Expression weights that would leave their box are set on its border and the rest is solved
    again, or the others would make up for movement that clipping takes away.
    """
    normal = _normal_equations(estimate, sightings, prior, center_px)
    for matrix in (*normal.local, normal.shared):
        matrix[np.diag_indices_from(matrix)] *= 1.0 + damping
    expression = estimate.expression
    fixed = _fixed_local(normal, estimate, freedom)
    fixed_shared = _fixed_shared(normal, estimate, freedom, prior)
    held = np.zeros(fixed.shape)
    for _ in range(BOX_PASSES):
        local, shared = _solve(normal, fixed, held, fixed_shared)
        wanted = expression + local[:, POSE:]
        outside = ~fixed[:, POSE:] & ((wanted < 0.0) | (wanted > 1.0))
        if not outside.any():
            break
        fixed[:, POSE:] |= outside
        held[:, POSE:][outside] = (np.clip(wanted, 0.0, 1.0) - expression)[outside]
    return _moved(estimate, local, shared)


@dataclass(frozen=True)
class _NormalEquations:
    """Blocks of J'J and -J'r; local: pose then expression; shared: log focal then shape."""

    local: FloatArray  # (K, 6 + E, 6 + E)
    cross: FloatArray  # (K, 6 + E, 1 + G)
    local_right: FloatArray  # (K, 6 + E)
    shared: FloatArray  # (1 + G, 1 + G)
    shared_right: FloatArray  # (1 + G,)


def _normal_equations(
    estimate: Estimate, sightings: list[Sighting], prior: Prior, center_px: FloatArray
) -> _NormalEquations:
    frames, expressions = estimate.expression.shape
    locals_, shapes = POSE + expressions, len(estimate.shape)
    local = np.zeros((frames, locals_, locals_))
    cross = np.zeros((frames, locals_, 1 + shapes))
    local_right = np.zeros((frames, locals_))
    shared = np.zeros((1 + shapes, 1 + shapes))
    shared_right = np.zeros(1 + shapes)
    # Sightings of the same points in many frames share one product with their wide basis.
    by_points: dict[int, tuple[SurfacePoints, FloatArray]] = {}
    for sighting in sightings:
        k = sighting.frame
        line = _linearise(estimate, sighting, center_px)
        weighted = line.weight[:, None] * line.residual
        by_local = line.by_local.reshape(-1, locals_)
        weighted_local = (line.weight[:, None, None] * line.by_local).reshape(-1, locals_)
        weighted_point = line.weight[:, None, None] * line.by_point
        basis = sighting.points.shape_basis.reshape(-1, shapes)
        local[k] += by_local.T @ weighted_local
        local_right[k] -= by_local.T @ weighted.ravel()
        by_local_points = np.swapaxes(line.by_local, 1, 2) @ weighted_point
        through_point = np.moveaxis(by_local_points, 1, 0).reshape(locals_, -1)
        cross[k, :, 1:] += through_point @ basis
        cross[k, :, 0] += weighted_local.T @ line.by_focal.ravel()
        pull = np.einsum("nr,nrc->nc", weighted, line.by_point).ravel()
        focal_pull = np.einsum("nr,nrc->nc", line.weight[:, None] * line.by_focal, line.by_point)
        shared_right[1:] -= basis.T @ pull
        shared_right[0] -= (weighted * line.by_focal).sum()
        shared[0, 0] += (line.weight[:, None] * line.by_focal**2).sum()
        shared[0, 1:] += focal_pull.ravel() @ basis
        information = np.swapaxes(line.by_point, 1, 2) @ weighted_point
        if sighting.normal is not None:
            rows = (line.by_point @ sighting.points.shape_basis)[:, 0]
            shared[1:, 1:] += (rows * line.weight[:, None]).T @ rows
        elif id(sighting.points) in by_points:
            by_points[id(sighting.points)][1][:] += information
        else:
            by_points[id(sighting.points)] = (sighting.points, information)
    for points, information in by_points.values():
        spread = (information @ points.shape_basis).reshape(-1, shapes)
        shared[1:, 1:] += points.shape_basis.reshape(-1, shapes).T @ spread
    shared[1:, 0] = shared[0, 1:]
    normal = _NormalEquations(local, cross, local_right, shared, shared_right)
    _add_priors(normal, estimate, prior)
    return normal


def _linearise(estimate: Estimate, sighting: Sighting, center_px: FloatArray) -> Linearised:
    k = sighting.frame
    points = sighting.points.at(estimate.shape, estimate.expression[k])
    rotated = points @ estimate.rotation[k].T
    in_camera = rotated + estimate.translation_m[k]
    depth = in_camera[:, 2]
    image = estimate.focal_px * in_camera[:, :2] / depth[:, None]
    by_camera = np.zeros((len(points), 2, 3))
    by_camera[:, 0, 0] = by_camera[:, 1, 1] = estimate.focal_px / depth
    by_camera[:, :, 2] = -image / depth[:, None]
    by_focal = image
    error = image + center_px - sighting.target_px
    residual = _residual(sighting, error)
    if sighting.normal is not None:
        by_camera = np.einsum("nr,nrc->nc", sighting.normal, by_camera)[:, None]
        by_focal = (sighting.normal * by_focal).sum(axis=1, keepdims=True)
    by_camera = by_camera / sighting.sigma_px[:, None, None]
    by_point = by_camera @ estimate.rotation[k]
    # d(exp(w) R p) / dw = -[R p]x, so a row v of the camera derivative gives (R p) x v.
    by_rotation = np.cross(rotated[:, None, :], by_camera)
    by_expression = by_point @ sighting.points.expression_basis
    squared = (residual**2).sum(axis=1)
    weight = 1.0 / (1.0 + squared / sighting.cauchy**2)
    return Linearised(
        residual,
        weight,
        np.concatenate([by_rotation, by_camera, by_expression], axis=2),
        by_point,
        by_focal / sighting.sigma_px[:, None],
    )


def _residual(sighting: Sighting, error_px: FloatArray) -> FloatArray:
    """Residuals (N, R) in sigmas."""
    if sighting.normal is None:
        return error_px / sighting.sigma_px[:, None]
    return ((error_px * sighting.normal).sum(axis=1) / sighting.sigma_px)[:, None]


def _add_priors(normal: _NormalEquations, estimate: Estimate, prior: Prior) -> None:
    expressions = np.arange(POSE, normal.local.shape[1])
    normal.local[:, expressions, expressions] += prior.expression_precision
    normal.local_right[:, POSE:] -= (
        prior.expression_precision * estimate.expression + prior.expression_sparsity
    )
    shape = np.arange(1, len(normal.shared))
    normal.shared[shape, shape] += prior.shape_precision
    normal.shared_right[1:] -= prior.shape_precision * estimate.shape
    if not prior.focal_fixed:
        precision = prior.focal_log_sd**-2
        normal.shared[0, 0] += precision
        normal.shared_right[0] -= precision * np.log(estimate.focal_px / prior.focal_px)


def _fixed_local(normal: _NormalEquations, estimate: Estimate, freedom: Freedom) -> BoolArray:
    """(K, 6 + E) True: may not move, leans on its bound, or was not seen at all."""
    pull = normal.local_right[:, POSE:]
    fixed = np.diagonal(normal.local, axis1=1, axis2=2) == 0.0
    fixed[:, :POSE] |= not freedom.pose
    fixed[:, POSE:] |= (estimate.expression <= 0.0) & (pull < 0)
    fixed[:, POSE:] |= (estimate.expression >= 1.0) & (pull > 0)
    fixed[:, POSE:] |= not freedom.expression
    return fixed


def _fixed_shared(
    normal: _NormalEquations, estimate: Estimate, freedom: Freedom, prior: Prior
) -> BoolArray:
    """(1 + G,) True: may not move or leans on its bound."""
    fixed = np.zeros(len(normal.shared_right), bool)
    fixed[0] = prior.focal_fixed or not freedom.focal
    outward = normal.shared_right[1:] * estimate.shape > 0
    fixed[1:] = ((np.abs(estimate.shape) >= SHAPE_BOUND) & outward) | (not freedom.shape)
    return fixed


def _solve(
    normal: _NormalEquations, fixed: BoolArray, held: FloatArray, fixed_shared: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Changes (K, 6 + E) and (1 + G,); the `fixed` ones (K, 6 + E) change by `held`."""
    local, cross, shared = normal.local.copy(), normal.cross.copy(), normal.shared.copy()
    local_right = normal.local_right - np.einsum("kij,kj->ki", local, held)
    shared_right = normal.shared_right - np.einsum("kig,ki->g", cross, held)
    cross[fixed] = 0.0
    cross[:, :, fixed_shared] = 0.0
    local[fixed] = 0.0
    np.swapaxes(local, 1, 2)[fixed] = 0.0
    np.einsum("kii->ki", local)[fixed] = 1.0
    local_right[fixed] = held[fixed]
    shared[fixed_shared] = 0.0
    shared[:, fixed_shared] = 0.0
    shared[fixed_shared, fixed_shared] = 1.0
    shared_right[fixed_shared] = 0.0
    solved = np.linalg.solve(local, np.concatenate([cross, local_right[:, :, None]], axis=2))
    cross_rows = cross.reshape(-1, cross.shape[2])
    eliminated = cross_rows.T @ solved.reshape(len(cross_rows), -1)
    moved = np.linalg.solve(shared - eliminated[:, :-1], shared_right - eliminated[:, -1])
    return solved[:, :, -1] - solved[:, :, :-1] @ moved, moved


def _moved(estimate: Estimate, local: FloatArray, shared: FloatArray) -> Estimate:
    turns = np.array([rotation_from_vector(vector) for vector in local[:, :3]])
    # Half an octave and half the box at a time: the model is linear only near by.
    return replace(
        estimate,
        focal_px=float(estimate.focal_px * np.exp(np.clip(shared[0], -0.3, 0.3))),
        rotation=turns @ estimate.rotation,
        translation_m=estimate.translation_m + local[:, 3:POSE],
        shape=np.clip(estimate.shape + np.clip(shared[1:], -1.5, 1.5), -SHAPE_BOUND, SHAPE_BOUND),
        expression=np.clip(estimate.expression + np.clip(local[:, POSE:], -0.5, 0.5), 0.0, 1.0),
    )
