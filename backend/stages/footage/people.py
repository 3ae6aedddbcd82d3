"""Faces of every frame in, the one person followed through the clip out.

A person is followed from frame to frame by place and size; a cut ends everybody. Without cuts the
pieces of a person who was lost for a while are joined again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.errors import FaceNotFound
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from .survey import FaceObservation, Survey

CUT_CHANGE = 0.25  # real clips: hardly ever above .11 within a shot, .37 and more at a cut
CUT_STANDS_OUT = 1.5  # beside the frames before and after it
MIN_FRAMES = 8
MIN_SHARE = 0.15
# Of a clip with cuts at least half must be the shot that is used: otherwise it shows something
# else, and guessing whose head is wanted would waste the artist's time.
MIN_SHOT_SHARE = 0.5
MIN_FACE_PX = 60.0
LARGER_BY = 1.25  # two people at once: one must be this much larger to be meant
TOGETHER_SHARE = 0.3  # of the clip, for which a second face makes the choice doubtful
MAX_STEP = 0.6  # between frames, in face widths
MAX_GAP_FRAMES = 15
JOIN_DISTANCE = 3.0  # in face widths, between pieces of one person

FILM_ONE = "Film one person in a single take, turning the head slowly to both sides."


@dataclass
class _Piece:
    """A person as far as followed without interruption."""

    observations: list[FaceObservation]

    @property
    def last(self) -> FaceObservation:
        return self.observations[-1]

    @property
    def width_px(self) -> float:
        return float(np.median([s.width_px for s in self.observations]))

    @property
    def frames(self) -> IntArray:
        return np.array([s.frame for s in self.observations])

    def distance(self, other: FaceObservation) -> float:
        """Step to a face, in face widths; infinite where the sizes cannot be one person's."""
        ratio = other.width_px / max(self.last.width_px, 1.0)
        if not 0.6 < ratio < 1.6:
            return np.inf
        step = np.linalg.norm(other.centre_px - self.last.centre_px)
        return float(step / max(self.last.width_px, 1.0))


@dataclass(frozen=True)
class Person:
    """Whom the clip is about. `sightings` in the order of frames."""

    observations: tuple[FaceObservation, ...]
    cuts: IntArray  # frames that begin a new shot
    company: float  # share of the person's frames that show somebody else of comparable size

    def shot(self, frame_count: int) -> tuple[int, int]:
        """First frame of the shot the person is in, and the one after its last."""
        bounds = np.array([0, *self.cuts, frame_count])
        place = int(np.searchsorted(bounds, self.observations[0].frame, side="right"))
        return int(bounds[place - 1]), int(bounds[place])

    def per_frame(self, values: FloatArray, frame_count: int) -> FloatArray:
        """Values (N, …) of the sightings spread over all frames (T, …), NaN elsewhere."""
        spread = np.full((frame_count, *values.shape[1:]), np.nan, np.float32)
        spread[[s.frame for s in self.observations]] = values
        return spread


def follow_person(survey: Survey, consecutive: bool) -> Person:
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
    cuts = _cuts(survey.scene_change) if consecutive else np.empty(0, int)
    pieces = _pieces(survey, cuts, consecutive)
    if not len(cuts):
        pieces = _joined(pieces)
    main = max(pieces, key=lambda piece: len(piece.observations) * piece.width_px)
    _refuse_unclear(main, pieces, cuts, count)
    _refuse_scarce(main, count, consecutive)
    together = np.isin(main.frames, _frames_of_others(main, pieces))
    counted = survey.people[main.frames] > 1
    return Person(tuple(main.observations), cuts, float((together | counted).mean()))


def _cuts(scene_change: FloatArray) -> IntArray:
    """Frames that begin a new shot. (T,) changes in a row are a pan, or somebody who walks by."""
    before = np.concatenate([[0.0], scene_change[:-1]])
    after = np.concatenate([scene_change[1:], [0.0]])
    alone = scene_change > CUT_STANDS_OUT * np.maximum(before, after)
    return np.flatnonzero((scene_change > CUT_CHANGE) & alone)


def _pieces(survey: Survey, cuts: IntArray, consecutive: bool) -> list[_Piece]:
    if not consecutive:
        return [_Piece([max(s, key=lambda face: face.width_px) for s in survey.observations if s])]
    ended: list[_Piece] = []
    active: list[_Piece] = []
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
                active.append(_Piece([face]))
    return ended + active


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Join pieces that follow one another in time and place."""
    joined: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.observations[0].frame):
        first = piece.observations[0]
        before = [
            p for p in joined if p.last.frame < first.frame and p.distance(first) < JOIN_DISTANCE
        ]
        if before:
            min(before, key=lambda p: p.distance(first)).observations.extend(piece.observations)
        else:
            joined.append(piece)
    return joined


def _frames_of_others(main: _Piece, pieces: list[_Piece]) -> IntArray:
    """Frames with another face that could as well be meant."""
    rivals = [
        piece.frames
        for piece in pieces
        if piece is not main and piece.width_px * LARGER_BY > main.width_px
    ]
    return np.unique(np.concatenate(rivals)) if rivals else np.empty(0, int)


def _refuse_unclear(main: _Piece, pieces: list[_Piece], cuts: IntArray, count: int) -> None:
    share = len(main.observations) / count
    people = sum(len(piece.observations) >= MIN_FRAMES for piece in pieces)
    if len(cuts) and share < MIN_SHOT_SHARE and people > 1:
        shown = f"{people} stretches with a face"
        cut_count = f"{len(cuts)} cuts" if len(cuts) > 1 else "a cut"
        raise FaceNotFound(
            f"No single person can be followed: the clip has {cut_count} and {shown}, the longest "
            f"covering {share:.0%} of it.",
            FILM_ONE + " Or cut the clip to the one shot that you mean.",
        )
    if np.isin(main.frames, _frames_of_others(main, pieces)).mean() > TOGETHER_SHARE:
        raise FaceNotFound(
            "Several people of about the same size are in the picture, so nobody can tell whose "
            "head is wanted.",
            FILM_ONE,
        )


def _refuse_scarce(main: _Piece, count: int, consecutive: bool) -> None:
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
