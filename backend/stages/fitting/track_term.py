"""Tracks to their part of the normal equations, with the tracked points eliminated.

Each track is a free point near the surface: x = s + d, where s is where the head has it and d has
a prior that is narrow along the surface's normal and wide along the surface, since a track observes
where skin is, not which of the template's points it is. Its sightings are linear in x, in pose and
expression of their frames and in the focal length; x goes by a Schur complement of 3 x 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ...geometry.normals import vertex_normals
from .head_model import LinearHead, SolverState, SurfacePoints
from .tracks import TrackGroup

# Of a point off the surface and along it. Wider off it, and noise in the flow roughens the head;
# narrower along it, and template points that lie elsewhere on this person's skin bend the cameras.
NORMAL_SIGMA_M, TANGENT_SIGMA_M = 0.0005, 0.010
SIGMA_PX = 0.4  # of an inlier, in a view's pixels
CAUCHY = 2.0  # sigmas at which a sighting has lost half its weight
# Neighbouring tracks err together, as the flow between two views is smooth.
INDEPENDENT_SHARE = 0.25
POSE = 6  # unknowns: rotation vector, translation


@dataclass(frozen=True)
class TrackedPoints:
    """The N points of one group of tracks as an estimate has them."""

    tracks: TrackGroup
    surface: SurfacePoints  # where the head has them
    offset_m: FloatArray  # (N, 3) off that place, head frame at rest

    def error_px(self, estimate: SolverState, center_px: FloatArray) -> FloatArray:
        """(N, M, 2) px, projections less sightings; NaN where a frame does not show the point.

        `center_px` (2,): principal point.
        """
        at_rest = self.surface.at_rest(estimate.shape) + self.offset_m
        error = np.empty((*self.tracks.visible.shape, 2))
        for m, k in enumerate(self.tracks.frames):
            moved = at_rest + self.surface.expression_basis @ estimate.expression[k]
            error[:, m] = estimate.project(int(k), moved, center_px) - self.tracks.pixel[:, m]
        error[~self.tracks.visible] = np.nan
        return error

    def cost(self, estimate: SolverState, normals: FloatArray, center_px: FloatArray) -> float:
        """Half the Cauchy cost of the sightings plus that of the offsets. `normals` (N, 3) unit."""
        error = np.linalg.norm(self.error_px(estimate, center_px), axis=2) / self.tracks.sigma_px
        squared = np.nan_to_num((error / (SIGMA_PX * CAUCHY)) ** 2)
        visible = 0.5 * INDEPENDENT_SHARE * CAUCHY**2 * np.log1p(squared).sum()
        across = (self.offset_m * normals).sum(axis=1)
        along = (self.offset_m**2).sum(axis=1) - across**2
        held = (across**2).sum() / NORMAL_SIGMA_M**2 + along.sum() / TANGENT_SIGMA_M**2
        return float(visible + 0.5 * held)


@dataclass(frozen=True)
class TrackEquations:
    """One group's part of J'J and -J'r, points eliminated.

    C: pose and expression of each of the group's M frames, then log focal. What a step of these
    does to the points is kept.
    """

    frames: IntArray  # (M,)
    camera: FloatArray  # (C, C)
    camera_shape: FloatArray  # (C, G)
    shape: FloatArray  # (G, G)
    camera_right: FloatArray  # (C,)
    shape_right: FloatArray  # (G,)
    inverse: FloatArray  # (N, 3, 3) of what holds each point
    pull: FloatArray  # (N, 3)
    through: FloatArray  # (N, 3, C)
    prior: FloatArray  # (N, 3, 3)

    def columns(self, local: int, focal: int) -> IntArray:
        """(C,) places of the group's cameras where a frame has `local` unknowns, and of `focal`."""
        own = (local * self.frames[:, None] + np.arange(local)).ravel()
        return np.append(own, focal)

    def moved(self, points: TrackedPoints, camera: FloatArray, shape: FloatArray) -> TrackedPoints:
        """The points after a step of the group's cameras (C,) and of the shape (G,)."""
        surface_step = points.surface.shape_basis @ shape
        held = np.einsum("nij,nj->ni", self.prior, surface_step)
        step = np.einsum("nij,nj->ni", self.inverse, held - self.through @ camera - self.pull)
        return replace(points, offset_m=points.offset_m + step - surface_step)


def tracked_points(groups: Sequence[TrackGroup], head: LinearHead) -> tuple[TrackedPoints, ...]:
    """All on the surface."""
    return tuple(
        TrackedPoints(group, head.points(group.corners, group.weights), np.zeros((len(group), 3)))
        for group in groups
    )


def surface_normals(
    groups: Sequence[TrackGroup], head: LinearHead, estimate: SolverState, triangles: IntArray
) -> list[FloatArray]:
    """Unit normals (N, 3) of the head at rest, by group. `triangles` (M, 3)."""
    vertex = vertex_normals(head.vertices.at_rest(estimate.shape), triangles)
    normals = []
    for group in groups:
        normal = np.einsum("nk,nkc->nc", group.weights, vertex[group.corners])
        normals.append(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9))
    return normals


