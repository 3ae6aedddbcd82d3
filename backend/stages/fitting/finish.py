"""A solved head in; the head to be rigged, at life size and with its cameras, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from studio_avatar_addon.avatar.errors import FoldedError
from studio_avatar_addon.avatar.template import BONES, HeadTemplate
from studio_avatar_addon.avatar.types import Capture, FaceTrack, FloatArray, HeadFit

from ...geometry.fold_removal import MAX_MOVE_M
from .eye_fit import eye_gaze, spread_eyes
from .fit_findings import FitSummary, fit_findings
from .head_model import SolverState, head_angles
from .landmark_term import fill_missing_poses
from .measurements import scale_to_measure
from .problem import Problem
from .riggable_head import RiggableHead, eyes_between_lids, make_riggable
from .solution import Solution
from .solve import GIVEN_UP, solve_stiffer
from .uncertainty import Uncertainty, measure_uncertainty


@dataclass(frozen=True)
class _AlignedHead:
    estimate: SolverState
    fitted_m: FloatArray  # (V, 3) neutral


# Smoothed further than this to undo folds, a face is another one.
MAX_SMOOTHED_M = 0.008


def finish_head(
    capture: Capture, track: FaceTrack, solution: Solution, measures_m: Mapping[str, float]
) -> HeadFit:
    """Make the solved head riggable at life size, or at the size that a measure of it gives.

    One that is folded past smoothing is solved again with ever less shape of its own. Raises
    FitError (a FoldedError where that does not help) and TemplateError as `make_riggable` does.
    """
    for given_up in GIVEN_UP:
        try:
            return _finish(capture, track, solution, measures_m, MAX_SMOOTHED_M)
        except FoldedError:
            solution = solve_stiffer(solution, given_up)
    return _finish(capture, track, solution, measures_m, MAX_MOVE_M)


def _finish(
    capture: Capture,
    track: FaceTrack,
    solution: Solution,
    measures_m: Mapping[str, float],
    max_smoothed_m: float,
) -> HeadFit:
    problem, estimate = solution.problem, solution.estimate
    template, found = problem.template, problem.landmarks.found
    aligned = _align_to_template(template, estimate, problem.head.vertices.at_rest(estimate.shape))
    riggable = _make_riggable(track, problem, aligned.estimate, aligned.fitted_m, max_smoothed_m)
    uncertainty = measure_uncertainty(solution)
    rotation, translation = fill_missing_poses(
        found, aligned.estimate.rotation, aligned.estimate.translation_m
    )
    posed = replace(estimate, rotation=rotation, translation_m=translation * riggable.scale)
    fit = HeadFit(
        identity=estimate.shape[: len(template.identity_names)].astype(np.float32),
        neutral_m=riggable.neutral_m.astype(np.float32),
        shape_deltas_m=riggable.shape_deltas_m.astype(np.float32),
        corrective_deltas_m=riggable.corrective_deltas_m.astype(np.float32),
        joints_m=riggable.joints_m.astype(np.float32),
        eye_centre_m=riggable.eye_centre_m.astype(np.float32),
        eye_radius_m=riggable.eye_radius_m.astype(np.float32),
        camera=replace(capture.camera_guess, focal_px=(posed.focal_px, posed.focal_px)),
        camera_from_head=posed.camera_from_head,
        expression=estimate.expression.astype(np.float32),
        gaze_rad=eye_gaze(
            track.frame_landmarks_px, posed.camera_from_head, posed.focal_px, problem.center_px,
            template, riggable.eye_centre_m, riggable.eye_radius_m,
        ),
        landmark_px=uncertainty.landmark_px.astype(np.float32),
        outline_px=uncertainty.outline_px.astype(np.float32),
        track_px=uncertainty.track_px.astype(np.float32),
        focal_log_sd=uncertainty.focal_log_sd,
        left_out=solution.left_out,
        findings=fit_findings(capture, _summary(solution, uncertainty, posed, riggable)),
    )  # fmt: skip
    return scale_to_measure(fit, template, measures_m)


def _summary(
    solution: Solution, uncertainty: Uncertainty, posed: SolverState, riggable: RiggableHead
) -> FitSummary:
    """`posed`: the estimate at life size."""
    eye_distance_m = np.linalg.norm(riggable.eye_centre_m[0] - riggable.eye_centre_m[1])
    return FitSummary(
        yaw_deg=head_angles(posed.rotation, posed.translation_m).yaw_deg,
        uncertainty=uncertainty,
        eye_distance_px=eye_distance_m * posed.focal_px / posed.translation_m[:, 2],
        left_out=solution.left_out,
        expression_spread_m=_expression_spread_m(solution, riggable.scale),
        smoothed_m=riggable.smoothed_m,
        given_up=solution.given_up,
        smoothed_shapes=riggable.smoothed_shapes,
    )


def _expression_spread_m(solution: Solution, scale: float) -> float:
    """How far the face's skin is, root mean square, from where most views have it: their p90."""
    problem, estimate = solution.problem, solution.estimate
    face = problem.template.region("face") > 0.5
    basis = problem.head.vertices.expression_basis[face]
    moved = estimate.expression[solution.frames] @ basis.reshape(-1, basis.shape[2]).T
    away = (moved - np.median(moved, axis=0)).reshape(len(moved), -1, 3)
    return scale * float(np.percentile(np.sqrt((away**2).sum(axis=2).mean(axis=1)), 90))


def _make_riggable(
    track: FaceTrack,
    problem: Problem,
    estimate: SolverState,
    fitted_m: FloatArray,
    max_smoothed_m: float,
) -> RiggableHead:
    """Eyeballs put where the irises say, and everything that follows from their distance."""
    template = problem.template
    centre = eyes_between_lids(template, fitted_m)
    cameras = estimate.camera_from_head
    gaze = eye_gaze(
        track.frame_landmarks_px, cameras, estimate.focal_px, problem.center_px, template,
        centre, template.eye_radius_m,
    )  # fmt: skip
    found = problem.landmarks.found
    radius = float(template.eye_radius_m.mean())
    eyes = spread_eyes(gaze[found], cameras[found], centre, radius)
    return make_riggable(template, fitted_m, eyes, max_smoothed_m)


def _align_to_template(
    template: HeadTemplate, estimate: SolverState, fitted_m: FloatArray
) -> _AlignedHead:
    """The fitted vertices (V, 3) back in the head frame, which free-form modes can tilt a little.

    The skull above the neck is laid on the template's (Kabsch 1976); cameras move along.
    """
    weight = template.bone_weights[BONES.index("head")].astype(np.float64)
    weight /= weight.sum()
    centre, rest_centre = weight @ fitted_m, weight @ template.vertices_m
    arm, rest = fitted_m - centre, template.vertices_m - rest_centre
    turn = Rotation.align_vectors(rest, arm, weight)[0].as_matrix()
    rotation = estimate.rotation @ turn.T
    moved = estimate.translation_m + estimate.rotation @ centre - rotation @ rest_centre
    aligned = replace(estimate, rotation=rotation, translation_m=moved)
    return _AlignedHead(aligned, arm @ turn.T + rest_centre)
