"""The head to the jaw's expressions: open, forward, left; and the tongue's.

The jaw turns about a transverse axis near the ear canal. Chin, lower lip, lower teeth and tongue
go along fully; the share fades before the gonion, up the cheek and down the neck.
"""

from __future__ import annotations

import numpy as np

from ..imaging.smooth_step import smooth_step
from .rig import BONE_ENDS_MM
from .shape_contact import resolve_contact
from .shape_space import FaceSpace, FieldValues, FloatArray, GaussianDisplacement, rotate

# The jaw at weight 1: its rotation about the transverse axis, its thrust, its swing to the left; so
# that shapes recorded for ARKit's rigs fit (docs/head.md compares amplitudes with another such
# rig).
OPEN_DEG = 18.5
FORWARD_MM = np.array([0.0, -9.5, -0.6])
SIDEWAYS_DEG = 5.5
# Share of the jaw's motion round the lips, by ring index 0 (lower middle) to 20 (upper middle).
LIP_SHARE = {
    0: 1.0, 3: 0.985, 5: 0.95, 7: 0.86, 8: 0.77, 9: 0.63, 10: 0.48, 11: 0.35, 12: 0.24, 13: 0.16,
    16: 0.05, 20: 0.0,
}  # fmt: skip
# Where lips part, their corner is drawn in: a pull towards the middle (mm) by ring index.
CORNER_PULL_MM = {0: 0.0, 4: 0.6, 7: 2.6, 10: 4.8, 13: 2.8, 16: 0.9, 20: 0.0}
REACH = 14.0
TONGUE_REACH_MM = 46.0


def jaw_axis(space: FaceSpace) -> FloatArray:
    """A point (3,) mm on the jaw's transverse axis."""
    return space.carry_point(_typed_axis())


def _typed_axis() -> FloatArray:
    return np.array(BONE_ENDS_MM["jaw"][0], dtype=float)


def jaw_share(space: FaceSpace) -> FloatArray:
    """(V,) how far each vertex goes along with the jaw, 0 to 1."""
    arm = space.mean_points - _typed_axis()
    below = np.arctan2(-arm[:, 2], -arm[:, 1])  # angle below the horizon, seen from the axis
    deg = np.rad2deg(below)
    share = smooth_step(17.0, 40.0, deg) * smooth_step(86.0, 50.0, deg)
    share *= smooth_step(-18.0, -84.0, space.mean_points[:, 1])
    mouth = space.head.rings["mouth"]
    base = np.zeros_like(share)
    base[space.skin] = share[space.skin]
    lips = interpolate_lip_ring(LIP_SHARE, mouth.shape[1])
    held: list[FieldValues] = [(ring, lips[:, None]) for ring in mouth[2:8]]
    lower = smooth_step(-38.0, -55.0, space.mean_points[:, 2])
    bag = np.concatenate([mouth[8:].ravel(), space.head.ends["mouth"]])
    held.append((bag, lower[bag, None]))
    held.append((space.lids, np.zeros((len(space.lids), 1))))
    solve_membrane = space.solve_membrane(base[:, None], held, REACH)[:, 0]
    solve_membrane[space.ids("teeth_lower", "gums_lower", "tongue")] = 1.0
    return np.clip(solve_membrane, 0.0, 1.0)


def interpolate_lip_ring(half_ring: dict[int, float], count: int) -> FloatArray:
    """Values (count,) round a closed lip ring of `count`, the same on both halves.

    `half_ring`: values by ring index of the left half, linear between them.
    """
    index = np.arange(count)
    half = np.minimum(index, count - index)
    return np.interp(half, list(half_ring), list(half_ring.values()))


def jaw_shapes(space: FaceSpace) -> dict[str, FloatArray]:
    """Fields (V, 3) mm of jawOpen, jawForward and jawLeft."""
    share = jaw_share(space)[:, None]
    arm = space.points - jaw_axis(space)
    lateral, vertical = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    everywhere = np.ones(len(arm))
    opened = rotate(arm, lateral, np.deg2rad(OPEN_DEG) * everywhere) - arm
    swung = rotate(arm, vertical, np.deg2rad(SIDEWAYS_DEG) * everywhere) - arm
    opening = share * opened
    _pull_corners_in(space, opening)
    return {
        "jawOpen": opening,
        "jawForward": resolve_contact(space, share * FORWARD_MM, sealed=True),
        "jawLeft": resolve_contact(space, share * swung, sealed=True),
    }


def _pull_corners_in(space: FaceSpace, opening: FloatArray) -> None:
    mouth = space.head.rings["mouth"]
    pull = interpolate_lip_ring(CORNER_PULL_MM, mouth.shape[1])
    side = np.sign(np.round(space.mean_points[mouth[3], 0], 6))
    cheek = space.displacement_field(
        (GaussianDisplacement((44, -84, -52), (-1.5, 1.5, 0.0), (13, 16, 18)),)
    )
    held: list[FieldValues] = []
    for ring, follow in zip(mouth[2:8], (0.8, 1.0, 1.0, 1.0, 1.0, 1.0), strict=True):
        inwards = np.zeros((len(ring), 3))
        inwards[:, 0] = -follow * pull * side
        held.append((ring, space.stretch_vectors(ring, inwards)))
    held.append((space.lids, np.zeros((len(space.lids), 3))))
    opening += space.solve_membrane(cheek, held, 9.0)


def tongue_out(space: FaceSpace) -> FloatArray:
    """The field (V, 3) mm of tongueOut: its body slides over the lower teeth, its tip hanging."""
    field = space.zero_field()
    ids = space.ids("tongue")
    depth = space.points[ids, 1]
    share = (depth.max() - depth) / (depth.max() - depth.min())
    field[ids, 1] = -TONGUE_REACH_MM * share**1.2
    field[ids, 2] = 9.0 * smooth_step(0.1, 0.7, share) - 9.0 * share**4
    return field
