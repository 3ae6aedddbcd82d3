"""What is not skin, left half, in mm: eyeball, cornea, tears, teeth, gums, tongue, lashes.

Each part comes as a `Part`: positions, quads counter-clockwise from outside, a material, and the
ids that lie on the midline. Parts on both sides are made on the left and mirrored by `mesh`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from . import control_points
from .layout import HalfLayout, QuadBuilder
from .pockets import cornea_depth, disk_from_square

GOLDEN = (1 + np.sqrt(5)) / 2  # ratio: multiples of it, modulo 1, spread evenly without repeating
SEGMENTS = 20  # round the gaze axis

# (distance from the axis, depth in front of the centre), pupil to limbus
IRIS_RINGS = ((1.75, 10.05), (2.3, 10.1), (3.8, 10.2), (5.3, 10.3))
SCLERA_ANGLES_DEG = (29.2, 34.0, 44.0, 60.0, 82.0, 110.0, 145.0)
CORNEA_RADII = (2.4, 4.0, 5.2, 6.05)

# mesio-distal widths from the midline outwards, crown heights, thickness front to back
UPPER_TEETH = (
    (8.4, 10.2, 6.5), (6.6, 9.0, 6.0), (7.5, 10.0, 7.5), (7.0, 8.2, 8.5), (6.8, 7.6, 8.8),
    (10.0, 7.2, 10.5),
)  # fmt: skip
LOWER_TEETH = (
    (5.3, 8.8, 6.0), (5.8, 9.2, 6.2), (6.8, 10.2, 7.2), (7.0, 8.6, 7.6), (7.1, 8.0, 8.0),
    (11.0, 7.4, 10.0),
)  # fmt: skip
UPPER_ARCH = (28.5, 46.0, -96.5)  # half width, depth, y of the incisors' front
LOWER_ARCH = (26.5, 44.5, -94.0)
UPPER_EDGE_Z = -47.0
LOWER_EDGE_Z = -45.6


@dataclass(frozen=True)
class Part:
    """One piece: positions (n, 3) mm, quads (f, 4), material, ids on x = 0."""

    name: str
    material: str
    vertices: FloatArray
    quads: IntArray
    midline: IntArray


def make_parts(layout: HalfLayout, skin: FloatArray) -> list[Part]:
    """All parts of the left half, in the order of their vertices in the template.

    `skin` (N, 3) mm with its pockets.
    """
    none = np.zeros(0, dtype=np.int32)
    eyeball, cornea = _eyeball(), _cornea()
    parts = [
        Part("eyeball", "eye", *eyeball, none),
        Part("cornea", "cornea", *cornea, none),
        Part("teeth_upper", "teeth", *_teeth(UPPER_TEETH, UPPER_ARCH, UPPER_EDGE_Z, 1.0), none),
        Part("teeth_lower", "teeth", *_teeth(LOWER_TEETH, LOWER_ARCH, LOWER_EDGE_Z, -1.0), none),
        _gums("gums_upper", UPPER_TEETH, UPPER_ARCH, UPPER_EDGE_Z, 1.0),
        _gums("gums_lower", LOWER_TEETH, LOWER_ARCH, LOWER_EDGE_Z, -1.0),
        _tongue(),
    ]
    for lid in ("upper", "lower"):
        parts.append(Part(f"lashes_{lid}", "lashes", *_lashes(layout, skin, lid), none))
    parts.append(Part("tear", "tear", *_tear_line(layout, skin), none))
    parts.append(Part("caruncle", "caruncle", *_caruncle(layout, skin), none))
    return parts


def _revolved(
    front: tuple[float, float], profile: list[tuple[float, float]], back_depth: float | None
) -> tuple[FloatArray, IntArray]:
    """Surface round the gaze axis: a square patch in front, rings, and a patch behind if asked.

    `front`: radius and depth of the patch's middle; `profile`: (radius, depth) of the rings.
    """
    builder = QuadBuilder()
    cells = SEGMENTS // 4
    centre = np.array(control_points.EYE_CENTRE)
    around = -3 * np.pi / 4 + 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    ring_ids = [builder.new((SEGMENTS,)) for _ in profile]
    rows = [
        np.stack([r * np.cos(around), np.full(SEGMENTS, -depth), r * np.sin(around)], axis=1)
        for r, depth in profile
    ]
    for inner, outer in itertools.pairwise(ring_ids):
        builder.band(outer, inner, closed=True)
    rows += [_end_patch(builder, ring_ids[0], cells, profile[0], front[1], False)]
    if back_depth is not None:
        rows += [_end_patch(builder, ring_ids[-1], cells, profile[-1], back_depth, True)]
    return np.concatenate(rows) + centre, np.array(builder.quads, dtype=np.int32)


def _end_patch(
    builder: QuadBuilder,
    ring: IntArray,
    cells: int,
    rim: tuple[float, float],
    middle_depth: float,
    behind: bool,
) -> FloatArray:
    """Close a ring with cells x cells quads; returns the new vertices' positions."""
    patch = np.full((cells + 1, cells + 1), -1, dtype=np.int32)
    patch[:cells, 0] = ring[:cells]
    patch[cells, :cells] = ring[cells : 2 * cells]
    patch[1:, cells] = ring[2 * cells : 3 * cells][::-1]
    patch[0, 1:] = ring[3 * cells :][::-1]
    patch[1:-1, 1:-1] = builder.new((cells - 1, cells - 1))
    builder.patch(patch[::-1] if behind else patch)
    side = np.linspace(-1, 1, cells + 1)[1:-1]
    square = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1)
    disk = disk_from_square(square).reshape(-1, 2)
    share = (disk**2).sum(axis=1)
    depth = middle_depth + share * (rim[1] - middle_depth)
    return np.stack([rim[0] * disk[:, 0], -depth, rim[0] * disk[:, 1]], axis=1)


