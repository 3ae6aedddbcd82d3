"""A head to the 52 ARKit shapes and their correctives: deltas in metres.

`build_shapes` generates them on the mean head, each authored for the left side or the middle, the
right side its exact mirror image. `shapes_of` makes them again on a head of any identity, contact
of lids, lips and teeth included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.shapes import (
    CORRECTIVES,
    SHAPE_INDEX,
    SHAPE_NAMES,
    mirrored_shape,
)

from .mesh import MM, HeadMesh
from .shape_correctives import corrective_fields
from .shape_jaw import jaw_shapes, tongue_out
from .shape_lids import lid_shapes
from .shape_mouth import mouth_shapes
from .shape_space import FaceSpace, FloatArray


@dataclass(frozen=True)
class HeadShapes:
    """Deltas at weight 1 in metres."""

    deltas_m: NDArray[np.float32]  # (52, V, 3)
    corrective_deltas_m: NDArray[np.float32]  # (C, V, 3) in the order of CORRECTIVES


def build_shapes(mean: HeadMesh) -> HeadShapes:
    """The mean head's shapes, mirror-symmetric to the bit."""
    space = FaceSpace.of_mean(mean)
    left = _author_fields(space)
    for name, field in left.items():
        if mirrored_shape(name) == name:
            left[name] = 0.5 * (field + space.mirror_field(field))
    right = {mirrored_shape(name): space.mirror_field(field) for name, field in left.items()}
    return _collect(space, right | left)


def shapes_of(head: HeadMesh, mean: HeadMesh) -> HeadShapes:
    """The shapes of `head`, which has the mean head's vertices, moved."""
    space = FaceSpace.of(head, mean)
    mirrored = _author_fields(space.mirror_image(), middle=False)
    right = {mirrored_shape(name): space.mirror_field(field) for name, field in mirrored.items()}
    return _collect(space, right | _author_fields(space))


def _collect(space: FaceSpace, fields: dict[str, FloatArray]) -> HeadShapes:
    deltas = np.zeros((len(SHAPE_NAMES), *space.points.shape))
    for name, field in fields.items():
        deltas[SHAPE_INDEX[name]] = field
    correctives = corrective_fields(space, fields)
    return HeadShapes(
        (deltas * MM).astype(np.float32),
        (np.stack([correctives[pair] for pair in CORRECTIVES]) * MM).astype(np.float32),
    )


def _author_fields(space: FaceSpace, middle: bool = True) -> dict[str, FloatArray]:
    """Fields (V, 3) mm of the left shapes and, if wanted, of those of the middle."""
    jaw = jaw_shapes(space)
    fields = {
        **jaw,
        **lid_shapes(space),
        **mouth_shapes(space, jaw["jawOpen"], middle),
        "tongueOut": tongue_out(space),
    }
    return {name: field for name, field in fields.items() if middle or name.endswith("Left")}
