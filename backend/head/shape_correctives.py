"""Two shapes together to what their sum lacks: fields (V, 3) mm by pair, at both weights 1.

Lids that close twice as far are brought to meet; what the lips do on an open jaw turns with the
jaw; and lips that end up in the teeth are lifted off them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.shapes import CORRECTIVES, mirrored_shape

from .shape_jaw import OPEN_DEG, jaw_share
from .shape_lids import MOTIONS, LidMotion, lid_field
from .shape_space import FaceSpace, FieldValues, FloatArray, turned

BLINK = MOTIONS["eyeBlinkLeft"]
# What both lids do when a closed eye looks down or squints: they meet, lower or higher.
LID_MOTIONS: dict[str, LidMotion] = {
    "eyeLookDownLeft": replace(BLINK, upper=1.16, lower=-0.10, lower_sideways_deg=-5.0),
    "eyeSquintLeft": replace(
        MOTIONS["eyeSquintLeft"], upper=0.72, lower=0.34, lower_sideways_deg=-9.0
    ),
}
LIP_RINGS = slice(3, 8)
TEETH_GAP_MM = 0.3
TOOTH_NEAR_MM = 5.0
LIFT_REACH_MM = 6.0
LIFTS = 3

Pair = tuple[str, str]


def corrective_fields(space: FaceSpace, fields: dict[str, FloatArray]) -> dict[Pair, FloatArray]:
    """The field of every pair in CORRECTIVES; `fields` holds the 52 shapes' own."""
    share = jaw_share(space)
    made: dict[Pair, FloatArray] = {}
    mirror = space.in_mirror()
    for pair in CORRECTIVES:
        first, second = pair
        total = fields[first] + fields[second]
        if first.startswith("eye"):
            left = second if second.endswith("Left") else mirrored_shape(second)
            if second == left:
                wanted = lid_field(space, LID_MOTIONS[left])
            else:
                wanted = space.mirrored(lid_field(mirror, LID_MOTIONS[left]))
            made[pair] = wanted - total
            continue
        change = space.zero()
        if second != "mouthClose":  # which undoes the jaw's turn itself
            change = _with_the_jaw(fields[second], share) - fields[second]
        made[pair] = change + _lifted_off_the_teeth(space, total + change)
    return made


def _with_the_jaw(field: FloatArray, share: FloatArray) -> FloatArray:
    """A closed mouth's field, turned as far as each vertex turns with the open jaw."""
    return turned(field, np.array([1.0, 0.0, 0.0]), np.deg2rad(OPEN_DEG) * share)


def _lifted_off_the_teeth(space: FaceSpace, field: FloatArray) -> FloatArray:
    """The further field (V, 3) that brings the lips of the posed head out of teeth and gums."""
    lips = np.unique(space.head.rings["mouth"][LIP_RINGS])
    lift = np.zeros((len(lips), 3))
    surface, outwards = _teeth(space, field)
    tree = cKDTree(surface)
    for _ in range(LIFTS):
        posed = space.points[lips] + field[lips] + lift
        away, nearest = tree.query(posed)
        normal = outwards[nearest]
        height = ((posed - surface[nearest]) * normal).sum(axis=1)
        lack = np.clip(TEETH_GAP_MM - height, 0.0, None)
        lack[(away > TOOTH_NEAR_MM) | (normal[:, 1] > -0.2)] = 0.0  # only the teeth's front
        lift += lack[:, None] * normal
    if not lift.any():
        return space.zero()
    held: list[FieldValues] = [(lips, lift), (space.lids, np.zeros((len(space.lids), 3)))]
    return space.settled(space.zero(), held, LIFT_REACH_MM)


def _teeth(space: FaceSpace, field: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points (n, 3) on the posed teeth and gums, and the way out (n, 3) at each."""
    ids = space.ids("teeth_upper", "teeth_lower", "gums_upper", "gums_lower")
    quads = space.head.quads[np.isin(space.head.quads, ids).all(axis=1)]
    corners = (space.points + field)[quads]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    spots = [corners.mean(axis=1)]
    spots += [0.5 * (corners[:, k] + corners[:, k - 1]) for k in range(4)]
    return np.concatenate(spots), np.tile(normal, (5, 1))
