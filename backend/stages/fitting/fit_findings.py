"""What the fit tells the artist about the footage, in sentences with something to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, Capture, Finding, FloatArray

from ...geometry.fold_removal import NOTICEABLE_MOVE_M
from .frame_selection import DISAGREEING, USED
from .uncertainty import Uncertainty

# Yaw, in all and to either side: with less, depth and the far cheek rest on the prior. The message
# asks for more than is needed, since few turn as far as they are asked to.
MIN_TURN_RANGE_DEG, MIN_TURN_PER_SIDE_DEG = 25.0, 20.0
# Median landmark error over the distance between the eyes: a good fit has about .02.
POOR_FIT_THRESHOLD = 0.06
LEFT_OUT_THRESHOLD = 1 / 3  # of the views
EXPRESSION_THRESHOLD_M = 0.002  # root mean square over the face: a speaker moves 1.6 mm
# The footage stage has said it already where it found one of these.
FOOTAGE_FINDINGS = {"hardly_any_turn", "little_turn", "turn_left", "turn_right"}


@dataclass(frozen=True)
class FitSummary:
    """What the findings are judged from, of K frames."""

    yaw_deg: FloatArray  # (K,) to the subject's left
    uncertainty: Uncertainty
    eye_distance_px: FloatArray  # (K,)
    left_out: tuple[str, ...]  # (K,) why, or USED
    expression_spread_m: float  # how far the skin moves between views, nine tenths staying below
    smoothed_m: float  # how far the surface was moved at most to undo folds
    smoothed_shapes: tuple[str, ...]  # those that folded on it
    given_up: str = ""  # which of its shape made it fold


def fit_findings(capture: Capture, fit: FitSummary) -> tuple[Finding, ...]:
    """Findings about the footage's turn, its frames (K,), the face's calm and the head's folds."""
    findings = []
    used = np.array([why == USED for why in fit.left_out])
    if not FOOTAGE_FINDINGS & {finding.code for finding in capture.findings}:
        yaw_deg = fit.yaw_deg[used]
        findings += _turn_findings(float(yaw_deg.min()), float(yaw_deg.max()))
    findings += _frame_findings(fit, used)
    findings += _fold_findings(fit)
    return tuple(findings)


def _frame_findings(fit: FitSummary, used: BoolArray) -> list[Finding]:
    """About views that disagree, landmarks far off, and a face that moves. `used` (K,)."""
    findings = []
    disagreeing = sum(why in DISAGREEING for why in fit.left_out)
    if disagreeing > LEFT_OUT_THRESHOLD * len(fit.left_out):
        findings.append(
            Finding(
                "frames_left_out",
                f"{disagreeing} of {len(fit.left_out)} views did not agree with the others and "
                "were left out. Film with the face unobstructed, in even light.",
            )
        )
    relative = fit.uncertainty.landmark_px[used] / fit.eye_distance_px[used]
    if np.median(relative) > POOR_FIT_THRESHOLD:
        findings.append(
            Finding(
                "poor_fit",
                "The head follows the face only roughly. Film the face larger and sharper, with "
                "a calm expression and the hair tied back.",
            )
        )
    if fit.expression_spread_m > EXPRESSION_THRESHOLD_M:
        findings.append(
            Finding(
                "keep_neutral",
                f"The face moves by up to {1000 * fit.expression_spread_m:.0f} mm between the "
                "views, or something is before it. Keep it calm, and hands and hair away from it, "
                "while the head turns; act afterwards.",
            )
        )
    return findings


def _fold_findings(fit: FitSummary) -> list[Finding]:
    findings = []
    if fit.given_up:
        findings.append(
            Finding(
                "shape_given_up",
                f"With all that was filmed the head's surface folded; {fit.given_up} was given up. "
                "Compare it with the person, or film with a calm face and the hair tied back.",
            )
        )
    if fit.smoothed_m > NOTICEABLE_MOVE_M:
        findings.append(
            Finding(
                "folds_smoothed",
                f"The head's surface was folded and has been smoothed by up to "
                f"{1000 * fit.smoothed_m:.0f} mm. Check ears, nose and lips, or film with a calm "
                "face and the hair tied back.",
            )
        )
    shapes = fit.smoothed_shapes
    if shapes:
        findings.append(
            Finding(
                "shapes_smoothed",
                f"{len(shapes)} of the 52 shapes folded on this head and "
                f"{'was' if len(shapes) == 1 else 'were'} smoothed "
                f"({', '.join(shapes[:3])}{' …' if shapes[3:] else ''}). Look at "
                "them before you animate.",
            )
        )
    return findings


def _turn_findings(right_deg: float, left_deg: float) -> list[Finding]:
    if left_deg - right_deg < MIN_TURN_RANGE_DEG:
        return [
            Finding(
                "little_turn",
                f"The head turns by only {left_deg - right_deg:.0f}° in all, so its sides and its "
                "depth are guessed. Turn it slowly to both sides, to about 45°.",
            )
        ]
    missing = []
    if left_deg < MIN_TURN_PER_SIDE_DEG:
        missing.append(_turn_further_finding("left", "right", left_deg))
    if -right_deg < MIN_TURN_PER_SIDE_DEG:
        missing.append(_turn_further_finding("right", "left", -right_deg))
    return missing


def _turn_further_finding(side: str, hidden: str, angle_deg: float) -> Finding:
    return Finding(
        f"turn_{side}",
        f"The head turns only {max(angle_deg, 0.0):.0f}° to its {side}, so the {hidden} side of "
        f"the head is hardly seen. Turn it further to the {side}, to about 45°.",
    )
