"""Light, sharpness and size of the face through the clip in, sentences about them out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import Finding, FloatArray

from .person_tracking import Person
from .survey import Survey

DARK_LEVEL = 0.18  # mean level of the face, sRGB
CLIPPED_SHARE = 0.03  # share of the face
MIN_SHARPNESS = 0.0012  # gradient energy; sharp 1080p faces reach .004, soft webcams .002
GOOD_FACE_PX = 200.0  # below it pores and hairs are lost
# Logarithm of the face's level from one moment to the next, and whether it stays there. Heads that
# turn under a lamp and exposure that hunts reach .13; a lamp that doubles the light makes .3.
MIN_LIGHT_STEP = 0.2
STEP_FRAMES, LASTING_FRAMES = 2, 8
# Beside eyes that are not blurred. Real skin has .007 in a hard compressed 480p clip, .014 and more
# in good ones; smoothed by an edge-preserving filter it has .005.
MAX_SMOOTHED_DETAIL, MIN_EYE_DETAIL = 0.006, 0.05
# The same of noise: wrinkled, sharpened or bearded skin has up to .03.
MAX_SKIN_DETAIL = 0.06
# Log light of the cheeks. Red over green is .4 on pale skin in a cold room, .6 to .9 usually, 1.3
# by evening light; green over blue -.1 to .9.
MIN_COLOUR = 0.12
SKIN_RED_RANGE, SKIN_BLUE_RANGE = (-0.1, 1.8), (-0.6, 1.5)
MAX_WHITE_SHARE = 0.5  # share of the face; what is white has no colour


def picture_findings(survey: Survey, person: Person) -> list[Finding]:
    """Most important first."""
    return [
        *_about_exposure(person),
        *_about_quality(person),
        *_about_light(survey, person),
        *_about_colour(person),
        *_about_filters(person),
    ]


def _about_light(survey: Survey, person: Person) -> list[Finding]:
    level = np.log([s.brightness for s in person.observations])
    steps = [
        min(
            abs(float(level[i + 1] - level[i + 1 - STEP_FRAMES])),
            abs(
                float(
                    np.median(level[i : i + LASTING_FRAMES])
                    - np.median(level[i - LASTING_FRAMES : i])
                )
            ),
        )
        for i in range(LASTING_FRAMES, len(level) - LASTING_FRAMES)
    ]
    if max(steps, default=0.0) < MIN_LIGHT_STEP:
        return []
    when = survey.time_s[person.observations[int(np.argmax(steps)) + LASTING_FRAMES].frame]
    return [
        Finding(
            "light_changed",
            f"The light on the face changes at {when:.1f} s, so views before and after it do not "
            "match. Cut the clip to one side of it, or film again in steady light.",
        )
    ]


def _about_colour(person: Person) -> list[Finding]:
    colours = np.array([s.cheek_colour for s in person.observations])
    red, blue = colours[np.isfinite(colours).all(1)].T
    if not len(red) or np.median([s.clipped for s in person.observations]) > MAX_WHITE_SHARE:
        return []
    if max(np.percentile(np.abs(red), 90), np.percentile(np.abs(blue), 90)) < MIN_COLOUR:
        return [
            Finding(
                "no_colour",
                "The footage has no colour, so the skin's is a guess. Use it in colour, or set "
                "the skin's warmth by eye.",
            )
        ]
    if _often_within(red, SKIN_RED_RANGE) and _often_within(blue, SKIN_BLUE_RANGE):
        return []
    return [
        Finding(
            "strange_colour",
            "The face has colours that skin never has in white light, so its tone is a guess: the "
            "lamps are strongly coloured, or the footage is graded or inverted. Film in white "
            "light and use the footage as recorded, or pick something grey or white in a frame.",
        )
    ]


def _often_within(values: FloatArray, typical: tuple[float, float]) -> bool:
    """In a quarter of the frames: half a face in the dark has odd colours in more than half."""
    low, high = np.percentile(values, (25, 75))
    return bool(high > typical[0] and low < typical[1])


def _about_filters(person: Person) -> list[Finding]:
    skin = np.median([s.skin_detail for s in person.observations])
    eyes = np.median([s.eye_detail for s in person.observations])
    width = np.median([s.width_px for s in person.observations])
    if width < GOOD_FACE_PX or eyes < MIN_EYE_DETAIL or skin > MAX_SMOOTHED_DETAIL:
        return []
    return [
        Finding(
            "beauty_filter",
            "The skin is far smoother than the eyes are sharp: a beauty filter, or strong "
            "compression, has taken pores and lines away. Switch it off in the camera and film "
            "again.",
        )
    ]


def _about_exposure(person: Person) -> list[Finding]:
    brightness = np.median([s.brightness for s in person.observations])
    clipped = np.median([s.clipped for s in person.observations])
    findings = []
    if brightness < DARK_LEVEL:
        findings.append(
            Finding("too_dark", "The face is too dark. Film it in more light, near a window.")
        )
    if clipped > CLIPPED_SHARE:
        findings.append(
            Finding(
                "clipped",
                f"{clipped:.0%} of the face is blown out to white. Lower the exposure, or turn "
                "away from direct sun.",
            )
        )
    return findings


def _about_quality(person: Person) -> list[Finding]:
    width = np.median([s.width_px for s in person.observations])
    sharpness = np.percentile([s.sharpness for s in person.observations], 90)
    findings = []
    if width < GOOD_FACE_PX:
        findings.append(
            Finding(
                "low_resolution",
                f"The face is only {width:.0f} pixels wide, so the texture will be soft. Go "
                "closer or film in full HD or 4K; 400 pixels and more are good.",
            )
        )
    if np.median([s.skin_detail for s in person.observations]) > MAX_SKIN_DETAIL:
        findings.append(
            Finding(
                "noisy",
                "The picture is full of noise, which is taken for the skin's own structure. Film "
                "in more light, or with a camera that needs less of it.",
            )
        )
    if sharpness < MIN_SHARPNESS:
        findings.append(
            Finding(
                "blurred",
                "The face is out of focus or blurred by movement. Turn more slowly, in more "
                "light, and let the camera focus on the eyes.",
            )
        )
    return findings
