"""A mouth's field in, the same with its lips out of the teeth and out of one another out.

Lips are compared with what they may not enter at the shape's full and half strength; where they
are too deep they give way, and what they give is spread smoothly over the lips around.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from ..geometry.normals import vertex_normals
from .shape_space import FaceSpace, FieldValues, FloatArray, IntArray

LIP_RINGS = slice(3, 9)  # those that are moved: vermilion border to the front of the mouth's bag
MEETING = 5  # of these, counted from the border, the ones that may meet the other lip
OTHER_RINGS = slice(2, 9)  # where the other lip's surface is looked for
# Columns of the mouth's rings, see `HeadMesh.rings`.
LEFT_CORNER, RIGHT_CORNER, COLUMNS = 10, 30, 40
UPPER = np.arange(LEFT_CORNER, RIGHT_CORNER + 1)
LOWER = np.mod(np.arange(RIGHT_CORNER, LEFT_CORNER + COLUMNS + 1), COLUMNS)
SLIT_RINGS = slice(3, 9)  # lips as seen from the front and into the slit, one ring more each way
CLOSING = np.array([0.4, 0.8, 1.0, 1.0, 1.0])  # share of MEETING rings in closing a gap
MAX_CLOSING_MM = 3.0  # of one round: a wider gap is a mouth that is meant to be open
# Distance in front of a surface: of lips from teeth, of sealed lips from one another.
TEETH_GAP_MM, SEALED_OVERLAP_MM = 0.4, -0.1
CONTACT_OVERLAP_MM = -0.4  # what is left to lips that touch, so that nothing is seen between them
MAX_DEPTH_MM = 3.5  # what is further behind a surface is on its other side
MIN_OUTWARD_SHARE = (
    0.3  # least share of the normals of teeth and gums that leads out of the dental arch
)
STRENGTHS = (1.0, 0.5)  # of the shape at which contact is judged
# How widely a push is spread over columns and rings, round by round.
SPREAD_SIGMAS = (*((2.0, 1.2),) * 2, *((1.5, 1.0),) * 2, *((1.0, 0.7),) * 4, *((0.7, 0.5),) * 6)
# How eagerly a gap between sealed lips is closed; at last they only give way.
CLOSING_RATES = (*(0.5,) * 8, *(0.25,) * 4, *(0.0,) * 2)
OVERSHOOT = 1.4  # against what spreading takes from the deepest place
REACH_MM = 5.0
MIN_PUSH_MM, MAX_PUSH_MM = 0.05, 1.0  # of one turn's pushes: the least, and the longest
SAMPLES = np.linspace(0.0, 1.0, 4)


@dataclass(frozen=True)
class LipYield:
    """Shares of their overlap by which either lip gives way to the other."""

    upper: float
    lower: float


BOTH_YIELD = LipYield(0.5, 0.5)  # shares that add up to 1 part the lips in one round
UPPER_YIELDS, LOWER_YIELDS = LipYield(1.0, 0.0), LipYield(0.0, 1.0)


@dataclass(frozen=True)
class _Surface:
    """Points (n, 3) mm sampled on quads and the way out (n, 3) at each."""

    points: FloatArray
    normals: FloatArray

    def required_move(self, points: FloatArray, gap_mm: float) -> FloatArray:
        """Moves (m, 3) mm that bring points (m, 3) mm to `gap_mm` in front of the surface."""
        away, nearest = self._tree.query(points, distance_upper_bound=MAX_DEPTH_MM)
        near = np.flatnonzero(np.isfinite(away))
        normal = self.normals[nearest[near]]
        height = ((points[near] - self.points[nearest[near]]) * normal).sum(axis=1)
        moves = np.zeros_like(points)
        moves[near] = np.maximum(gap_mm - height, 0.0)[:, None] * normal
        return moves

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points)


@dataclass(frozen=True)
class _MeetingLip:
    """Columns of a lip's rings, the share by which it gives way, and the other lip's quads."""

    columns: IntArray
    lip_yield: float
    other_quads: IntArray


@dataclass(frozen=True)
class _Pose:
    """A state of the face in which contact is judged."""

    strength: float  # of the field
    start: FloatArray  # (V, 3) mm, what the field is added to
    teeth: _Surface
    closes: bool  # whether sealed lips are brought together in it


def resolve_contact(
    space: FaceSpace,
    field: FloatArray,
    lip_yield: LipYield = BOTH_YIELD,
    combined_with: tuple[FloatArray, ...] = (),
    sealed: bool = False,
) -> FloatArray:
    """`field` (V, 3) mm changed so that neither teeth nor the other lip hold any of the lips.

    This holds for the field alone and together with each of `combined_with` (V, 3). `sealed`: where
    the lips then part, they are brought together again.
    """
    starts = [(strength, space.points, True) for strength in STRENGTHS]
    starts += [(1.0, space.points + other, False) for other in combined_with]
    poses = [
        _Pose(strength, start, _teeth(space, start + strength * field), closes)
        for strength, start, closes in starts
    ]
    meeting = _meeting_lips(space, lip_yield)
    changed = field
    for spread, rate in zip(SPREAD_SIGMAS, CLOSING_RATES, strict=True):
        closing = _Closing(rate if sealed else 0.0, lip_yield)
        push = _deepest_push(space, changed, poses, meeting, closing)
        length = np.linalg.norm(push, axis=2, keepdims=True)
        if length.max() < MIN_PUSH_MM:
            break
        push *= np.minimum(1.0, MAX_PUSH_MM / np.maximum(length, MAX_PUSH_MM))
        changed = changed + _spread_push(space, push, *spread)
    return changed


@dataclass(frozen=True)
class _Closing:
    """How sealed lips are brought together: share of the gap in a round, and which lip moves."""

    rate: float
    lip_yield: LipYield


def _deepest_push(
    space: FaceSpace,
    field: FloatArray,
    poses: list[_Pose],
    meeting: tuple[_MeetingLip, ...],
    closing: _Closing,
) -> FloatArray:
    """(rings, columns, 3) mm, for each of the lips' vertices the longest move that a pose needs."""
    lips, slit = space.head.rings["mouth"][LIP_RINGS], space.head.rings["mouth"][SLIT_RINGS]
    gap_mm = SEALED_OVERLAP_MM if closing.rate else CONTACT_OVERLAP_MM
    push = np.zeros((*lips.shape, 3))
    for pose in poses:
        posed = pose.start + pose.strength * field
        move = _lift_lips_off(pose.teeth, posed[lips], TEETH_GAP_MM)
        move += _separate_lips(meeting, posed, lips, gap_mm)
        if closing.rate and pose.closes:
            opened = lip_gap(posed[slit]) - lip_gap(space.points[slit])
            move[:MEETING, :, 2] += closing.rate * _close_gap(opened, closing.lip_yield)
        move /= pose.strength
        deeper = np.linalg.norm(move, axis=2) > np.linalg.norm(push, axis=2)
        push[deeper] = move[deeper]
    return push


