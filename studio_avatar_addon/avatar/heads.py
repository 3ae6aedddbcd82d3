"""Does a fitted head fit its template? Asked before Blender builds anything of it."""

from __future__ import annotations

import numpy as np

from .bundle import AGAIN, HeadData
from .errors import AvatarFolderError
from .shapes import CORRECTIVES, SHAPE_NAMES
from .template import BONES, HeadTemplate
from .types import FloatArray

LARGEST_M = 10.0  # of any coordinate: what is beyond is no head, and float32 would not bear it
SHORTEST_M = 1e-4  # of a bone or an eye's radius: Blender drops bones that have no length


def check_head(head: HeadData, template: HeadTemplate) -> None:
    """Raises AvatarFolderError where an array has another shape than the template asks for, holds
    what is no finite number of a head's size, or a bone or eye has no size."""
    vertices = template.vertices_m.shape
    shapes = {
        "identity": (len(template.identity_names),),
        "neutral_m": vertices,
        "shape_deltas_m": (len(SHAPE_NAMES), *vertices),
        "corrective_deltas_m": (len(CORRECTIVES), *vertices),
        "joints_m": (len(BONES), 2, 3),
        "eye_centre_m": (2, 3),
        "eye_radius_m": (2,),
        "iris_linear": (3,),
    }
    for field, shape in shapes.items():
        array = getattr(head, field)
        if array.shape != shape or array.dtype.kind not in "fi":
            raise _no_head(f"its {field} are not {' x '.join(map(str, shape))} numbers")
        if not (np.abs(array) <= LARGEST_M).all():  # NaN is not either
            raise _no_head(f"its {field} are not all finite and of a head's size")
    bones_m: FloatArray = np.linalg.norm(head.joints_m[:, 1] - head.joints_m[:, 0], axis=1)
    if min(bones_m.min(), head.eye_radius_m.min()) < SHORTEST_M:
        raise _no_head("a bone or an eye has no size")


def _no_head(why: str) -> AvatarFolderError:
    return AvatarFolderError(f"The avatar's head cannot be built: {why}.", AGAIN)
