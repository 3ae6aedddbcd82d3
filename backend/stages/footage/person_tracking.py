"""Faces of every frame in, the one person tracked through the clip out.

A person is tracked from frame to frame by place and size; a cut ends everybody. Without cuts the
tracklets of a person who was lost for a while are joined again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.errors import FaceNotFound
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from .survey import FaceObservation, Survey

MIN_CUT_CHANGE = 0.25  # real clips: hardly ever above .11 within a shot, .37 and more at a cut
MIN_CUT_RATIO = 1.5  # beside the frames before and after it
# With a face, of a clip or a folder of photos: fewer views leave the head's depth open.
MIN_FRAMES = 8
MIN_SHARE = 0.15  # of a clip's frames: less is somebody who passes by
# Of a clip with cuts at least half must be the shot that is used: otherwise it shows something
# else, and guessing whose head is wanted would waste the artist's time.
MIN_SHOT_SHARE = 0.5
MIN_FACE_PX = 60.0  # half of what the landmark network takes: less is guessed
MIN_SIZE_RATIO = 1.25  # two people at once: one must be this much larger to be meant
MAX_RIVAL_SHARE = 0.3  # of the clip, for which a second face makes the choice doubtful
# How far a face moves, in face widths: from frame to frame, and between tracklets of one person.
MAX_STEP, JOIN_DISTANCE = 0.6, 3.0
SIZE_RATIO_RANGE = (0.6, 1.6)  # of its width to the one before; outside it is another face
MAX_GAP_FRAMES = 15  # half a second without the face ends its tracklet

FILM_ONE_PERSON = "Film one person in a single take, turning the head slowly to both sides."


@dataclass
class _Tracklet:
    """A person as far as tracked without interruption."""

    observations: list[FaceObservation]

    @property
    def last(self) -> FaceObservation:
        return self.observations[-1]

    @property
    def width_px(self) -> float:
        return float(np.median([s.width_px for s in self.observations]))

    @property
    def frames(self) -> IntArray:
        """(N,) into the clip's frames, ascending."""
        return np.array([s.frame for s in self.observations])

    def distance(self, other: FaceObservation) -> float:
        """Step to a face, in face widths; infinite where the sizes cannot be one person's."""
        ratio = other.width_px / max(self.last.width_px, 1.0)
        if not SIZE_RATIO_RANGE[0] < ratio < SIZE_RATIO_RANGE[1]:
            return np.inf
        step = np.linalg.norm(other.centre_px - self.last.centre_px)
        return float(step / max(self.last.width_px, 1.0))


@dataclass(frozen=True)
class Person:
    """Whom the clip is about. `observations` in the order of frames."""

    observations: tuple[FaceObservation, ...]
    cuts: IntArray  # frames that begin a new shot
    company_share: float  # share of the person's frames that show somebody else of comparable size

    def shot(self, frame_count: int) -> tuple[int, int]:
        """First frame of the shot the person is in, and the one after its last."""
        bounds = np.array([0, *self.cuts, frame_count])
        place = int(np.searchsorted(bounds, self.observations[0].frame, side="right"))
        return int(bounds[place - 1]), int(bounds[place])

    def per_frame(self, values: FloatArray, frame_count: int) -> FloatArray:
        """Values (N, ...) of the observations spread over all frames (T, ...), NaN elsewhere."""
        spread = np.full((frame_count, *values.shape[1:]), np.nan, np.float32)
        spread[[s.frame for s in self.observations]] = values
        return spread


def track_person(survey: Survey, consecutive: bool) -> Person:
    """The person to make the avatar of.

    Raises FaceNotFound without a face, with too few or too small ones, and where several people or
    cuts leave the choice open.
    """
    count = len(survey.time_s)
    if not any(survey.observations):
        raise FaceNotFound(
            f"No face was found in any of the {count} frames.",
            "Film the face from the front, well lit and filling at least a fifth of the picture.",
        )
    cuts = _find_cuts(survey.scene_change) if consecutive else np.empty(0, int)
    tracklets = _link_tracklets(survey, cuts, consecutive)
    if not len(cuts):
        tracklets = _join_tracklets(tracklets)
    main = max(tracklets, key=lambda tracklet: len(tracklet.observations) * tracklet.width_px)
    _refuse_unclear(main, tracklets, cuts, count)
    _refuse_scarce(main, count, consecutive)
    together = np.isin(main.frames, _frames_of_others(main, tracklets))
    counted = survey.people[main.frames] > 1
    return Person(tuple(main.observations), cuts, float((together | counted).mean()))


