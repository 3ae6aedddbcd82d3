"""Which frames agree with the head, and why the others were left out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, IntArray

from .head_model import SolverState, head_angles
from .initial_poses import HEAD_FIXED, POSE_STEPS, estimate_remaining_poses
from .landmark_term import OUTLIER_RATIO, landmark_error_px
from .outline_fit import MIDDLE_GATE_M, NARROW_GATE_M, FilmedOutlines, fit_outlines, outline_gaps_px
from .problem import Problem

# An outline closer than this agrees whatever the others' gap: below it the mask's own error
# decides.
MIN_OUTLINE_GAP_PX = 1.5
MAX_YAW_DEG = 90.0  # seen from behind, a mirrored face would fit
# Why a frame was left out; empty: it was used.
USED, NO_FACE, LANDMARKS_DISAGREE, OUTLINE_DISAGREES, BY_HAND = (
    "", "no face found", "landmarks disagree", "outline disagrees", "by hand",
)  # fmt: skip
DISAGREEING = (LANDMARKS_DISAGREE, OUTLINE_DISAGREES)


def agreeing_frames(
    problem: Problem, estimate: SolverState, reference_frames: IntArray
) -> BoolArray:
    """(K,) True for frames whose landmarks fit about as well as those of `reference_frames`
    (F,)."""
    observations = problem.observations(estimate, np.flatnonzero(problem.landmarks.found))
    error = landmark_error_px(observations, estimate, problem.center_px, problem.landmarks.oval)
    # Wide views err more by nature: compare in units of their yaw's own noise.
    relative_error = {o.frame: error[o.frame] / float(np.median(o.sigma_px)) for o in observations}
    median = float(np.median([relative_error[k] for k in reference_frames]))
    agrees = np.zeros(len(problem.landmarks.found), bool)
    yaw = head_angles(estimate.rotation, estimate.translation_m).yaw_deg
    for frame, ratio in relative_error.items():
        agrees[frame] = ratio < OUTLIER_RATIO * median and abs(yaw[frame]) < MAX_YAW_DEG
    return agrees


def final_selection(
    problem: Problem, estimate: SolverState, frames: IntArray, filmed: FilmedOutlines
) -> tuple[tuple[str, ...], SolverState]:
    """Why each of the K frames is not used, now that the head rests on `frames` (F,); the estimate
    with all the others posed on it.

    A frame left out before comes back only if its outline agrees too: a detector that takes a
    turn to the left for one to the right is confident of all its points. What the artist put in
    or left out stays so.
    """
    estimate = estimate_remaining_poses(problem, estimate, frames)
    candidates = agreeing_frames(problem, estimate, frames)
    others = np.setdiff1d(np.flatnonzero(candidates), frames)
    gates = (MIDDLE_GATE_M, NARROW_GATE_M)
    estimate = fit_outlines(problem, estimate, others, filmed, gates, POSE_STEPS, HEAD_FIXED)
    landmarks_agree = candidates & agreeing_frames(problem, estimate, frames)
    # Most of a head's outline is alike from the left and the right: the worst tenth decides.
    outlines = outline_gaps_px(problem, estimate, filmed)
    gaps = {k: float(np.percentile(gap, 90)) for k, gap in outlines.items()}
    median = float(np.median([gaps[k] for k in frames if k in gaps] or [0.0]))
    outline_agrees = np.ones(len(landmarks_agree), bool)
    for k in others if gaps else ():  # hair and scarves may hide every outline
        if k in gaps:
            outline_agrees[k] = gaps[k] < OUTLIER_RATIO * max(median, MIN_OUTLINE_GAP_PX)
        else:  # nothing speaks for what the landmarks left out before
            landmarks_agree[k] = False
    reason = np.full(len(landmarks_agree), USED, object)
    reason[~outline_agrees] = OUTLINE_DISAGREES
    reason[~landmarks_agree] = LANDMARKS_DISAGREE
    reason[problem.put_in] = USED
    reason[problem.leave_out] = BY_HAND
    reason[~problem.landmarks.found] = NO_FACE
    return tuple(reason), estimate
