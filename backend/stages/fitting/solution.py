"""Where a solve stands, and the same as plain arrays, from which a later solve can go on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from .frame_selection import BY_HAND, USED
from .head_model import LinearHead, SolverState
from .outline_fit import FilmedOutlines
from .problem import Problem
from .track_term import TrackedPoints
from .tracks import NEIGHBOURS, TrackGroup

# Views of a group at most; rows of fewer are filled up with a frame number that is none.
_VIEWS, _NO_VIEW = NEIGHBOURS + 1, -1


@dataclass(frozen=True)
class Solution:
    """A solved head."""

    problem: Problem
    filmed: FilmedOutlines
    estimate: SolverState
    points: tuple[TrackedPoints, ...]
    solved_with: IntArray  # the frames that it rests on
    left_out: tuple[str, ...]  # (K,) why a frame does not agree with it or may not; USED: it does
    given_up: str = ""  # which of its shape, since it folded

    @property
    def frames(self) -> IntArray:
        """(F,) those of the K frames that agree with it."""
        return np.flatnonzero([why == USED for why in self.left_out])


@dataclass(frozen=True)
class PreviousSolution:
    """What an earlier solve of the same K frames found. N tracked points in all."""

    estimate: SolverState
    used: BoolArray  # (K,)
    by_hand: BoolArray  # (K,) what the artist had left out
    tracks: tuple[TrackGroup, ...]
    offset_m: FloatArray  # (N, 3)

    def can_start(self, left_out: BoolArray) -> bool:
        """Whether a solve that leaves out `left_out` (K,) can start from it: no frame that it lacks
        is wanted, and one that it used remains."""
        return not (self.by_hand & ~left_out).any() and bool((self.used & ~left_out).any())

    def points(self, head: LinearHead, frames: IntArray) -> tuple[TrackedPoints, ...]:
        """The tracks between `frames` (F,), where the earlier solve had them."""
        start, kept = 0, []
        for group in self.tracks:
            offset = self.offset_m[start : start + len(group)]
            start += len(group)
            visible = group.visible & np.isin(group.frames, frames)
            tracked = visible.sum(axis=1) > 1
            if tracked.any():
                part = TrackGroup(
                    group.frames, group.corners[tracked], group.weights[tracked],
                    group.pixel[tracked], visible[tracked], group.sigma_px,
                )  # fmt: skip
                surface = head.points(part.corners, part.weights)
                kept.append(TrackedPoints(part, surface, offset[tracked]))
        return tuple(kept)


def store_solution(path: Path, solution: Solution, mark: str) -> None:
    """Write it; `mark` says what it is the solution of."""
    estimate, groups = solution.estimate, [p.tracks for p in solution.points]
    arrays = dict(
        mark=np.array(mark),
        focal_px=np.array(estimate.focal_px),
        rotation=estimate.rotation,
        translation_m=estimate.translation_m,
        shape=estimate.shape,
        expression=estimate.expression,
        used=np.array([why == USED for why in solution.left_out]),
        by_hand=np.array([why == BY_HAND for why in solution.left_out]),
        length=np.array([len(group) for group in groups], np.int64),
        frames=_padded_table([group.frames for group in groups], _NO_VIEW),
        sigma_px=_padded_table([group.sigma_px for group in groups], 1.0),
        corners=_concatenated([group.corners for group in groups], (3,)),
        weights=_concatenated([group.weights for group in groups], (3,)),
        pixel=_concatenated([_pad_views(group.pixel) for group in groups], (_VIEWS, 2)),
        seen=_concatenated([_pad_views(group.visible) for group in groups], (_VIEWS,)),
        offset_m=_concatenated([p.offset_m for p in solution.points], (3,)),
    )
    write_arrays(path, **arrays, seal=np.array(_digest(arrays)))


def load_solution(path: Path, mark: str) -> PreviousSolution | None:
    """The stored one; None where there is none, or one of something else, or changed since."""
    try:
        stored = read_arrays(path)
        seal = str(stored.pop("seal"))
        if str(stored["mark"]) != mark or seal != _digest(stored) or not _is_finite(stored):
            return None
        estimate = SolverState(
            float(stored["focal_px"]), stored["rotation"], stored["translation_m"],
            stored["shape"], stored["expression"],
        )  # fmt: skip
        ends = np.cumsum(stored["length"])
        groups = tuple(
            _group(stored, g, slice(end - length, end))
            for g, (end, length) in enumerate(zip(ends, stored["length"], strict=True))
        )
        return PreviousSolution(
            estimate, stored["used"], stored["by_hand"], groups, stored["offset_m"]
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _digest(arrays: Mapping[str, NDArray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _is_finite(arrays: Mapping[str, NDArray]) -> bool:
    return all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f")


def _group(stored: dict[str, NDArray], number: int, rows: slice) -> TrackGroup:
    views = stored["frames"][number] != _NO_VIEW
    return TrackGroup(
        stored["frames"][number][views], stored["corners"][rows], stored["weights"][rows],
        stored["pixel"][rows][:, views], stored["seen"][rows][:, views],
        stored["sigma_px"][number][views],
    )  # fmt: skip


def _padded_table(rows: list[NDArray], filling: float) -> NDArray:
    """(G, _VIEWS)."""
    table = np.full((len(rows), _VIEWS), filling)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table


def _pad_views(values: NDArray) -> NDArray:
    """(N, M, ...) to (N, _VIEWS, ...)."""
    missing = _VIEWS - values.shape[1]
    return np.pad(values, [(0, 0), (0, missing)] + [(0, 0)] * (values.ndim - 2))


def _concatenated(parts: list[NDArray], shape: tuple[int, ...]) -> NDArray:
    return np.concatenate(parts) if parts else np.zeros((0, *shape))
