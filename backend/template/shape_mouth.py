"""The head to the fields typed in `shape_lips`, and to mouthClose: (V, 3) mm by name.

All lip rings of a column move together with the border and the contact line, so a lip keeps its
thickness; the skin's share fades into it.
"""

from __future__ import annotations

import numpy as np

from ..imaging.smooth_step import smooth_step
from .control_surface import ring_curve
from .shape_contact import resolve_contact
from .shape_lips import LIP_SHAPES, MOUTH_LEFT, MOUTH_LEFT_SKIN, SKIN_SHAPES, LipShape, LipTable
from .shape_space import FaceSpace, FieldValues, FloatArray, GaussianDisplacement, IntArray, rotate

# Of the mouth's rings: the vermilion border, and the line on which closed lips rest.
BORDER_RING, CONTACT_RING = 3, 6
# How far rings 3 to 7 follow the contact line rather than the border.
CONTACT_SHARE = (0.0, 0.35, 0.8, 1.0, 1.0)
SKIN_REACH = 6.0
# Where the lips of an open jaw meet: share of the lower lip's way.
CLOSE_AT = 0.12
# Where the skin round them gives way: from none to all of the jaw's way.
CHIN_GIVES_Z_MM = (-92.0, -56.0)
CHEEK_GIVES_Y_MM = (-56.0, -88.0)


def mouth_shapes(
    space: FaceSpace, jaw_open: FloatArray, middle: bool = True
) -> dict[str, FloatArray]:
    """Fields of mouth, brow, cheek and nose shapes; `jaw_open` (V, 3) is the open jaw's.

    `middle`: those of the middle too, not of the left alone.
    """
    fields: dict[str, FloatArray] = {}
    for name, shape in LIP_SHAPES.items():
        if not (middle or shape.one_sided):
            continue
        combined_with = tuple(fields[other] for other in shape.combined_with)
        fields[name] = _lip_field(space, shape, combined_with)
    fields |= {
        name: _skin_field(space, pushes, blend) for name, (pushes, blend) in SKIN_SHAPES.items()
    }
    fields["mouthLeft"] = _mouth_left(space)
    fields["mouthClose"] = _mouth_close(space, jaw_open)
    return fields


def _lip_field(
    space: FaceSpace, shape: LipShape, combined_with: tuple[FloatArray, ...]
) -> FloatArray:
    mouth = space.head.rings["mouth"]
    count = mouth.shape[1]
    outer = _round_lips(shape.outer, count)
    inner = _round_lips(shape.inner, count) if shape.inner else outer
    angle = np.deg2rad(_round_angles(shape.evert_deg, count))
    border = space.points[mouth[BORDER_RING]]
    tangent = np.roll(border, -1, axis=0) - np.roll(border, 1, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    held: list[FieldValues] = []
    for index, share in enumerate(CONTACT_SHARE, start=BORDER_RING):
        # behind the contact line the lining follows without turning
        arm = space.points[mouth[min(index, CONTACT_RING)]] - border
        push = space.stretch_vectors(mouth[index], (1.0 - share) * outer + share * inner)
        moved = push + rotate(arm, tangent, angle) - arm
        held.append((mouth[index], moved))
    if shape.sealed:
        _seal(held)
    held.append(_still_lids(space))
    field = space.solve_membrane(space.displacement_field(shape.skin), held, shape.reach)
    field = resolve_contact(space, field, shape.lip_yield, combined_with, shape.sealed)
    return space.left_share(field, shape.one_sided) if shape.one_sided else field


def _skin_field(
    space: FaceSpace, pushes: tuple[GaussianDisplacement, ...], blend_mm: float
) -> FloatArray:
    field = space.solve_membrane(space.displacement_field(pushes), [_still_lids(space)], SKIN_REACH)
    return space.left_share(field, blend_mm) if blend_mm else field


def _mouth_left(space: FaceSpace) -> FloatArray:
    mouth = space.head.rings["mouth"]
    curve = ring_curve(MOUTH_LEFT, mouth.shape[1], True)
    rings = mouth[BORDER_RING : BORDER_RING + len(CONTACT_SHARE)]
    held = [(ring, space.stretch_vectors(ring, curve)) for ring in rings]
    _seal(held)
    held.append(_still_lids(space))
    base = space.displacement_field(MOUTH_LEFT_SKIN, both_sides=False)
    return resolve_contact(space, space.solve_membrane(base, held, 10.0), sealed=True)


def _mouth_close(space: FaceSpace, jaw_open: FloatArray) -> FloatArray:
    """Brings the lips of the open jaw together again, a little below where they were.

    The skin over the chin gives way towards the lips; the jaw itself stays open.
    """
    mouth = space.head.rings["mouth"]
    count = mouth.shape[1]
    column = np.arange(count)
    pair = np.stack([column, _opposite(count)])
    lower = np.where(column <= count // 2, pair.min(axis=0), pair.max(axis=0))
    held = [_still_lids(space)]
    for ring in mouth[BORDER_RING : BORDER_RING + len(CONTACT_SHARE)]:
        opened = jaw_open[ring]
        held.append((ring, CLOSE_AT * opened[lower] - opened))
    base = space.zero_field()
    share = smooth_step(*CHIN_GIVES_Z_MM, space.mean_points[:, 2:])
    share *= smooth_step(*CHEEK_GIVES_Y_MM, space.mean_points[:, 1:2])
    base[space.skin] = -(share * jaw_open)[space.skin]
    return space.solve_membrane(base, held, SKIN_REACH)


def _seal(held: list[FieldValues]) -> None:
    """Raise or lower both lips' contact lines to meet, in place; the borders stay."""
    lift = held[CONTACT_RING - BORDER_RING][1][:, 2]
    change = 0.5 * (lift[_opposite(len(lift))] - lift)
    for (_, moved), share in zip(held, CONTACT_SHARE, strict=True):
        moved[:, 2] += share * change


def _still_lids(space: FaceSpace) -> FieldValues:
    return space.lids, np.zeros((len(space.lids), 3))


def _round_lips(table: LipTable, count: int) -> FloatArray:
    """Pushes (count, 3) of a closed ring from its left half's table, mirrored."""
    half = ring_curve(table, count // 2 + 1, False)
    return np.vstack([half, half[-2:0:-1] * np.array([-1.0, 1.0, 1.0])])


def _opposite(count: int) -> IntArray:
    """(count,) the column of the other lip that each column of a lip ring rests on."""
    return np.mod(count // 2 - np.arange(count), count).astype(np.int32)


def _round_angles(table: dict[float, float], count: int) -> FloatArray:
    if not table:
        return np.zeros(count)
    index = np.arange(count)
    return np.interp(np.minimum(index, count - index), list(table), list(table.values()))
