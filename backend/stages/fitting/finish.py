"""A solved head in; the head to be rigged, at life size and with its cameras, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from studio_avatar_addon.avatar.template import BONES, HeadTemplate
from studio_avatar_addon.avatar.types import Capture, FaceTrack, FloatArray, HeadFit

from .eye_fit import eye_gaze, spread_eyes
from .fit_findings import fit_findings
from .head_model import SolverState, head_angles
from .landmark_term import borrow_poses
from .lip_contact import SettledHead, eyes_between_lids, settle_head
from .measurements import at_measured_size
from .problem import Problem
from .solution import Solution
from .uncertainty import certainty_of


@dataclass(frozen=True)
class _Anchored:
    estimate: SolverState
    fitted_m: FloatArray  # (V, 3) neutral


def finish_head(
    capture: Capture, track: FaceTrack, solution: Solution, measures_m: Mapping[str, float]
) -> HeadFit:
    """Settle the solved head at life size, or at the size that a measure of it tells.

    Raises FitError and TemplateError as `settle_head` does.
    """
    problem, estimate = solution.problem, solution.estimate
    template, found = problem.template, problem.landmarks.found
    anchored = _anchored(template, estimate, problem.head.vertices.at_rest(estimate.shape))
    settled = _settled(track, problem, anchored.estimate, anchored.fitted_m)
    certainty = certainty_of(solution)
    rotation, translation = borrow_poses(
        found, anchored.estimate.rotation, anchored.estimate.translation_m
    )
    posed = replace(estimate, rotation=rotation, translation_m=translation * settled.scale)
    angles = head_angles(posed.rotation, posed.translation_m)
    eye_distance = (
        np.linalg.norm(settled.eye_centre_m[0] - settled.eye_centre_m[1])
        * posed.focal_px / posed.translation_m[:, 2]
    )  # fmt: skip
    fit = HeadFit(
        identity=estimate.shape[: len(template.identity_names)].astype(np.float32),
        neutral_m=settled.neutral_m.astype(np.float32),
        shape_deltas_m=settled.shape_deltas_m.astype(np.float32),
        corrective_deltas_m=settled.corrective_deltas_m.astype(np.float32),
        joints_m=settled.joints_m.astype(np.float32),
        eye_centre_m=settled.eye_centre_m.astype(np.float32),
        eye_radius_m=settled.eye_radius_m.astype(np.float32),
        camera=replace(capture.camera_guess, focal_px=(posed.focal_px, posed.focal_px)),
        camera_from_head=posed.camera_from_head,
        expression=estimate.expression.astype(np.float32),
        gaze_rad=eye_gaze(
            track.frame_landmarks_px, posed.camera_from_head, posed.focal_px, problem.center_px,
            template, settled.eye_centre_m, settled.eye_radius_m,
        ),
        landmark_px=certainty.landmark_px.astype(np.float32),
        outline_px=certainty.outline_px.astype(np.float32),
        track_px=certainty.track_px.astype(np.float32),
        focal_log_sd=certainty.focal_log_sd,
        left_out=solution.left_out,
        findings=fit_findings(
            capture, angles.yaw_deg, certainty, eye_distance, solution.left_out,
            _expression_spread_m(solution, settled.scale),
            settled.smoothed_m, settled.smoothed_shapes,
        ),
    )  # fmt: skip
    return at_measured_size(fit, template, measures_m)


def _expression_spread_m(solution: Solution, scale: float) -> float:
    """How far the face's skin is, root mean square, from where most views have it: their p90."""
    problem, estimate = solution.problem, solution.estimate
    face = problem.template.region("face") > 0.5
    basis = problem.head.vertices.expression_basis[face]
    moved = estimate.expression[solution.frames] @ basis.reshape(-1, basis.shape[2]).T
    away = (moved - np.median(moved, axis=0)).reshape(len(moved), -1, 3)
    return scale * float(np.percentile(np.sqrt((away**2).sum(axis=2).mean(axis=1)), 90))


def _settled(
    track: FaceTrack, problem: Problem, estimate: SolverState, fitted_m: FloatArray
) -> SettledHead:
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
    return settle_head(template, fitted_m, spread_eyes(gaze[found], cameras[found], centre, radius))


def _anchored(template: HeadTemplate, estimate: SolverState, fitted_m: FloatArray) -> _Anchored:
    """The fitted vertices (V, 3) back in the head frame, which free-form modes can tilt a little.

    The skull above the neck is laid on the template's (Kabsch 1976); cameras move along.
    """
    weight = template.bone_weights[BONES.index("head")].astype(np.float64)
    weight /= weight.sum()
    middle, rest_middle = weight @ fitted_m, weight @ template.vertices_m
    arm, rest = fitted_m - middle, template.vertices_m - rest_middle
    u, _, vt = np.linalg.svd((rest * weight[:, None]).T @ arm)
    turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    rotation = estimate.rotation @ turn.T
    moved = estimate.translation_m + estimate.rotation @ middle - rotation @ rest_middle
    anchored = replace(estimate, rotation=rotation, translation_m=moved)
    return _Anchored(anchored, arm @ turn.T + rest_middle)
