"""The fit as one problem: the head, the landmarks, the priors, and how a solve proceeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from .bundle_adjustment import FreeParameters, Observation, Prior, robust_cost, step
from .freeform import modes_precision
from .head_model import LinearHead, SolverState
from .landmark_term import (
    FaceLandmarks,
    PinnedLandmarks,
    landmark_observations,
    mean_offsets_m,
    pinned_observations,
)
from .silhouette import OUTLINE_SIGMA_M, OUTLINE_SIGMA_WITH_TRACKS_M
from .tracks import trackable

# Precisions of the Gaussian priors, per squared standard deviation of a parameter. Higher pulls
# towards the mean head, lower lets parameters explain the detector's errors.
IDENTITY_PRECISION = 4.0
WARP_PRECISION = 32.0  # what anatomy explains is not to be explained by warps
# Of expression weights in [0, 1]: the square keeps many shapes from sharing one movement, the
# linear part sets to zero what the pictures do not call for. Less, and identity leaks into
# expressions.
EXPRESSION_PRECISION = 2.0
EXPRESSION_SPARSITY = 0.5
# Levenberg-Marquardt on landmarks: damping relative to the diagonal; past the highest a step is too
# short to be worth its time, below the relative gain no further one is.
INITIAL_DAMPING, MAX_DAMPING = 1e-2, 1e3
CONVERGED_GAIN = 1e-4


@dataclass(frozen=True)
class FocalPrior:
    """A Gaussian on the logarithm of the focal length; `log_sd` 0: it is fixed."""

    focal_px: float
    log_sd: float

    @property
    def is_fixed(self) -> bool:
        """Whether the focal length is given and no unknown."""
        return self.log_sd == 0.0


def own_precision(head: LinearHead) -> FloatArray:
    """(G, G) of the template's own shape parameters."""
    warps = np.full(head.warp_count, WARP_PRECISION)
    return np.diag(np.concatenate([np.full(head.identity_count, IDENTITY_PRECISION), warps]))


@dataclass(frozen=True)
class Problem:
    """What stays the same while the estimate moves: K frames, one head."""

    template: HeadTemplate
    head: LinearHead
    landmarks: FaceLandmarks
    pinned: PinnedLandmarks
    focal: FocalPrior
    center_px: FloatArray  # (2,) principal point
    put_in: BoolArray  # (K,) used in any case where they show a face
    leave_out: BoolArray  # (K,) never used
    tick: Callable[[str], None]  # called once per step; raises JobCancelled
    shape_precision: FloatArray  # (G, G) of the head's shape parameters
    outline_sigma_m: float = OUTLINE_SIGMA_M

    @property
    def prior(self) -> Prior:
        """Of focal length, shape (G,) and expression (52,)."""
        return Prior(
            self.focal.focal_px,
            self.focal.log_sd,
            self.shape_precision,
            np.full(len(SHAPE_NAMES), EXPRESSION_PRECISION),
            EXPRESSION_SPARSITY,
        )

    def observations(self, estimate: SolverState, frames: IntArray) -> list[Observation]:
        """The detections in `frames` (F,), weighed for the estimate's poses."""
        return landmark_observations(self.landmarks, self.head, self.template, estimate, frames)

    def face_observations(self, estimate: SolverState, frames: IntArray) -> list[Observation]:
        """The detector's and the artist's points of the face in `frames` (F,)."""
        pins = pinned_observations(self.pinned, self.head, self.template, frames)
        return self.observations(estimate, frames) + pins

    def with_artist_choice(self, agreeing_frames: BoolArray) -> BoolArray:
        """(K,) `agreeing_frames` (K,), overridden by what the artist put in or left out."""
        return (agreeing_frames | self.put_in) & ~self.leave_out & self.landmarks.found

    @property
    def reweighted_for_tracks(self) -> Problem:
        """The same with landmarks and outlines weighed down for a solve that has tracks too."""
        return replace(
            self,
            landmarks=self.landmarks.reweighted_for_tracks(self._on_tracked_skin),
            outline_sigma_m=OUTLINE_SIGMA_WITH_TRACKS_M,
        )

    def with_own_landmarks(self, estimate: SolverState, frames: IntArray) -> Problem:
        """The same for an estimate whose head rests on tracks of `frames` (F,): how far this
        person's points on plain skin are put from their places is known, and edges count most.
        """
        offset_m = mean_offsets_m(
            self.landmarks, self.head, self.template, estimate, frames, self.center_px
        )
        return replace(
            self,
            landmarks=self.landmarks.with_offsets(offset_m, self._on_tracked_skin),
            outline_sigma_m=OUTLINE_SIGMA_WITH_TRACKS_M,
        )

    @property
    def _on_tracked_skin(self) -> BoolArray:
        """(468,) landmarks on skin that tracks observe."""
        corners = self.template.landmark_vertices[: len(self.landmarks.oval)]
        return trackable(self.template)[corners].all(axis=1)

    def with_modes(self, modes: FloatArray) -> Problem:
        """The same with free-form modes (V, 3, M) added to the head."""
        own = len(self.shape_precision)
        count = own + modes.shape[2]
        precision = np.zeros((count, count))
        precision[:own, :own] = self.shape_precision
        precision[own:, own:] = modes_precision(self.template, modes)
        return replace(self, head=self.head.with_modes(modes), shape_precision=precision)

    def with_stiffer_modes(self, factor: float) -> Problem:
        """The same with free-form modes so many times as stiff."""
        precision = self.shape_precision.copy()
        own = self.head.identity_count + self.head.warp_count
        precision[own:, own:] *= factor
        return replace(self, shape_precision=precision)

    def optimize(
        self,
        estimate: SolverState,
        frames: IntArray,
        free_parameters: FreeParameters,
        steps: int,
        message: str,
    ) -> SolverState:
        """Levenberg-Marquardt (Marquardt 1963) on the landmarks of `frames` (F,) alone."""
        if not len(frames):
            return estimate
        damping = INITIAL_DAMPING
        for _ in range(steps):
            self.tick(message)
            observations = self.face_observations(estimate, frames)
            before = robust_cost(estimate, observations, self.prior, self.center_px)
            moved, after = estimate, np.inf
            while after >= before and damping < MAX_DAMPING:
                moved = step(
                    estimate, observations, self.prior, self.center_px, free_parameters, damping
                ).estimate
                after = robust_cost(moved, observations, self.prior, self.center_px)
                damping *= 0.3 if after < before else 10.0
            if after >= before:
                break
            estimate = moved
            if before - after < CONVERGED_GAIN * before:
                break
        return estimate

    def cost(self, estimate: SolverState, frames: IntArray) -> float:
        """Robust landmark cost of `frames` (F,) and priors."""
        observations = self.face_observations(estimate, frames)
        return robust_cost(estimate, observations, self.prior, self.center_px)
