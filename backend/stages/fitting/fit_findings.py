"""What the fit tells the artist about the footage, in sentences with something to do."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import Capture, Finding, FloatArray

from .frame_selection import DISAGREEING, USED
from .uncertainty import Uncertainty

MIN_TURN_RANGE_DEG = 25.0
MIN_TURN_PER_SIDE_DEG = 20.0
# Median landmark error over the distance between the eyes: a good fit has about .02.
POOR_FIT_THRESHOLD = 0.06
LEFT_OUT_THRESHOLD = 1 / 3
NOTICEABLE_MOVE_M = 0.001
EXPRESSION_THRESHOLD_M = 0.002  # root mean square over the face: a speaker moves 1.6 mm
FOOTAGE_FINDINGS = {"hardly_any_turn", "little_turn", "turn_left", "turn_right"}


def fit_findings(
    capture: Capture,
    yaw_deg: FloatArray,
    uncertainty: Uncertainty,
    eye_distance_px: FloatArray,
    left_out: tuple[str, ...],
    expression_spread_m: float,
    smoothed_m: float,
    smoothed_shapes: tuple[str, ...],
) -> tuple[Finding, ...]:
    """Findings from yaw, residuals and eye distance of the K frames, and why some are left out.

    `expression_spread_m`: how far the face's skin moves between the views, nine tenths of them
    staying below. `smoothed_m`: how far the head's surface was moved at most to undo folds;
    `smoothed_shapes`: the shapes that folded on it.
    """
    findings = []
    used = np.array([why == USED for why in left_out])
    if not FOOTAGE_FINDINGS & {finding.code for finding in capture.findings}:
        findings += _turn_findings(float(yaw_deg[used].min()), float(yaw_deg[used].max()))
    disagreeing = sum(why in DISAGREEING for why in left_out)
    if disagreeing > LEFT_OUT_THRESHOLD * len(left_out):
        findings.append(
            Finding(
                "frames_left_out",
                f"{disagreeing} of {len(left_out)} views did not agree with the others and "
                "were left out. Film with the face unobstructed, in even light.",
            )
        )
    if np.median(uncertainty.landmark_px[used] / eye_distance_px[used]) > POOR_FIT_THRESHOLD:
        findings.append(
            Finding(
                "poor_fit",
                "The head follows the face only roughly. Film the face larger and sharper, with "
                "a calm expression and the hair tied back.",
            )
        )
    if expression_spread_m > EXPRESSION_THRESHOLD_M:
        findings.append(
            Finding(
                "keep_neutral",
                f"The face moves by up to {1000 * expression_spread_m:.0f} mm between the views, "
                "or something is before it. Keep it calm, and hands and hair away from it, while "
                "the head turns; act afterwards.",
            )
        )
    if smoothed_m > NOTICEABLE_MOVE_M:
        findings.append(
            Finding(
                "folds_smoothed",
                f"The head's surface was folded and has been smoothed by up to "
                f"{1000 * smoothed_m:.0f} mm. Check ears, nose and lips, or film with a calm face "
                "and the hair tied back.",
            )
        )
    if smoothed_shapes:
        findings.append(
            Finding(
                "shapes_smoothed",
                f"{len(smoothed_shapes)} of the 52 shapes folded on this head and "
                f"{'was' if len(smoothed_shapes) == 1 else 'were'} smoothed "
                f"({', '.join(smoothed_shapes[:3])}{' …' if smoothed_shapes[3:] else ''}). Look at "
                "them before you animate.",
            )
        )
    return tuple(findings)


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
