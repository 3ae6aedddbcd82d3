"""Two shapes together to what their sum lacks: fields (V, 3) mm by pair, at both weights 1.

Lids that close twice as far are brought to meet; what the lips do on an open jaw turns with the
jaw; and lips that end up in the teeth are lifted off them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from studio_avatar_addon.avatar.shapes import CORRECTIVES, mirrored_shape

from .shape_contact import resolve_contact
from .shape_jaw import OPEN_DEG, jaw_share
from .shape_lids import CLOSED, MOTIONS, LidMotion, lid_field
from .shape_space import FaceSpace, FloatArray, rotate

BLINK = MOTIONS["eyeBlinkLeft"]
# What both lids do when a closed eye looks down or squints: they meet, lower or higher.
LID_MOTIONS: dict[str, LidMotion] = {
    "eyeLookDownLeft": replace(BLINK, upper=CLOSED + 0.10, lower=-0.10, lower_sideways_deg=-2.0),
    "eyeSquintLeft": replace(
        MOTIONS["eyeSquintLeft"], upper=CLOSED - 0.34, lower=0.34, lower_sideways_deg=-9.0
    ),
    "cheekSquintLeft": replace(
        MOTIONS["cheekSquintLeft"], upper=CLOSED - 0.28, lower=0.28, lower_sideways_deg=-9.0
    ),
}

Pair = tuple[str, str]


def corrective_fields(space: FaceSpace, fields: dict[str, FloatArray]) -> dict[Pair, FloatArray]:
    """The field (V, 3) mm of every pair in CORRECTIVES; `fields` (V, 3) mm are the 52 shapes'
    own."""
    share = jaw_share(space)
    correctives: dict[Pair, FloatArray] = {}
    mirror = space.mirror_image()
    for pair in CORRECTIVES:
        first, second = pair
        total = fields[first] + fields[second]
        if first.startswith("eye"):
            left = second if second.endswith("Left") else mirrored_shape(second)
            if second == left:
                wanted = lid_field(space, LID_MOTIONS[left])
            else:
                wanted = space.mirror_field(lid_field(mirror, LID_MOTIONS[left]))
            correctives[pair] = wanted - total
            continue
        change = space.zero_field()
        if second != "mouthClose":  # which undoes the jaw's turn itself
            change = _rotate_with_jaw(fields[second], share) - fields[second]
        correctives[pair] = resolve_contact(space, total + change) - total
    return correctives


def _rotate_with_jaw(field: FloatArray, share: FloatArray) -> FloatArray:
    """A closed mouth's field, turned as far as each vertex turns with the open jaw."""
    return rotate(field, np.array([1.0, 0.0, 0.0]), np.deg2rad(OPEN_DEG) * share)
