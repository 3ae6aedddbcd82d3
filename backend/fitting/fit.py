"""Chosen frames, landmarks and masks in; the head, its expression and the camera in each, out.

Landmarks of near-frontal frames start one bundle over focal length, poses, identity and
expression; wider views join when they agree with it; then the person's outline bounds the skull
and lets the head leave the span of its identity parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    BoolArray,
    Capture,
    FaceTrack,
    FloatArray,
    HeadFit,
    IntArray,
    Progress,
)

from ..head.landmark_table import load_landmark_table
from ..images import read_image
from .bundle import Freedom
from .contact import settle_head
from .findings import fit_findings
from .freeform import smooth_modes
from .gaze import eye_gaze
from .landmarks import (
    OUTLIER_RATIO,
    believable_frames,
    borrow_poses,
    face_landmarks,
    first_poses,
    frontal_frames,
    landmark_error_px,
)
from .model import Estimate, head_angles, linear_head
from .outline_fit import fit_outlines
from .problem import FocalBelief, Problem
from .silhouette import PersonOutline, person_outline

# Without metadata the camera's guess is a guess, and landmarks alone hardly improve on it.
FOCAL_LOG_SD = 0.2
FOCAL_STARTS = (0.75, 1.0, 1.35)
START_STEPS, LANDMARK_STEPS, POSE_STEPS = 8, 12, 6
OUTLINE_STEPS, FREEFORM_STEPS = 12, 10
FREEFORM_MODES = 100
WIDE_GATE_M, NARROW_GATE_M = 0.019, 0.008
ALL_STEPS = (
    START_STEPS * len(FOCAL_STARTS) + 2 * LANDMARK_STEPS + POSE_STEPS
    + OUTLINE_STEPS + FREEFORM_STEPS + 2
)  # fmt: skip


def fit_head(
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    progress: Progress,
    focal_px: float | None = None,
) -> HeadFit:
    """Fit `template` to the K chosen frames. `focal_px`: the focal length where it is known.

    Raises FitError where no frame shows a face that a head can be fitted to.
    """
    steps = _Steps(progress)
    problem = _problem(capture, track, template, steps, focal_px)
    start = _from_frontal_frames(problem, capture)
    used, estimate = _admit_wide_frames(problem, start.estimate, start.frames, start.believed)
    frames = np.flatnonzero(used)
    estimate = problem.settle(estimate, frames, Freedom(), LANDMARK_STEPS, "all views")
    outlines = _person_outlines(capture, track, problem, estimate)
    estimate = fit_outlines(
        problem, estimate, frames, outlines, WIDE_GATE_M, OUTLINE_STEPS, "outline of the head"
    )
    problem, estimate = _with_freeform(problem, estimate)
    estimate = fit_outlines(
        problem, estimate, frames, outlines, NARROW_GATE_M, FREEFORM_STEPS, "shape of the head"
    )
    return _finish(capture, track, problem, estimate, used)


class _Steps:
    """Counts solver steps for the progress bar; solves that settle early leave some out."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0

    def __call__(self, message: str) -> None:
        self._progress(min(self._done, ALL_STEPS), ALL_STEPS, message)
        self._done += 1


@dataclass(frozen=True)
class _Start:
    estimate: Estimate
    frames: IntArray  # the frontal ones it rests on
    believed: BoolArray  # (K,)


def _problem(
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    steps: _Steps,
    focal_px: float | None,
) -> Problem:
    guess = float(np.mean(capture.camera_guess.focal_px))
    certain = focal_px is not None or capture.focal_known
    return Problem(
        template,
        linear_head(template),
        face_landmarks(track.frame_landmarks_px, load_landmark_table()),
        FocalBelief(focal_px or guess, 0.0 if certain else FOCAL_LOG_SD),
        np.array(capture.camera_guess.center_px, np.float64),
        steps,
    )


def _from_frontal_frames(problem: Problem, capture: Capture) -> _Start:
    """The best of several starts, each from another focal length."""
    best, best_cost = None, np.inf
    believed, frames = problem.landmarks.found, np.zeros(0, np.int64)
    starts = FOCAL_STARTS if problem.focal.log_sd else (1.0,)
    for ratio in starts:
        focal = problem.focal.focal_px * ratio
        rotation, translation = first_poses(
            problem.landmarks, problem.template, focal, problem.center_px
        )
        estimate = Estimate(
            focal,
            rotation,
            translation,
            np.zeros(problem.head.identity_count),
            np.zeros((len(rotation), len(problem.head.expression_shapes))),
        )
        if best is None:
            believed = believable_frames(problem.landmarks, estimate, capture.frame_index)
            frames = frontal_frames(believed, estimate)
        estimate = problem.settle(estimate, frames, Freedom(), START_STEPS, "frontal views")
        cost = problem.cost(estimate, frames)
        if cost < best_cost:
            best, best_cost = estimate, cost
    assert best is not None
    return _Start(best, frames, believed)


