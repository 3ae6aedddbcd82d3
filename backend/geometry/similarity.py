"""Points and points, or a surface, in; the similarity that lays the ones on the other out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.frames import rotation_about
from studio_avatar_addon.avatar.types import FloatArray

from .closest import Surface

# Of iterative closest points: nearest places change from round to round and may never settle.
MAX_ROUNDS = 30
CONVERGED = 1e-6  # change of scale and rotation from one round to the next
REGULARISATION = 1e-9  # keeps what a surface leaves open, such as a ball's turn, where it is


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + shift_m."""

    scale: float
    rotation: FloatArray  # (3, 3)
    shift_m: FloatArray  # (3,)

    def __call__(self, points_m: FloatArray) -> FloatArray:
        """Points (..., 3) moved."""
        return self.scale * points_m @ self.rotation.T + self.shift_m

    @property
    def inverse(self) -> Similarity:
        """The one that undoes it."""
        back = self.rotation.T / self.scale
        return Similarity(1.0 / self.scale, self.rotation.T, -back @ self.shift_m)

    def then(self, second: Similarity) -> Similarity:
        """This one first, `second` after it."""
        return Similarity(
            second.scale * self.scale, second.rotation @ self.rotation, second(self.shift_m)
        )


IDENTITY = Similarity(1.0, np.eye(3), np.zeros(3))


def fit_similarity(from_m: FloatArray, to_m: FloatArray, weights: FloatArray) -> Similarity:
    """The weighted least-squares one from points (N, 3) to (N, 3), `weights` (N,) (Umeyama
    1991)."""
    share = weights[:, None] / weights.sum()
    from_middle, to_middle = (share * from_m).sum(axis=0), (share * to_m).sum(axis=0)
    source, target = from_m - from_middle, to_m - to_middle
    u, strengths, vt = np.linalg.svd(target.T @ (share * source))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((strengths * sign).sum() / (share * source**2).sum())
    return Similarity(scale, rotation, to_middle - scale * rotation @ from_middle)


def align_to_surface(
    points_m: FloatArray, weights: FloatArray, surface: Surface, start: Similarity
) -> Similarity:
    """Lay `points_m` (N, 3), `weights` (N,), on `surface`, beginning at `start`.

    Iterative closest points with distances off the surface (Chen and Medioni 1991), which lets
    points slide along it and so settles in a few rounds. Points whose nearest place is on an open
    border do not count: what they belong to is not there.
    """
    found = start
    for _ in range(MAX_ROUNDS):
        moved = found(points_m)
        places = surface.closest(moved)
        counted = np.where(surface.on_border(places), 0.0, weights)
        step = _step_off_surface(moved, places.points_m, surface.normals[places.triangle], counted)
        found = found.then(step)
        if abs(step.scale - 1.0) + np.abs(step.rotation - np.eye(3)).max() < CONVERGED:
            break
    return found


def _step_off_surface(
    points_m: FloatArray, places_m: FloatArray, normals: FloatArray, weights: FloatArray
) -> Similarity:
    """One Gauss-Newton step about the points' middle: a turn, a shift and a change of size."""
    middle = np.average(points_m, axis=0, weights=weights)
    arm = points_m - middle
    grows = (normals * arm).sum(axis=1, keepdims=True)
    rows = np.hstack([np.cross(arm, normals), normals, grows])
    gap = (normals * (places_m - points_m)).sum(axis=1)
    system = rows.T @ (weights[:, None] * rows)
    system += REGULARISATION * np.trace(system) * np.eye(7)
    found = np.linalg.solve(system, rows.T @ (weights * gap))
    angle = float(np.linalg.norm(found[:3]))
    rotation = rotation_about(found[:3], angle) if angle > 0.0 else np.eye(3)
    scale = 1.0 + float(found[6])
    return Similarity(scale, rotation, middle + found[3:6] - scale * rotation @ middle)
