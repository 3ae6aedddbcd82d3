"""What the survey measured in, sentences that an artist can act on out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import Finding, FloatArray, IntArray

from .head_view import HeadView
from .person_tracking import Person
from .picture_findings import picture_findings
from .source import SourceFacts
from .survey import Survey
from .zoom import zoom_share

# To one side: below the first that side is worth a word, below the second on both sides the head
# counts as not turned at all.
GOOD_TURN_DEG, MIN_TURN_DEG = 22.0, 12.0
# Without a look from the front one eye, half the mouth and all symmetry are guessed.
FRONTAL_DEG = 25.0
MIN_FOUND_SHARE = 0.8  # of the shot's frames with a face; a few lost ones do no harm
LONG_GAP_SHARE = 0.15  # of the shot's frames, worth telling when it was
GLASSES_NOSE_LINE = 0.35  # bare noses .02 to .1, wire glasses .7
NOSE_VISIBLE_DEG = 20.0
MIN_READ_SHARE = 0.9  # of the frames that the file announces; containers are off by a few


def footage_findings(
    facts: SourceFacts, survey: Survey, person: Person, view: HeadView
) -> tuple[Finding, ...]:
    """Everything worth telling about the clip, most important first."""
    return (
        *_about_file(facts, survey),
        *_about_people(survey, person),
        *_about_turn(view.yaw_deg),
        *_about_zoom(survey, person, view),
        *picture_findings(survey, person),
        *_about_glasses(wears_glasses(person, view.yaw_deg)),
    )


def _about_file(facts: SourceFacts, survey: Survey) -> list[Finding]:
    findings = []
    count, expected = len(survey.time_s), facts.expected_frames or 0
    if count < MIN_READ_SHARE * expected:
        findings.append(
            Finding(
                "truncated",
                f"The clip breaks off: {count} of {expected} frames could be read and are used. "
                "Copy it from the phone again to use all of it.",
            )
        )
    if facts.skipped:
        names = ", ".join(facts.skipped[:3]) + (" …" if len(facts.skipped) > 3 else "")
        findings.append(
            Finding(
                "photos_skipped",
                f"{len(facts.skipped)} photos were left out ({names}): unreadable, too large or "
                "of another size than most. Export them all as plain jpg in one size to use them.",
            )
        )
    return findings


def _about_people(survey: Survey, person: Person) -> list[Finding]:
    findings = []
    frames = np.array([s.frame for s in person.observations])
    if len(person.cuts):
        start, end = survey.time_s[frames[[0, -1]]]
        findings.append(
            Finding(
                "cuts",
                f"The clip has cuts; only its longest shot, from {start:.1f} to {end:.1f} s, is "
                "used. If that is not the one you mean, cut the clip to it.",
            )
        )
    if person.company_share > 0.1:
        findings.append(
            Finding(
                "several_people",
                "Several people are in the picture; the one with the largest face is used. "
                "Film one person alone to be sure.",
            )
        )
    findings += _about_loss(survey, person, frames)
    return findings


def _about_loss(survey: Survey, person: Person, frames: IntArray) -> list[Finding]:
    """Where the face is missing in the person's own shot; other shots are told by `cuts`."""
    first, end = person.shot(len(survey.time_s))
    share = len(frames) / (end - first)
    if share >= MIN_FOUND_SHARE:
        return []
    bounds = np.array([first - 1, *frames, end])
    longest = int(np.diff(bounds).argmax())
    missing = bounds[longest + 1] - bounds[longest] - 1
    when = ""
    if missing > LONG_GAP_SHARE * (end - first):
        start = survey.time_s[bounds[longest] + 1]
        until = (
            "the end"
            if bounds[longest + 1] == end
            else f"{survey.time_s[bounds[longest + 1]]:.1f} s"
        )
        when = f", and is missing from {start:.1f} s to {until}"
    return [
        Finding(
            "face_lost",
            f"The face was found in only {share:.0%} of the frames{when}; the others are left out. "
            "Keep it in the picture, turn it no further than both eyes stay visible, and keep "
            "hands and hair away from it.",
        )
    ]


def _about_turn(yaw_deg: FloatArray) -> list[Finding]:
    right, left = -np.nanpercentile(yaw_deg, 1), np.nanpercentile(yaw_deg, 99)
    if max(left, right) < MIN_TURN_DEG:
        return [
            Finding(
                "hardly_any_turn",
                f"The head turns only {max(left, 0):.0f}° to its left and {max(right, 0):.0f}° to "
                "its right, so its sides were not seen and will be made up. Film it turning about "
                "45° to both sides.",
            )
        ]
    findings = []
    least = float(np.nanpercentile(np.abs(yaw_deg), 2))
    if least > FRONTAL_DEG:
        findings.append(
            Finding(
                "never_frontal",
                f"The face is never seen from the front: it is always turned by {least:.0f}° or "
                "more, so its width and its middle are guessed. Begin facing the camera, then "
                "turn to both sides.",
            )
        )
    for side, other, angle in (("left", "right", left), ("right", "left", right)):
        if angle < GOOD_TURN_DEG:
            findings.append(
                Finding(
                    f"turn_{side}",
                    f"The head turns only {max(angle, 0):.0f}° to its {side}, so the {other} side "
                    f"of the face is hardly seen. Turn it further to its {side}, to about 45°.",
                )
            )
    return findings


def _about_zoom(survey: Survey, person: Person, view: HeadView) -> list[Finding]:
    first, end = person.shot(len(survey.time_s))
    head_size = person.per_frame(view.px_per_m, len(survey.time_s))
    zoomed = zoom_share(survey.background_growth[first:end], head_size[first:end])
    if not zoomed:
        return []
    return [
        Finding(
            "zoom",
            f"The picture is zoomed in or out by {zoomed:.0%} or more during the clip; one lens "
            "setting is assumed for all of it, so the head's depth will be wrong. Film again "
            "without zooming, or cut the clip to the part before it.",
        )
    ]


def wears_glasses(person: Person, yaw_deg: FloatArray) -> bool:
    """Whether something crosses the nose where it is seen from the front; `yaw_deg` (N,)."""
    frontal = np.flatnonzero(np.abs(yaw_deg) < NOSE_VISIBLE_DEG)
    lines = [person.observations[n].nose_line for n in frontal]
    return bool(lines) and float(np.median(lines)) >= GLASSES_NOSE_LINE


def _about_glasses(glasses: bool) -> list[Finding]:
    if not glasses:
        return []
    return [
        Finding(
            "glasses",
            "Something crosses the nose between the eyes, most likely glasses: the skin behind "
            "their rims is made up, and the eyes can be off. Film again without glasses.",
        )
    ]