def track_equations(
    points: TrackedPoints, estimate: SolverState, normals: FloatArray, center_px: FloatArray
) -> TrackEquations:
    """Linearise at an estimate. `normals` (N, 3) unit, of the surface at the points.

    `center_px` (2,): principal point. The Schur complement of bundle adjustment (Triggs et al.
    2000).
    """
    basis = points.surface.shape_basis
    count, shapes = len(basis), basis.shape[2]
    prior = _prior(normals)
    pulled = np.einsum("nij,nj->ni", prior, points.offset_m)
    line = _linearise(points, estimate, center_px)
    weighted_point = line.weight[..., None, None] * line.by_point
    own = prior + np.einsum("nmri,nmrj->nij", weighted_point, line.by_point, optimize=True)
    pull = pulled + np.einsum("nmri,nmr->ni", weighted_point, line.residual)
    through = _through(line, weighted_point)
    camera, right = _cameras(line)
    # Everything from here on is the Schur complement of the points.
    inverse = np.linalg.inv(own)
    flat_through = through.reshape(3 * count, -1)
    camera -= flat_through.T @ (inverse @ through).reshape(3 * count, -1)
    right += flat_through.T @ np.einsum("nij,nj->ni", inverse, pull).ravel()
    held = prior @ inverse
    flat = basis.reshape(3 * count, shapes)
    kept = prior - held @ prior
    return TrackEquations(
        frames=points.tracks.frames,
        camera=camera,
        camera_shape=(held @ through).reshape(3 * count, -1).T @ flat,
        shape=flat.T @ (kept @ basis).reshape(3 * count, shapes),
        camera_right=right,
        shape_right=flat.T @ (pulled - np.einsum("nij,nj->ni", held, pull)).ravel(),
        inverse=inverse,
        pull=pull,
        through=through,
        prior=prior,
    )


@dataclass(frozen=True)
class _TrackLinearisation:
    """Residuals in sigmas, robust weights (0 where not seen), derivatives."""

    residual: FloatArray  # (N, M, 2)
    weight: FloatArray  # (N, M)
    by_local: FloatArray  # (N, M, 2, 6 + E)
    by_point: FloatArray  # (N, M, 2, 3)
    by_focal: FloatArray  # (N, M, 2) by the logarithm


def _linearise(
    points: TrackedPoints, estimate: SolverState, center_px: FloatArray
) -> _TrackLinearisation:
    tracks, expression = points.tracks, points.surface.expression_basis
    at_rest = points.surface.at_rest(estimate.shape) + points.offset_m
    count, frames = tracks.visible.shape
    residual, by_focal = np.zeros((count, frames, 2)), np.zeros((count, frames, 2))
    by_point = np.zeros((count, frames, 2, 3))
    by_local = np.zeros((count, frames, 2, POSE + expression.shape[2]))
    for m, k in enumerate(tracks.frames):
        rotation = estimate.rotation[k]
        rotated = (at_rest + expression @ estimate.expression[k]) @ rotation.T
        in_camera = rotated + estimate.translation_m[k]
        depth = in_camera[:, 2]
        image = estimate.focal_px * in_camera[:, :2] / depth[:, None]
        sigma = SIGMA_PX * tracks.sigma_px[m]
        by_camera = np.zeros((count, 2, 3))
        by_camera[:, 0, 0] = by_camera[:, 1, 1] = estimate.focal_px / depth / sigma
        by_camera[:, :, 2] = -image / depth[:, None] / sigma
        residual[:, m] = (image + center_px - tracks.pixel[:, m]) / sigma
        by_focal[:, m] = image / sigma
        by_point[:, m] = by_camera @ rotation
        # d(exp(w) R p) / dw = -[R p]x, so a row v of the camera derivative gives (R p) x v.
        by_local[:, m, :, :3] = np.cross(rotated[:, None], by_camera)
        by_local[:, m, :, 3:POSE] = by_camera
        by_local[:, m, :, POSE:] = by_point[:, m] @ expression
    residual[~tracks.visible] = 0.0
    squared = (residual**2).sum(axis=2)
    weight = np.where(tracks.visible, INDEPENDENT_SHARE / (1.0 + squared / CAUCHY**2), 0.0)
    return _TrackLinearisation(residual, weight, by_local, by_point, by_focal)


def _through(line: _TrackLinearisation, weighted_point: FloatArray) -> FloatArray:
    """(N, 3, C) the products of each point's and the cameras' derivatives."""
    count, frames, _, local = line.by_local.shape
    through = np.empty((count, 3, frames * local + 1))
    for m in range(frames):
        by_point = np.swapaxes(weighted_point[:, m], 1, 2)
        through[:, :, m * local : (m + 1) * local] = by_point @ line.by_local[:, m]
    through[:, :, -1] = np.einsum("nmri,nmr->ni", weighted_point, line.by_focal)
    return through


def _cameras(line: _TrackLinearisation) -> tuple[FloatArray, FloatArray]:
    """J'J (C, C) and -J'r (C,) of the cameras alone."""
    _, frames, _, local = line.by_local.shape
    camera, right = np.zeros((frames * local + 1,) * 2), np.zeros(frames * local + 1)
    for m in range(frames):
        own = slice(m * local, (m + 1) * local)
        rows = line.by_local[:, m].reshape(-1, local)
        weight = np.repeat(line.weight[:, m], 2)
        weighted = rows * weight[:, None]
        camera[own, own] = weighted.T @ rows
        camera[own, -1] = camera[-1, own] = weighted.T @ line.by_focal[:, m].ravel()
        right[own] = -weighted.T @ line.residual[:, m].ravel()
    weighted_focal = line.weight[..., None] * line.by_focal
    camera[-1, -1] = (weighted_focal * line.by_focal).sum()
    right[-1] = -(weighted_focal * line.residual).sum()
    return camera, right


def _prior(normals: FloatArray) -> FloatArray:
    """(N, 3, 3) information of a point's offset."""
    along = TANGENT_SIGMA_M**-2 * np.eye(3)
    across = NORMAL_SIGMA_M**-2 - TANGENT_SIGMA_M**-2
    return along + across * normals[:, :, None] * normals[:, None, :]