def _eyeball() -> tuple[FloatArray, IntArray]:
    radius = control_points.EYE_RADIUS
    angles = np.deg2rad(SCLERA_ANGLES_DEG)
    profile = [*IRIS_RINGS, *((radius * np.sin(a), radius * np.cos(a)) for a in angles)]
    return _revolved((0.0, 10.0), profile, -radius)


def _cornea() -> tuple[FloatArray, IntArray]:
    middle, curvature = cornea_depth(), control_points.CORNEA_CURVATURE
    profile = [(r, middle + np.sqrt(curvature**2 - r * r)) for r in CORNEA_RADII[:-1]]
    edge = CORNEA_RADII[-1]
    profile.append((edge, np.sqrt((control_points.EYE_RADIUS + 0.02) ** 2 - edge**2)))
    return _revolved((0.0, middle + curvature), profile, None)


def _arch(arch: tuple[float, float, float], length: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Positions (n, 2) and outward normals (n, 2) in x, y at arc lengths from the midline."""
    width, depth, front = arch
    angle = np.linspace(0, np.pi / 2, 400)
    curve = np.stack([width * np.sin(angle), front + depth * (1 - np.cos(angle))], axis=1)
    travelled = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    at = CubicSpline(travelled, curve)
    tangent = at(length, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return at(length), np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)


def _teeth(
    teeth: tuple[tuple[float, float, float], ...],
    arch: tuple[float, float, float],
    edge_z: float,
    up: float,
) -> tuple[FloatArray, IntArray]:
    """Rounded boxes along the arch; `up` is +1 for upper teeth, whose roots point upwards."""
    builder = QuadBuilder()
    places: list[FloatArray] = []
    start = 0.0
    for width, height, thickness in teeth:
        middle = start + width / 2
        start += width
        (centre,), (normal,) = _arch(arch, np.array([middle]))
        along = np.array([-normal[1], normal[0]])
        places.append(
            _tooth(builder, (width, height, thickness), centre, normal, along, edge_z, up)
        )
    return np.concatenate(places), np.array(builder.quads, dtype=np.int32)


def _tooth(
    builder: QuadBuilder,
    size: tuple[float, float, float],
    centre: FloatArray,
    normal: FloatArray,
    along: FloatArray,
    edge_z: float,
    up: float,
) -> FloatArray:
    width, height, thickness = size
    # share of height, of width, of thickness, shift outwards: root, belly, edge
    levels = ((1.15, 0.80, 0.70, -0.3), (0.55, 1.0, 0.92, 0.3), (0.08, 0.96, 0.50, 0.1))
    corners = (-1, -1), (0, -1.08), (1, -1), (1.08, 0), (1, 1), (0, 1.08), (-1, 1), (-1.08, 0)
    outline = np.array(corners, dtype=np.float64) * np.array([0.49, 0.475])
    rings: list[IntArray] = []
    rows: list[FloatArray] = []
    for share, wide, thick, outwards in levels:
        rings.append(builder.new((8,)))
        lateral = outline[:, 0] * width * wide
        radial = -outline[:, 1] * thickness * thick + outwards - thickness / 2
        flat = centre + lateral[:, None] * along + radial[:, None] * normal
        rows.append(np.column_stack([flat, np.full(8, edge_z + up * height * share)]))
    tip = builder.new((1,))
    rows.append(rows[-1].mean(axis=0, keepdims=True) - np.array([0, 0, up * height * 0.08]))
    for root, edge in itertools.pairwise(rings):
        builder.band(root[::-1] if up > 0 else root, edge[::-1] if up > 0 else edge, closed=True)
    last = rings[-1]
    patch = np.array(
        [[last[0], last[7], last[6]], [last[1], tip[0], last[5]], [last[2], last[3], last[4]]],
        dtype=np.int32,
    )
    builder.patch(patch[::-1] if up > 0 else patch)
    return np.concatenate(rows)


def _gums(
    name: str,
    teeth: tuple[tuple[float, float, float], ...],
    arch: tuple[float, float, float],
    edge_z: float,
    up: float,
) -> Part:
    """A band over the roots: outside, along the necks of the teeth, inside."""
    builder = QuadBuilder()
    count = 11
    length = np.linspace(0, sum(t[0] for t in teeth) + 2.0, count)
    flat, normal = _arch(arch, length)
    knots = np.cumsum([t[0] for t in teeth]) - np.array([t[0] for t in teeth]) / 2
    height = np.interp(length, knots, [t[1] for t in teeth])
    thick = np.interp(length, knots, [t[2] for t in teeth])
    # (outwards of the tooth's front, share of the thickness inwards, rise above the neck)
    profile = (
        (0.2, 0.0, 8.5),
        (0.7, 0.0, 3.0),
        (0.1, 0.0, -0.6),
        (-0.1, 1.0, -0.4),
        (-1.2, 1.0, 5.0),
    )
    grid = builder.new((count, len(profile)))
    columns = [
        np.column_stack(
            [flat + (out - inwards * thick)[:, None] * normal, edge_z + up * (height + rise)]
        )
        for out, inwards, rise in profile
    ]
    vertices = np.stack(columns, axis=1).reshape(-1, 3)
    vertices[grid[0], 0] = 0.0
    builder.patch(grid[:, ::-1] if up > 0 else grid)
    return Part(name, "gums", vertices, np.array(builder.quads, dtype=np.int32), grid[0])


def _tongue() -> Part:
    """A rounded body from the root to the tip behind the lower incisors."""
    builder = QuadBuilder()
    # y, z of the middle, half width, half height: root to tip
    sections = (
        (-42, -58, 17, 11), (-50, -54, 19, 11), (-58, -52, 20, 10), (-66, -51.5, 19.5, 9),
        (-74, -52, 18, 7.5), (-80, -52.6, 15.5, 6), (-84.5, -53, 11.5, 4.6), (-87, -53.2, 7.5, 3.2),
    )  # fmt: skip
    angle = np.linspace(-np.pi / 2, np.pi / 2, 7)
    rings = [builder.new((7,)) for _ in sections]
    rows = []
    for y, z, wide, high in sections:
        lift = -0.18 * high * np.maximum(np.sin(angle), 0) ** 4  # median groove
        rows.append(
            np.column_stack(
                [wide * np.cos(angle), np.full(7, float(y)), z + high * np.sin(angle) + lift]
            )
        )
        rows[-1][[0, -1], 0] = 0.0
    for back, front in itertools.pairwise(rings):
        builder.band(back, front, closed=False)
    tip = builder.new((2,))
    last = rings[-1]
    patch = np.array(
        [[last[0], tip[0], last[6]], [last[1], tip[1], last[5]], [last[2], last[3], last[4]]],
        dtype=np.int32,
    )
    builder.patch(patch)
    y, z, wide, _ = sections[-1]
    rows.append(np.array([[0.0, y - 1.0, z], [wide * 0.55, y - 0.8, z]]))
    midline = np.concatenate([ring[[0, -1]] for ring in rings] + [tip[:1]]).astype(np.int32)
    return Part(
        "tongue", "tongue", np.concatenate(rows), np.array(builder.quads, dtype=np.int32), midline
    )


# count, length, how far the tip lifts against how far it goes forward
LASHES = {"upper": (46, 8.5, 0.75), "lower": (28, 4.6, -0.45)}
LASH_WIDTH = 0.2
# Neighbours differ: shares of the length, of the fan and of the lift, in golden-ratio order.
LASH_UNEVEN = (0.30, 0.22, 0.30)


def lash_roots(lid: str) -> FloatArray:
    """Position of each lash along the lid margin, as a ring index of the eye (n,)."""
    count = LASHES[lid][0]
    if lid == "upper":
        return np.linspace(11.8, 23.6, count)
    return np.mod(np.linspace(27.2, 38.2, count), 28.0)


def _lashes(layout: HalfLayout, skin: FloatArray, lid: str) -> tuple[FloatArray, IntArray]:
    """Tapered strips of two quads each, fanned along the outer edge of the lid margin."""
    builder = QuadBuilder()
    count, length, lift = LASHES[lid]
    margin = skin[layout.rings["eye"][5]]
    index = np.arange(29, dtype=float)
    curve = CubicSpline(index, np.vstack([margin, margin[:1]]), bc_type="periodic")
    at = lash_roots(lid)
    root, tangent = curve(at), curve(at, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    centre = np.array(control_points.EYE_CENTRE)
    outwards = (root - centre) / np.linalg.norm(root - centre, axis=1, keepdims=True)
    share = np.linspace(-1, 1, count) * (1 if lid == "lower" else -1)
    uneven = np.mod(np.outer(np.arange(count), GOLDEN ** np.array([-1.0, -2.0, -3.0])), 1.0) - 0.5
    fan = np.column_stack([0.55 * share + LASH_UNEVEN[1] * uneven[:, 1], *np.zeros((2, count))])
    forward = outwards * 0.9 + fan + np.array([0.0, -0.35, 0.0])
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    reach = length * (0.72 + 0.28 * np.cos(2.2 * (share - 0.25)))
    reach *= 1.0 + LASH_UNEVEN[0] * uneven[:, 0]
    lifts = lift * (1.0 + LASH_UNEVEN[2] * uneven[:, 2])
    rows = []
    for step, width in ((0.0, 1.0), (0.5, 0.8), (1.0, 0.1)):
        rise = np.zeros((count, 3))
        rise[:, 2] = lifts * reach * (step**2)
        middle = root + forward * (reach * step)[:, None] + rise
        rows += [
            middle - tangent * LASH_WIDTH * width / 2,
            middle + tangent * LASH_WIDTH * width / 2,
        ]
    ids = builder.new((count, 6))
    for lash in ids:
        builder.patch(lash.reshape(3, 2).T)
    vertices = np.stack(rows, axis=1).reshape(-1, 3)
    return vertices, np.array(builder.quads, dtype=np.int32)


# The meniscus between lid and eyeball: how far it reaches on to the ball, and stands off it.
TEAR_REACH, TEAR_FILM = 0.5, 0.03
TEAR_ROWS = 3  # on the margin, in the hollow, on the eyeball
# The caruncle spans the corner between the lids: columns of the eye's rings from the canthus, and
# how much of the way to the eyeball's surface each of its rows has gone.
CARUNCLE_COLUMNS = (0.1, 0.9, 1.8, 2.9)
CARUNCLE_WAY = (0.0, 0.4, 0.85, 1.0)
CARUNCLE_BULGE = (0.0, 0.9, 0.6, -0.3)
CARUNCLE_ACROSS = 5
CARUNCLE_BEHIND, CARUNCLE_TUCK = 0.2, 1.5  # behind the lids' edge, and under it


def _tear_line(layout: HalfLayout, skin: FloatArray) -> tuple[FloatArray, IntArray]:
    """A hollow strip along both margins, wet to the eyeball; rows of 28 as the eye's rings."""
    builder = QuadBuilder()
    outer, inner = skin[layout.rings["eye"][5]], skin[layout.rings["eye"][6]]
    centre = np.array(control_points.EYE_CENTRE)
    away = _unit(inner - centre)
    inwards = inner.mean(axis=0) - inner
    inwards = _unit(inwards - (inwards * away).sum(axis=1, keepdims=True) * away)
    on_ball = _unit(away * control_points.EYE_RADIUS + TEAR_REACH * inwards)
    on_ball = centre + (control_points.EYE_RADIUS + TEAR_FILM) * on_ball
    on_margin = 0.6 * inner + 0.4 * outer + TEAR_FILM * inwards
    hollow = 0.5 * (inner + 0.1 * inwards) + 0.25 * (on_margin + on_ball)
    ids = builder.new((TEAR_ROWS, len(inner)))
    for row, next_row in itertools.pairwise(ids):
        builder.band(row, next_row, closed=True)
    return np.concatenate([on_margin, hollow, on_ball]), np.array(builder.quads, dtype=np.int32)


def _caruncle(layout: HalfLayout, skin: FloatArray) -> tuple[FloatArray, IntArray]:
    """The pink mound that fills the medial corner from canthus to eyeball: rows from lid to lid."""
    builder = QuadBuilder()
    centre = np.array(control_points.EYE_CENTRE)
    edge = skin[layout.rings["eye"][6]] - centre
    canthus, count = 25, len(edge)
    curve = CubicSpline(np.arange(count + 1), np.vstack([edge, edge[:1]]), bc_type="periodic")
    share = np.linspace(0.0, 1.0, CARUNCLE_ACROSS)[:, None]
    rows = []
    for column, way, bulge in zip(CARUNCLE_COLUMNS, CARUNCLE_WAY, CARUNCLE_BULGE, strict=True):
        lower, upper = curve(np.mod([canthus + column, canthus - column], count))
        tuck = CARUNCLE_TUCK * _unit(upper - lower)
        across = (1 - share) * (lower - tuck) + share * (upper + tuck)
        reach = np.linalg.norm(across, axis=1, keepdims=True) - CARUNCLE_BEHIND
        reach = (1 - way) * reach + way * control_points.EYE_RADIUS + bulge * np.sin(np.pi * share)
        rows.append(centre + reach * _unit(across))
    ids = builder.new((len(rows), CARUNCLE_ACROSS))
    builder.patch(ids)
    return np.concatenate(rows), np.array(builder.quads, dtype=np.int32)


def _unit(arm: FloatArray) -> FloatArray:
    """Vectors (..., 3) at length one."""
    return arm / np.linalg.norm(arm, axis=-1, keepdims=True)