def _separate_lips(
    meeting: tuple[_MeetingLip, ...], posed: FloatArray, lips: IntArray, gap_mm: float
) -> FloatArray:
    """Moves (rings, columns, 3) of the vertices `lips` (rings, columns) that part both lips."""
    moves = np.zeros((*lips.shape, 3))
    for lip in meeting:
        required_move = _lift_lips_off(_sample_quads(lip.other_quads, posed), posed[lips], gap_mm)
        moves[:MEETING, lip.columns] = lip.lip_yield * required_move[:MEETING, lip.columns]
    return moves


def _spread_push(space: FaceSpace, push: FloatArray, across: float, along: float) -> FloatArray:
    """The field (V, 3) of pushes (rings, columns, 3) of the lips, smoothed over both."""
    smooth = gaussian_filter(push, (along, across, 0.0), mode=("nearest", "wrap", "nearest"))
    lips = space.head.rings["mouth"][LIP_RINGS]
    held: list[FieldValues] = [
        (lips.ravel(), OVERSHOOT * smooth.reshape(-1, 3)),
        (space.lids, np.zeros((len(space.lids), 3))),
    ]
    return space.solve_membrane(space.zero_field(), held, REACH_MM)


def lip_gap(slit: FloatArray) -> FloatArray:
    """How far (40,) the lips stand apart at each column, seen from the front, after subdivision.

    `slit` (rings, 40, 3) mm: SLIT_RINGS, the smooth surface's control points.
    """
    across = (np.roll(slit, 1, axis=1) + 4.0 * slit + np.roll(slit, -1, axis=1)) / 6.0
    limit = (across[:-2] + 4.0 * across[1:-1] + across[2:]) / 6.0
    upper, lower = limit[:, UPPER], limit[:, LOWER]
    bottom, top = upper[..., 2].min(axis=0), lower[..., 2].max(axis=0)
    upper_x, lower_x = upper[..., 0].mean(axis=0), lower[..., 0].mean(axis=0)
    gap = np.zeros(COLUMNS)
    gap[LOWER] = np.interp(lower_x, upper_x[::-1], bottom[::-1]) - top
    gap[UPPER] = bottom - np.interp(upper_x, lower_x, top)
    gap[[LEFT_CORNER, RIGHT_CORNER]] = 0.0
    return gap


