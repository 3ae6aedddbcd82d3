"""The skin's quad layout for the left half of the head: numbers in, vertex ids and quads out.

A cylinder grid runs from the front midline (column 0) round the left side to the back midline and
from the base of the neck (row 0) to a crown cap. Rectangles of cells are cut out and filled with
concentric rings: mouth, eye, nostril, ear. No positions here: only who neighbours whom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.types import IntArray

COLUMNS = 32  # cells from the front midline to the back midline
ROWS = 39  # cells from the neck's base to the crown cap
CAP = 16  # cells along one side of the whole crown cap; 4 * CAP == 2 * COLUMNS


@dataclass(frozen=True)
class Hole:
    """A rectangle of grid cells filled with rings; `rings` counts those inside the border."""

    name: str
    first_column: int
    last_column: int
    first_row: int
    last_row: int
    rings: int


# Ring indices run counter-clockwise seen from outside, from the lower medial corner; the mouth,
# cut by the midline, runs from below to above as an open half.
HOLES = (
    Hole("mouth", 0, 7, 11, 17, 9),
    Hole("eye", 4, 12, 27, 33, 8),
    Hole("nostril", 1, 4, 19, 23, 4),
    Hole("ear", 18, 22, 19, 29, 9),
)


@dataclass(frozen=True)
class HalfLayout:
    """N vertices and their quads on the left half, midline included."""

    count: int
    quads: IntArray  # (F, 4) counter-clockwise from outside
    grid: IntArray  # (COLUMNS + 1, ROWS + 1) vertex ids, -1 inside holes
    cap: IntArray  # (CAP / 2 + 1, CAP + 1) vertex ids, from the midline outwards, front to back
    rings: dict[str, IntArray]  # (rings + 1, n): ring 0 is the hole's border on the grid
    ends: dict[str, IntArray]  # ids of the patch that closes the innermost ring
    midline: IntArray  # ids that lie on x = 0


class QuadBuilder:
    """Hands out vertex ids and collects quads."""

    def __init__(self) -> None:
        self.count = 0
        self.quads: list[tuple[int, int, int, int]] = []

    def new(self, shape: tuple[int, ...]) -> IntArray:
        """The next ids, as an array of that shape (...,)."""
        size = int(np.prod(shape))
        ids = np.arange(self.count, self.count + size, dtype=np.int32).reshape(shape)
        self.count += size
        return ids

    def patch(self, ids: IntArray) -> None:
        """Quads of a grid of ids (w, h): first axis to the right, second axis up, seen from
        outside.

        Cells with an id below 0 are left out.
        """
        for right in range(ids.shape[0] - 1):
            for up in range(ids.shape[1] - 1):
                corners = (
                    int(ids[right, up]),
                    int(ids[right + 1, up]),
                    int(ids[right + 1, up + 1]),
                    int(ids[right, up + 1]),
                )
                if min(corners) >= 0:
                    self.quads.append(corners)

    def band(self, outer: IntArray, inner: IntArray, closed: bool) -> None:
        """Quads between two rings of ids (n,), counter-clockwise seen from outside."""
        for i in range(len(outer) - (0 if closed else 1)):
            j = (i + 1) % len(outer)
            self.quads.append((int(outer[i]), int(outer[j]), int(inner[j]), int(inner[i])))


def half_layout() -> HalfLayout:
    """The layout of the left half."""
    builder = QuadBuilder()
    grid = _grid_with_holes(builder)
    midline = [grid[0], grid[-1]]
    rings: dict[str, IntArray] = {}
    ends: dict[str, IntArray] = {}
    for hole in HOLES:
        closed = hole.first_column > 0
        border = _border(grid, hole, closed)
        inner = builder.new((hole.rings, len(border)))
        rings[hole.name] = np.vstack([border, inner]).astype(np.int32)
        for outer_ring, inner_ring in zip(rings[hole.name], inner, strict=False):
            builder.band(outer_ring, inner_ring, closed)
        ends[hole.name] = _close(builder, inner[-1], hole, closed)
        if not closed:
            midline += [inner[:, 0], inner[:, -1], ends[hole.name][0]]
    cap = _crown_cap(builder, grid[:, -1])
    midline.append(cap[0])
    builder.patch(grid)
    on_midline = np.unique(np.concatenate(midline))
    return HalfLayout(
        count=builder.count,
        quads=np.array(builder.quads, dtype=np.int32),
        grid=grid,
        cap=cap,
        rings=rings,
        ends=ends,
        midline=on_midline[on_midline >= 0].astype(np.int32),
    )


def _grid_with_holes(builder: QuadBuilder) -> IntArray:
    inside = np.zeros((COLUMNS + 1, ROWS + 1), dtype=bool)
    for hole in HOLES:
        start = hole.first_column + (1 if hole.first_column > 0 else 0)
        inside[start : hole.last_column, hole.first_row + 1 : hole.last_row] = True
    grid = np.full(inside.shape, -1, dtype=np.int32)
    grid[~inside] = builder.new((int((~inside).sum()),))
    return grid


def _border(grid: IntArray, hole: Hole, closed: bool) -> IntArray:
    """The hole's border, counter-clockwise; the mouth's half border starts below on the midline."""
    c0, c1, r0, r1 = hole.first_column, hole.last_column, hole.first_row, hole.last_row
    below = grid[c0:c1, r0]
    side = grid[c1, r0:r1]
    above = grid[c0 + 1 : c1 + 1, r1][::-1]
    if not closed:
        return np.concatenate([below, side, above, grid[c0 : c0 + 1, r1]])
    return np.concatenate([below, side, above, grid[c0, r0 + 1 : r1 + 1][::-1]])


def _close(builder: QuadBuilder, ring: IntArray, hole: Hole, closed: bool) -> IntArray:
    """Fill the innermost ring with a grid of cells of the hole's own size."""
    wide, high = hole.last_column - hole.first_column, hole.last_row - hole.first_row
    patch = np.full((wide + 1, high + 1), -1, dtype=np.int32)
    patch[:wide, 0] = ring[:wide]
    patch[wide, :high] = ring[wide : wide + high]
    patch[1:, high] = ring[wide + high : 2 * wide + high][::-1]
    if closed:
        patch[0, 1:] = ring[2 * wide + high :][::-1]
        patch[1:-1, 1:-1] = builder.new((wide - 1, high - 1))
    else:
        patch[0, high] = ring[-1]
        patch[:-1, 1:-1] = builder.new((wide, high - 1))
    builder.patch(patch)
    return patch


def _crown_cap(builder: QuadBuilder, top: IntArray) -> IntArray:
    """The square of cells on top of the head; its border is the grid's upper edge."""
    half = CAP // 2
    cap = np.full((half + 1, CAP + 1), -1, dtype=np.int32)
    cap[: half + 1, 0] = top[: half + 1]
    cap[half, :] = top[half : half + CAP + 1]
    cap[:, CAP] = top[half + CAP :][::-1]
    cap[:half, 1:CAP] = builder.new((half, CAP - 1))
    builder.patch(cap)
    return cap