def _admit_wide_frames(
    problem: Problem, estimate: Estimate, frontal: IntArray, believed: BoolArray
) -> tuple[BoolArray, Estimate]:
    """Pose every other frame with the head held fixed; keep those that fit about as well."""
    every = np.flatnonzero(problem.landmarks.found)
    still = Freedom(focal=False, shape=False)
    estimate = problem.settle(estimate, every, still, POSE_STEPS, "wide views")
    sightings = problem.sightings(estimate, every)
    error = landmark_error_px(
        sightings, estimate, problem.center_px, problem.landmarks.oval
    )
    # Wide views err more by nature: compare in units of what is usual at their yaw.
    relative = {s.frame: error[s.frame] / float(np.median(s.sigma_px)) for s in sightings}
    usual = float(np.median([relative[k] for k in frontal]))
    used = np.zeros(len(believed), bool)
    for k in every:
        used[k] = believed[k] and relative[k] < OUTLIER_RATIO * usual
    if not used.any():
        used[frontal] = True
    return used, estimate


def _person_outlines(
    capture: Capture, track: FaceTrack, problem: Problem, estimate: Estimate
) -> dict[int, PersonOutline]:
    outlines = {}
    for k in np.flatnonzero(problem.landmarks.found):
        problem.tick("reading outlines")
        outline = person_outline(
            read_image(track.mask_paths[k]),
            read_image(capture.frame_paths[k]),
            problem.landmarks.pixels[k],
            estimate.focal_px / estimate.translation_m[k, 2],
        )
        if outline is not None:
            outlines[int(k)] = outline
    return outlines


def _with_freeform(problem: Problem, estimate: Estimate) -> tuple[Problem, Estimate]:
    modes = smooth_modes(problem.template.vertices_m.astype(np.float64), FREEFORM_MODES)
    shape = np.concatenate([estimate.shape, np.zeros(3 * FREEFORM_MODES)])
    return problem.with_modes(modes), replace(estimate, shape=shape)


def _finish(
    capture: Capture, track: FaceTrack, problem: Problem, estimate: Estimate, used: BoolArray
) -> HeadFit:
    template, found = problem.template, problem.landmarks.found
    settled = settle_head(template, problem.head.vertices.at_rest(estimate.shape))
    sightings = problem.sightings(estimate, np.flatnonzero(found))
    error = landmark_error_px(
        sightings, estimate, problem.center_px, problem.landmarks.oval
    )
    worst = max(error.values())
    residual = np.array([error.get(k, worst) for k in range(len(used))], np.float32)
    rotation, translation = borrow_poses(found, estimate.rotation, estimate.translation_m)
    posed = replace(
        estimate, rotation=rotation, translation_m=translation * settled.scale
    )
    expression = np.zeros((len(used), len(template.shape_modelled)), np.float32)
    expression[:, problem.head.expression_shapes] = estimate.expression
    angles = head_angles(posed.rotation, posed.translation_m)
    eye_distance = (
        np.linalg.norm(settled.eye_centre_m[0] - settled.eye_centre_m[1])
        * posed.focal_px / posed.translation_m[:, 2]
    )  # fmt: skip
    return HeadFit(
        identity=estimate.shape[: problem.head.identity_count].astype(np.float32),
        neutral_m=settled.neutral_m.astype(np.float32),
        shape_deltas_m=settled.shape_deltas_m.astype(np.float32),
        joints_m=settled.joints_m.astype(np.float32),
        eye_centre_m=settled.eye_centre_m.astype(np.float32),
        eye_radius_m=settled.eye_radius_m.astype(np.float32),
        camera=replace(capture.camera_guess, focal_px=(posed.focal_px, posed.focal_px)),
        camera_from_head=posed.camera_from_head,
        expression=expression,
        gaze_rad=eye_gaze(
            track.frame_landmarks_px, posed.camera_from_head, posed.focal_px, problem.center_px,
            template, settled.eye_centre_m, settled.eye_radius_m,
        ),
        residual_px=residual,
        frame_used=used,
        findings=fit_findings(capture, angles.yaw_deg, residual, eye_distance, used),
    )  # fmt: skip