def _close_gap(gap: FloatArray, lip_yield: LipYield) -> FloatArray:
    """Moves (MEETING, 40) upwards that close gaps (40,) between the lips."""
    share = np.zeros(COLUMNS)
    share[LOWER], share[UPPER] = lip_yield.lower, -lip_yield.upper
    return np.outer(CLOSING, share * np.clip(gap, 0.0, MAX_CLOSING_MM))


def _teeth(space: FaceSpace, posed: FloatArray) -> _Surface:
    """The outer side of teeth and gums."""
    ids = space.ids("teeth_upper", "teeth_lower", "gums_upper", "gums_lower")
    whole = _sample_quads(_quads_of(space, ids), posed)
    middle = np.array([whole.points[:, 0].mean(), whole.points[:, 1].max()])
    outwards = whole.points[:, :2] - middle
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-9
    front = (whole.normals[:, :2] * outwards).sum(axis=1) > MIN_OUTWARD_SHARE
    return _Surface(whole.points[front], whole.normals[front])


def _meeting_lips(space: FaceSpace, lip_yield: LipYield) -> tuple[_MeetingLip, ...]:
    rings = space.head.rings["mouth"][OTHER_RINGS]
    return (
        _MeetingLip(UPPER[2:-2], lip_yield.upper, _quads_of(space, rings[:, LOWER])),
        _MeetingLip(LOWER[2:-2], lip_yield.lower, _quads_of(space, rings[:, UPPER])),
    )


def _quads_of(space: FaceSpace, ids: IntArray) -> IntArray:
    return space.head.quads[np.isin(space.head.quads, ids).all(axis=1)]


def _lift_lips_off(surface: _Surface, lips: FloatArray, gap_mm: float) -> FloatArray:
    """Moves (rings, columns, 3) of the lips' vertices, of the same shape, off a surface.

    Places half way to the next vertex count too, for both their ends.
    """
    rings, columns, _ = lips.shape
    fine = np.empty((2 * rings - 1, 2 * columns, 3))
    fine[::2, ::2] = lips
    fine[1::2, ::2] = 0.5 * (lips[1:] + lips[:-1])
    fine[:, 1::2] = 0.5 * (fine[:, ::2] + np.roll(fine[:, ::2], -1, axis=1))
    moves = surface.required_move(fine.reshape(-1, 3), gap_mm).reshape(fine.shape)
    longest = np.zeros_like(lips)
    around = np.pad(moves, ((1, 1), (0, 0), (0, 0)))
    for up in range(3):
        for aside in (-1, 0, 1):
            near = np.roll(around[up : up + len(moves)], aside, axis=1)[::2, ::2]
            longer = np.linalg.norm(near, axis=2) > np.linalg.norm(longest, axis=2)
            longest[longer] = near[longer]
    return longest


def _sample_quads(quads: IntArray, posed: FloatArray) -> _Surface:
    """Points on quads (q, 4) and the surface's smooth normals there."""
    triangles = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    both = np.hstack([posed, vertex_normals(posed, triangles)])[quads]
    u, v = np.meshgrid(SAMPLES, SAMPLES, indexing="ij")
    shares = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v]).reshape(4, -1)
    samples = np.einsum("qkc,ks->qsc", both, shares).reshape(-1, 6)
    points, normals = samples[:, :3], samples[:, 3:]
    away = np.linalg.norm(normals, axis=1, keepdims=True)
    return _Surface(points, normals / np.maximum(away, 1e-9))
