"""What the artist knows better than the fit, as `<avatar>/corrections.json`.

    {"leave_out": [frame, ...], "put_in": [frame, ...],
     "landmarks_px": {"frame": {"landmark": [x, y]}},
     "focal_px": 2400.0, "measures_m": {"face_width": 0.142}, "footage_sha256": "…"}

Frames are numbers of the clip's frames, as the report's pictures name them; landmarks are the face
mesh's 468, pixels those of the stored frame, from its top left corner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

from .errors import AvatarFolderError, StudioAvatarError
from .files import inside, read_json, write_json
from .layout import FIRST_IRIS_LANDMARK

CORRECTIONS_FILE = "corrections.json"
# What may be measured with a ruler, in metres, and what is possible.
MEASURES_M = {
    "interpupillary": (0.040, 0.090),
    "face_width": (0.080, 0.220),
    "head_height": (0.120, 0.320),
}


class CorrectionError(StudioAvatarError):
    """A correction that cannot be meant."""


@dataclass(frozen=True)
class Corrections:
    """Checked on making. Raises CorrectionError with what is wrong."""

    leave_out: frozenset[int] = frozenset()
    put_in: frozenset[int] = frozenset()
    landmarks_px: Mapping[int, Mapping[int, tuple[float, float]]] = field(
        default_factory=dict[int, Mapping[int, tuple[float, float]]]
    )
    focal_px: float | None = None
    measures_m: Mapping[str, float] = field(default_factory=dict[str, float])  # at most one
    footage_sha256: str = ""  # what frames and focal length are of; empty: not said

    def __post_init__(self) -> None:
        if both := sorted(self.leave_out & self.put_in):
            raise CorrectionError(
                f"Frame {both[0]} is both left out and put in.", "Name it in one place only."
            )
        if self.focal_px is not None and not (isfinite(self.focal_px) and self.focal_px >= 50.0):
            raise CorrectionError(
                f"A focal length of {self.focal_px:g} px is impossible.",
                "Give it in pixels of the footage; a phone's is about its longer side.",
            )
        if len(self.measures_m) > 1:
            raise CorrectionError(
                f"{' and '.join(self.measures_m)} would each set the head's size.", "Give one."
            )
        for name, metres in self.measures_m.items():
            _check_measure(name, metres)
        for frame, landmarks in self.landmarks_px.items():
            if not landmarks:
                raise CorrectionError(f"Frame {frame} has no landmark.", "Leave the frame out.")
            for landmark, pixel in landmarks.items():
                if not 0 <= landmark < FIRST_IRIS_LANDMARK or not all(isfinite(x) for x in pixel):
                    raise CorrectionError(
                        f"Landmark {landmark} at {pixel} is none of the face.",
                        f"Landmarks are numbered 0 to {FIRST_IRIS_LANDMARK - 1}, their place is "
                        "in pixels.",
                    )

    def checked_for(self, frames: list[int], size_px: tuple[int, int]) -> Corrections:
        """The same; raises CorrectionError where a frame is not among the chosen `frames`, or a
        landmark outside the picture of `size_px` (width, height)."""
        named = self.leave_out | self.put_in | set(self.landmarks_px)
        if unknown := sorted(named - set(frames)):
            raise CorrectionError(
                f"Frame {unknown[0]} is not among the chosen ones.",
                f"They are {', '.join(map(str, frames))}.",
            )
        for frame, landmarks in self.landmarks_px.items():
            for landmark, (x, y) in landmarks.items():
                if not (0.0 <= x <= size_px[0] and 0.0 <= y <= size_px[1]):
                    raise CorrectionError(
                        f"Landmark {landmark} of frame {frame} lies outside the picture.",
                        f"The picture is {size_px[0]} x {size_px[1]} pixels.",
                    )
        if set(frames) <= self.leave_out:
            raise CorrectionError("Every chosen frame is left out.", "Keep at least one.")
        return self

    def of_footage(self, sha256: str) -> Corrections:
        """The same where they are of this footage, else only the person's measures."""
        if self.footage_sha256 in ("", sha256):
            return replace(self, footage_sha256=sha256)
        return Corrections(measures_m=self.measures_m, footage_sha256=sha256)

    def would_drop(self, sha256: str) -> bool:
        """Whether `of_footage` would drop any of them."""
        return replace(self.of_footage(sha256), footage_sha256=self.footage_sha256) != self

    def within(self, frames: list[int]) -> Corrections:
        """What they say of the chosen `frames`, and of the whole."""
        return replace(
            self,
            leave_out=self.leave_out & set(frames),
            put_in=self.put_in & set(frames),
            landmarks_px={k: v for k, v in self.landmarks_px.items() if k in frames},
        )

    def merged(self, later: Corrections) -> Corrections:
        """Both; where they contradict each other, the later ones."""
        landmarks = {frame: dict(points) for frame, points in self.landmarks_px.items()}
        for frame, points in later.landmarks_px.items():
            landmarks.setdefault(frame, {}).update(points)
        return replace(
            self,
            leave_out=(self.leave_out - later.put_in) | later.leave_out,
            put_in=(self.put_in - later.leave_out) | later.put_in,
            landmarks_px=landmarks,
            focal_px=later.focal_px or self.focal_px,
            measures_m=later.measures_m or self.measures_m,
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values, in one order whatever the order of making."""
        return {
            "leave_out": sorted(self.leave_out),
            "put_in": sorted(self.put_in),
            "landmarks_px": {
                str(frame): {str(n): list(points[n]) for n in sorted(points)}
                for frame, points in sorted(self.landmarks_px.items())
            },
            "focal_px": self.focal_px,
            "measures_m": dict(self.measures_m),
            "footage_sha256": self.footage_sha256,
        }


def corrections_from_json(values: Mapping[str, Any]) -> Corrections:
    """Raises CorrectionError for what is no correction, TypeError or ValueError for bad types."""
    focal = values.get("focal_px")
    return Corrections(
        leave_out=frozenset(int(frame) for frame in values.get("leave_out", ())),
        put_in=frozenset(int(frame) for frame in values.get("put_in", ())),
        landmarks_px={
            int(frame): {int(n): (float(x), float(y)) for n, (x, y) in points.items()}
            for frame, points in values.get("landmarks_px", {}).items()
        },
        focal_px=None if focal is None else float(focal),
        measures_m={str(n): float(m) for n, m in values.get("measures_m", {}).items()},
        footage_sha256=str(values.get("footage_sha256", "")),
    )


def read_corrections(avatar: Path) -> Corrections:
    """Those of an avatar folder; none where it has no file.

    Raises AvatarFolderError where the file is damaged, cannot be meant, or leads elsewhere.
    """
    path = avatar / CORRECTIONS_FILE
    if not path.exists() and not path.is_symlink():
        return Corrections()
    try:
        return corrections_from_json(read_json(inside(avatar, CORRECTIONS_FILE)))
    except (
        OSError, ValueError, TypeError, AttributeError, OverflowError, CorrectionError,
    ) as error:  # fmt: skip
        raise AvatarFolderError(
            f"{path} is damaged ({error}).", "Mend it, or delete it to fit without corrections."
        ) from error


def write_corrections(avatar: Path, corrections: Corrections) -> None:
    write_json(avatar / CORRECTIONS_FILE, corrections.as_json())


def _check_measure(name: str, metres: float) -> None:
    if name not in MEASURES_M:
        raise CorrectionError(
            f"{name!r} is no known measure.", f"Known are {', '.join(MEASURES_M)}."
        )
    least, most = MEASURES_M[name]
    if not least <= metres <= most:
        raise CorrectionError(
            f"A {name} of {1000 * metres:g} mm is impossible.",
            f"It lies between {1000 * least:g} and {1000 * most:g} mm.",
        )
