"""The head to the 52 ARKit shapes: deltas (52, V, 3) float32 in metres and which are modelled.

Each is authored for the left side or the middle; the right side is its exact mirror image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES, mirrored_shape

from .mesh import MM, HeadMesh
from .shape_jaw import jaw_shapes, tongue_out
from .shape_lids import lid_shapes
from .shape_mouth import mouth_shapes
from .shape_space import FaceSpace, FloatArray


def build_shapes(head: HeadMesh) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Deltas (52, V, 3) float32 m at weight 1 and (52,) whether a shape is modelled."""
    space = FaceSpace.of(head)
    deltas = np.zeros((len(SHAPE_NAMES), head.count, 3), dtype=np.float32)
    modelled = np.zeros(len(SHAPE_NAMES), dtype=bool)
    for name, field in _authored(space).items():
        twin = mirrored_shape(name)
        if twin == name:
            field = 0.5 * (field + space.mirrored(field))
        for shape, values in ((name, field), (twin, space.mirrored(field))):
            deltas[SHAPE_INDEX[shape]] = values * MM
            modelled[SHAPE_INDEX[shape]] = True
    return deltas, modelled


def _authored(space: FaceSpace) -> dict[str, FloatArray]:
    """Fields (V, 3) mm of the left and middle shapes."""
    jaw = jaw_shapes(space)
    return {
        **jaw,
        **lid_shapes(space),
        **mouth_shapes(space, jaw["jawOpen"]),
        "tongueOut": tongue_out(space),
    }