def _find_cuts(scene_change: FloatArray) -> IntArray:
    """Frames that begin a new shot. (T,) changes in a row are a pan, or somebody who walks by."""
    before = np.concatenate([[0.0], scene_change[:-1]])
    after = np.concatenate([scene_change[1:], [0.0]])
    alone = scene_change > MIN_CUT_RATIO * np.maximum(before, after)
    return np.flatnonzero((scene_change > MIN_CUT_CHANGE) & alone)


def _link_tracklets(survey: Survey, cuts: IntArray, consecutive: bool) -> list[_Tracklet]:
    if not consecutive:
        return [
            _Tracklet([max(s, key=lambda face: face.width_px) for s in survey.observations if s])
        ]
    ended: list[_Tracklet] = []
    active: list[_Tracklet] = []
    starts = set(cuts.tolist())
    for frame, faces in enumerate(survey.observations):
        lost = [p for p in active if frame in starts or frame - p.last.frame > MAX_GAP_FRAMES]
        ended += lost
        active = [p for p in active if p not in lost]
        for face in sorted(faces, key=lambda face: -face.width_px):
            free = [p for p in active if p.last.frame < frame and p.distance(face) < MAX_STEP]
            if free:
                min(free, key=lambda p: p.distance(face)).observations.append(face)
            else:
                active.append(_Tracklet([face]))
    return ended + active


def _join_tracklets(tracklets: list[_Tracklet]) -> list[_Tracklet]:
    """Join tracklets that come one after another in time and place."""
    joined: list[_Tracklet] = []
    for tracklet in sorted(tracklets, key=lambda tracklet: tracklet.observations[0].frame):
        first = tracklet.observations[0]
        before = [
            p for p in joined if p.last.frame < first.frame and p.distance(first) < JOIN_DISTANCE
        ]
        if before:
            min(before, key=lambda p: p.distance(first)).observations.extend(tracklet.observations)
        else:
            joined.append(tracklet)
    return joined


def _frames_of_others(main: _Tracklet, tracklets: list[_Tracklet]) -> IntArray:
    """Frames with another face that could as well be meant."""
    rivals = [
        tracklet.frames
        for tracklet in tracklets
        if tracklet is not main and tracklet.width_px * MIN_SIZE_RATIO > main.width_px
    ]
    return np.unique(np.concatenate(rivals)) if rivals else np.empty(0, int)


def _refuse_unclear(
    main: _Tracklet, tracklets: list[_Tracklet], cuts: IntArray, count: int
) -> None:
    share = len(main.observations) / count
    people = sum(len(tracklet.observations) >= MIN_FRAMES for tracklet in tracklets)
    if len(cuts) and share < MIN_SHOT_SHARE and people > 1:
        shown = f"{people} stretches with a face"
        cut_count = f"{len(cuts)} cuts" if len(cuts) > 1 else "a cut"
        raise FaceNotFound(
            f"No single person can be followed: the clip has {cut_count} and {shown}, the longest "
            f"covering {share:.0%} of it.",
            FILM_ONE_PERSON + " Or cut the clip to the one shot that you mean.",
        )
    if np.isin(main.frames, _frames_of_others(main, tracklets)).mean() > MAX_RIVAL_SHARE:
        raise FaceNotFound(
            "Several people of about the same size are in the picture, so nobody can tell whose "
            "head is wanted.",
            FILM_ONE_PERSON,
        )


def _refuse_scarce(main: _Tracklet, count: int, consecutive: bool) -> None:
    found = len(main.observations)
    needed = max(MIN_FRAMES, MIN_SHARE * count) if consecutive else MIN_FRAMES
    if found < needed:
        what = "frames" if consecutive else "photos"
        raise FaceNotFound(
            f"A face was found in only {found} of {count} {what}; at least {int(needed)} are "
            "needed.",
            "Film the face from the front, well lit, turning it no further than it stays visible.",
        )
    if main.width_px < MIN_FACE_PX:
        raise FaceNotFound(
            f"The face is only {main.width_px:.0f} pixels wide; at least {MIN_FACE_PX:.0f} are "
            "needed, 400 give a good texture.",
            "Go closer, or film in full HD or 4K.",
        )
