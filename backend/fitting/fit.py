"""Chosen frames, landmarks and masks in; the head, its expression and the camera in each, out.

Landmarks of near-frontal frames start one bundle over focal length, poses, identity and
expression; wider views join when they agree with it; then the person's outline bounds the skull
and lets the head leave the span of its identity parameters. Landmarks slide over the skin as the
head turns, so dense tracks of the skin itself between neighbouring views finish the solve: they
are found through the head as far as it is fitted, and once more through the better one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.template import BONES, HeadTemplate
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
from .contact import SettledHead, eyes_between_lids, settle_head
from .findings import fit_findings
from .freeform import smooth_modes
from .gaze import eye_gaze, spread_eyes
from .hairline import HairlineVote
from .landmarks import (
    OUTLIER_RATIO,
    believable_frames,
    borrow_poses,
    face_landmarks,
    face_points,
    first_poses,
    frontal_frames,
    landmark_error_px,
)
from .model import Estimate, head_angles, linear_head
from .outline_fit import FilmedOutlines, fit_outlines, outline_gaps_px
from .problem import FocalBelief, Problem
from .silhouette import person_outline
from .track_fit import fit_tracks, follow_skin
from .views import FrameView, frame_view

# Without metadata the camera's guess is a guess, and landmarks alone hardly improve on it.
FOCAL_LOG_SD = 0.1
FOCAL_STARTS = (0.75, 1.0, 1.35)
START_STEPS, LANDMARK_STEPS, POSE_STEPS = 8, 12, 6
WIDE_STEPS, NARROW_STEPS = 7, 9
TRACK_ROUNDS, TRACK_STEPS = 2, 12
FREEFORM_MODES = 55  # each even and odd, along three axes
WIDE_GATE_M, MIDDLE_GATE_M, NARROW_GATE_M = 0.025, 0.010, 0.0055
SMALLEST_GAP_PX = 1.5
FARTHEST_YAW_DEG = 90.0
HEAD_FIXED = Freedom(focal=False, shape=False)
ALL_STEPS = (
    START_STEPS * len(FOCAL_STARTS) + LANDMARK_STEPS + 3 * POSE_STEPS
    + WIDE_STEPS + NARROW_STEPS + 2 + TRACK_ROUNDS * (TRACK_STEPS + 1)
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
    estimate = _pose_others(problem, start.estimate, start.frames)
    used = start.believed & _agreeing(problem, estimate, start.frames)
    used[start.frames] = True
    frames = np.flatnonzero(used)
    estimate = problem.settle(estimate, frames, Freedom(), LANDMARK_STEPS, "all views")
    problem, estimate = _with_freeform(problem, estimate)
    filmed = _filmed_outlines(track, problem)
    estimate = fit_outlines(
        problem, estimate, frames, filmed, (WIDE_GATE_M, MIDDLE_GATE_M), WIDE_STEPS, Freedom()
    )
    filmed = replace(filmed, skin=_bare_skin(capture, track, problem, estimate))
    estimate = fit_outlines(
        problem, estimate, frames, filmed, (MIDDLE_GATE_M, NARROW_GATE_M), NARROW_STEPS, Freedom()
    )
    views = _views(capture, track, problem, frames)
    for _ in range(TRACK_ROUNDS):
        tracks = follow_skin(problem, estimate, frames, views)
        estimate, _ = fit_tracks(
            problem, estimate, frames, filmed, tracks, NARROW_GATE_M, TRACK_STEPS
        )
    used, estimate = _last_admission(problem, estimate, frames, filmed)
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
class _Anchored:
    estimate: Estimate
    fitted_m: FloatArray  # (V, 3) neutral


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
    mean_face = face_points(problem.head, problem.template).mean
    believed, frames = problem.landmarks.found, np.zeros(0, np.int64)
    starts = FOCAL_STARTS if problem.focal.log_sd else (1.0,)
    for ratio in starts:
        focal = problem.focal.focal_px * ratio
        rotation, translation = first_poses(problem.landmarks, mean_face, focal, problem.center_px)
        estimate = Estimate(
            focal,
            rotation,
            translation,
            np.zeros(problem.head.vertices.shape_basis.shape[2]),
            np.zeros((len(rotation), len(SHAPE_NAMES))),
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


def _pose_others(problem: Problem, estimate: Estimate, known: IntArray) -> Estimate:
    """Pose all frames but the `known` ones anew, with head and focal length held fixed."""
    face = face_points(problem.head, problem.template).at_rest(estimate.shape)
    rotation, translation = first_poses(
        problem.landmarks, face, estimate.focal_px, problem.center_px
    )
    rotation[known] = estimate.rotation[known]
    translation[known] = estimate.translation_m[known]
    others = np.setdiff1d(np.flatnonzero(problem.landmarks.found), known)
    moved = replace(estimate, rotation=rotation, translation_m=translation)
    return problem.settle(moved, others, HEAD_FIXED, POSE_STEPS, "other views")


def _agreeing(problem: Problem, estimate: Estimate, known: IntArray) -> BoolArray:
    """(K,) True for frames whose landmarks fit about as well as those of the `known` ones."""
    sightings = problem.sightings(estimate, np.flatnonzero(problem.landmarks.found))
    error = landmark_error_px(sightings, estimate, problem.center_px, problem.landmarks.oval)
    # Wide views err more by nature: compare in units of what is usual at their yaw.
    relative = {s.frame: error[s.frame] / float(np.median(s.sigma_px)) for s in sightings}
    usual = float(np.median([relative[k] for k in known]))
    agreeing = np.zeros(len(problem.landmarks.found), bool)
    yaw = head_angles(estimate.rotation, estimate.translation_m).yaw_deg
    for frame, ratio in relative.items():
        # Seen from behind, a mirrored face would fit.
        agreeing[frame] = ratio < OUTLIER_RATIO * usual and abs(yaw[frame]) < FARTHEST_YAW_DEG
    return agreeing


def _last_admission(
    problem: Problem, estimate: Estimate, frames: IntArray, filmed: FilmedOutlines
) -> tuple[BoolArray, Estimate]:
    """(K,) frames that agree with the finished head; those not used for it are posed on it.

    A frame left out before comes back only if its outline agrees too: a detector that takes a
    turn to the left for one to the right is sure of all its points.
    """
    estimate = _pose_others(problem, estimate, frames)
    candidates = _agreeing(problem, estimate, frames)
    others = np.setdiff1d(np.flatnonzero(candidates), frames)
    gates = (MIDDLE_GATE_M, NARROW_GATE_M)
    estimate = fit_outlines(problem, estimate, others, filmed, gates, POSE_STEPS, HEAD_FIXED)
    used = candidates & _agreeing(problem, estimate, frames)
    # Most of a head's outline is alike from the left and the right: the worst tenth tells.
    outlines = outline_gaps_px(problem, estimate, filmed)
    gaps = {k: float(np.percentile(gap, 90)) for k, gap in outlines.items()}
    usual = float(np.median([gaps[k] for k in frames if k in gaps] or [0.0]))
    for k in others:
        used[k] &= gaps.get(int(k), np.inf) < OUTLIER_RATIO * max(usual, SMALLEST_GAP_PX)
    return used, estimate


def _filmed_outlines(track: FaceTrack, problem: Problem) -> FilmedOutlines:
    """The outlines of all frames with a face, the whole head counting as bare.

    `_bare_skin` tells where it is not, once the first fit to these outlines has placed the head.
    """
    person = {}
    for k in np.flatnonzero(problem.landmarks.found):
        problem.tick("outlines")
        outline = person_outline(read_image(track.mask_paths[k]), problem.landmarks.pixels[k])
        if outline is not None:
            person[int(k)] = outline
    return FilmedOutlines(person, np.ones(len(problem.template.vertices_m), bool))


def _bare_skin(
    capture: Capture, track: FaceTrack, problem: Problem, estimate: Estimate
) -> BoolArray:
    vote = HairlineVote(problem.template, problem.head)
    for k in np.flatnonzero(problem.landmarks.found):
        problem.tick("hairline")
        vote.add(
            int(k),
            estimate,
            problem.center_px,
            read_image(capture.frame_paths[k]),
            read_image(track.mask_paths[k]),
            problem.landmarks.pixels[k],
        )
    return vote.result()


def _views(
    capture: Capture, track: FaceTrack, problem: Problem, frames: IntArray
) -> dict[int, FrameView]:
    return {
        int(k): frame_view(
            read_image(capture.frame_paths[k]),
            read_image(track.mask_paths[k]),
            problem.landmarks.pixels[k],
        )
        for k in frames
    }


def _with_freeform(problem: Problem, estimate: Estimate) -> tuple[Problem, Estimate]:
    modes = smooth_modes(problem.template.vertices_m.astype(np.float64), FREEFORM_MODES)
    shape = np.concatenate([estimate.shape, np.zeros(modes.shape[2])])
    return problem.with_modes(modes), replace(estimate, shape=shape)


def _finish(
    capture: Capture, track: FaceTrack, problem: Problem, estimate: Estimate, used: BoolArray
) -> HeadFit:
    template, found = problem.template, problem.landmarks.found
    anchored = _anchored(template, estimate, problem.head.vertices.at_rest(estimate.shape))
    settled = _settled(track, problem, anchored.estimate, anchored.fitted_m)
    sightings = problem.sightings(estimate, np.flatnonzero(found))
    error = landmark_error_px(sightings, estimate, problem.center_px, problem.landmarks.oval)
    worst = max(error.values())
    residual = np.array([error.get(k, worst) for k in range(len(used))], np.float32)
    rotation, translation = borrow_poses(
        found, anchored.estimate.rotation, anchored.estimate.translation_m
    )
    posed = replace(estimate, rotation=rotation, translation_m=translation * settled.scale)
    angles = head_angles(posed.rotation, posed.translation_m)
    eye_distance = (
        np.linalg.norm(settled.eye_centre_m[0] - settled.eye_centre_m[1])
        * posed.focal_px / posed.translation_m[:, 2]
    )  # fmt: skip
    return HeadFit(
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
        residual_px=residual,
        frame_used=used,
        findings=fit_findings(
            capture, angles.yaw_deg, residual, eye_distance, used,
            settled.smoothed_m, settled.smoothed_shapes,
        ),
    )  # fmt: skip


def _settled(
    track: FaceTrack, problem: Problem, estimate: Estimate, fitted_m: FloatArray
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


def _anchored(template: HeadTemplate, estimate: Estimate, fitted_m: FloatArray) -> _Anchored:
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
