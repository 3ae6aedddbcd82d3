"""Frames, landmarks, masks and labels in; the head, its expression and the cameras out.

Landmarks of near-frontal frames start one bundle over focal length, poses, identity and
expression; wider views join when they agree with it; then the outline of skin bounds the skull
and lets the head leave the span of its identity parameters. Landmarks slide over the skin as the
head turns, so where it turns far enough, dense tracks of the skin itself between neighbouring views
finish the solve: they are found through the head as far as it is fitted, and again through the
better one. Where on that skin lids, lips and brows lie, landmarks say in the end.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.errors import FitError
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    BoolArray,
    Capture,
    FaceTrack,
    FloatArray,
    IntArray,
    Progress,
)

from ...detector.landmark_table import load_landmark_table
from ...imaging.image_files import load_labels, read_image
from .bald_vote import BaldVote
from .bundle_adjustment import FreeParameters
from .frame_selection import USED, agreeing_frames, final_selection
from .freeform import rest_modes, smooth_modes
from .head_model import SolverState, linear_head
from .initial_poses import (
    FOCAL_STARTS,
    POSE_STEPS,
    START_STEPS,
    estimate_remaining_poses,
    start_from_frontal,
)
from .landmark_term import face_landmarks
from .outline_fit import NARROW_GATE_M, WIDE_GATE_M, FilmedOutline, FilmedOutlines, fit_outlines
from .problem import FocalPrior, Problem, own_precision
from .silhouette import person_outline, skin_outline
from .solution import PreviousSolution, Solution
from .track_fit import fit_tracks, track_skin
from .track_term import TrackedPoints
from .view_images import FrameView, frame_view

# Without metadata the camera's guess is a guess: the lenses that it lies between are a third of
# an octave and more away from it.
FOCAL_LOG_SD = 0.2
# At most, but for the outlines', which narrow their gate step by step.
LANDMARK_STEPS, OUTLINE_STEPS = 12, 16
# Rounds, since tracks lean towards the fit they are found through, by 2 to 4 % of its error.
TRACK_ROUNDS, TRACK_STEPS, EDGE_STEPS = 3, 12, 6
FREEFORM_MODES = 55  # each even and odd, along three axes
# Where a head folds: what is given up in turn, and how many times stiffer than before that is.
GIVEN_UP = {"fine shape of its own": 16.0, "all but heads' common proportions": 1e5}
SOLVER_STEPS = (
    START_STEPS * len(FOCAL_STARTS) + LANDMARK_STEPS + 3 * POSE_STEPS
    + OUTLINE_STEPS + TRACK_ROUNDS * (TRACK_STEPS + 1) + EDGE_STEPS
)  # fmt: skip


def solve_head(
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    progress: Progress,
    corrections: Corrections,
) -> Solution:
    """Fit `template` to the K chosen frames.

    Raises FitError where no frame shows a face that a head can be fitted to, CorrectionError
    where a correction names what is not there.
    """
    problem, estimate, frames = _fit_landmarks(capture, track, template, progress, corrections)
    problem, estimate = _add_freeform_modes(problem, estimate)
    filmed, every = _read_outlines(track, problem, estimate), FreeParameters()
    gates = (WIDE_GATE_M, NARROW_GATE_M)
    estimate = fit_outlines(problem, estimate, frames, filmed, gates, OUTLINE_STEPS, every)
    views, points = _read_views(capture, track, problem, frames), ()
    for _ in range(TRACK_ROUNDS):
        points = track_skin(problem, estimate, frames, views)
        if points:  # there are none on skin as smooth as a ball's, or without a turn
            estimate, points = fit_tracks(
                problem.reweighted_for_tracks, estimate, frames, filmed, points, TRACK_STEPS, every
            )
    estimate, points = _draw_to_edges(problem, estimate, frames, filmed, points)
    return _solution(problem, filmed, estimate, points, frames)


def solve_landmarks(
    capture: Capture, track: FaceTrack, template: HeadTemplate, progress: Progress
) -> Solution:
    """The plain alternative that `solve_head` is measured against: landmarks alone.

    Raises FitError as `solve_head` does.
    """
    problem, estimate, frames = _fit_landmarks(capture, track, template, progress, Corrections())
    filmed = _read_outlines(track, problem, estimate)
    return _solution(problem, filmed, estimate, (), frames)


def solve_from_previous(
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    progress: Progress,
    corrections: Corrections,
    previous: PreviousSolution,
) -> Solution:
    """The same frames with other corrections, from an earlier solution as a warm start: some
    seconds.

    Raises FitError and CorrectionError as `solve_head` does.
    """
    problem = _problem(capture, track, template, progress, corrections)
    problem = problem.with_modes(_modes(template))
    estimate = previous.estimate
    filmed = _read_outlines(track, problem, estimate)
    if problem.focal.is_fixed:
        estimate = estimate.with_focal(problem.focal.focal_px)
    frames = usable_frames(problem.with_artist_choice(previous.used))
    points = previous.points(problem.head, frames)
    weighted = problem.reweighted_for_tracks if points else problem
    estimate, points = fit_tracks(
        weighted, estimate, frames, filmed, points, TRACK_STEPS, FreeParameters()
    )
    estimate, points = _draw_to_edges(problem, estimate, frames, filmed, points)
    return _solution(problem, filmed, estimate, points, frames)


def solve_stiffer(solution: Solution, given_up: str) -> Solution:
    """The same frames, with free-form offsets so stiff that one of GIVEN_UP is left out."""
    problem = solution.problem.with_stiffer_modes(GIVEN_UP[given_up])
    estimate, points, frames = solution.estimate, solution.points, solution.solved_with
    if points:
        estimate, points = fit_tracks(
            problem.reweighted_for_tracks, estimate, frames, solution.filmed, points,
            TRACK_STEPS, FreeParameters(),
        )  # fmt: skip
        estimate, points = _draw_to_edges(problem, estimate, frames, solution.filmed, points)
    else:
        gates = (NARROW_GATE_M, NARROW_GATE_M)
        estimate = fit_outlines(
            problem, estimate, frames, solution.filmed, gates, OUTLINE_STEPS, FreeParameters()
        )
    again = _solution(problem, solution.filmed, estimate, points, frames)
    return replace(again, given_up=given_up)


def _draw_to_edges(
    problem: Problem,
    estimate: SolverState,
    frames: IntArray,
    filmed: FilmedOutlines,
    points: tuple[TrackedPoints, ...],
) -> tuple[SolverState, tuple[TrackedPoints, ...]]:
    """A head on whose skin all views meet, with lids, lips and brows where their edges are found;
    unchanged where there are no tracks.

    Tracks tell where skin is, not where on it lids lie. Cameras rest as tracks have them, for what
    all edges miss alike would turn them.
    """
    if not points:
        return estimate, points
    return fit_tracks(
        problem.with_own_landmarks(estimate, frames), estimate, frames, filmed, points,
        EDGE_STEPS, FreeParameters(focal=False, pose=False),
    )  # fmt: skip


def _fit_landmarks(
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    progress: Progress,
    corrections: Corrections,
) -> tuple[Problem, SolverState, IntArray]:
    """A head that fits the landmarks, and the frames that agree with it."""
    problem = _problem(capture, track, template, progress, corrections)
    allowed = problem.landmarks.found & ~problem.leave_out
    usable_frames(allowed)
    start = start_from_frontal(problem, capture.frame_index, allowed)
    estimate = estimate_remaining_poses(problem, start.estimate, start.frames)
    used = start.plausible & agreeing_frames(problem, estimate, start.frames)
    used[start.frames] = True
    frames = usable_frames(problem.with_artist_choice(used))
    estimate = problem.optimize(estimate, frames, FreeParameters(), LANDMARK_STEPS, "all views")
    return problem, estimate, frames


def _solution(
    problem: Problem,
    filmed: FilmedOutlines,
    estimate: SolverState,
    points: tuple[TrackedPoints, ...],
    frames: IntArray,
) -> Solution:
    left_out, estimate = final_selection(problem, estimate, frames, filmed)
    usable_frames(np.array([why == USED for why in left_out]))
    return Solution(problem, filmed, estimate, points, frames, left_out)


def usable_frames(usable: BoolArray) -> IntArray:
    """(F,) indices of the `usable` (K,) frames. Raises FitError where there is none."""
    if not usable.any():
        raise FitError(
            "No frame is left that the head can be fitted to.",
            "Put frames in again, or film the face from the front, evenly lit.",
        )
    return np.flatnonzero(usable)


def all_steps(frames: int) -> int:
    """How many steps a solve of so many frames reports at most, unless its head folds."""
    return SOLVER_STEPS + frames  # each frame's outline


class _Steps:
    """Counts solver steps for the progress bar; solves that settle early leave some out."""

    def __init__(self, progress: Progress, frames: int) -> None:
        self._progress = progress
        self._all = all_steps(frames)
        self._done = 0

    def __call__(self, message: str) -> None:
        self._progress(min(self._done, self._all), self._all, message)
        self._done += 1


def _problem(
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    progress: Progress,
    corrections: Corrections,
) -> Problem:
    index = capture.frame_index.tolist()
    corrections.checked_for(index, capture.size_px)
    guess = float(np.mean(capture.camera_guess.focal_px))
    certain = corrections.focal_px is not None or capture.focal_known
    head = linear_head(template)
    return Problem(
        template,
        head,
        face_landmarks(track.frame_landmarks_px, load_landmark_table()),
        {index.index(frame): points for frame, points in corrections.landmarks_px.items()},
        FocalPrior(corrections.focal_px or guess, 0.0 if certain else FOCAL_LOG_SD),
        np.array(capture.camera_guess.center_px, np.float64),
        np.isin(index, list(corrections.put_in)),
        np.isin(index, list(corrections.leave_out)),
        _Steps(progress, len(index)),
        own_precision(head),
    )


def _add_freeform_modes(problem: Problem, estimate: SolverState) -> tuple[Problem, SolverState]:
    modes = _modes(problem.template)
    shape = np.concatenate([estimate.shape, np.zeros(modes.shape[2])])
    return problem.with_modes(modes), replace(estimate, shape=shape)


def _modes(template: HeadTemplate) -> FloatArray:
    """(V, 3, M)."""
    smooth = smooth_modes(template.vertices_m.astype(np.float64), FREEFORM_MODES)
    return np.concatenate([smooth, rest_modes(template)], axis=2)


def _read_outlines(track: FaceTrack, problem: Problem, estimate: SolverState) -> FilmedOutlines:
    """The outlines of all frames with a face, the head being about where the estimate has it."""
    filmed, vote = {}, BaldVote(problem.template, problem.head)
    for k in np.flatnonzero(problem.landmarks.found).tolist():
        problem.tick("outlines")
        labels, face_px = load_labels(track, k), problem.landmarks.pixels[k]
        vote.add(k, estimate, problem.center_px, labels)
        mask, px_per_m = read_image(track.mask_paths[k]), estimate.px_per_m(k)
        person = person_outline(mask, labels, face_px, px_per_m)
        if person is not None:
            filmed[k] = FilmedOutline(person, skin_outline(labels, face_px, px_per_m))
    if vote.result():
        return {k: outline.of_bald for k, outline in filmed.items()}
    return filmed


def _read_views(
    capture: Capture, track: FaceTrack, problem: Problem, frames: IntArray
) -> dict[int, FrameView]:
    return {
        int(k): frame_view(
            read_image(capture.frame_paths[k]),
            read_image(track.mask_paths[k]),
            load_labels(track, int(k)),
            problem.landmarks.pixels[k],
        )
        for k in frames
    }
