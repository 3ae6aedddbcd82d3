"""A head of any identity in, the 52 shapes and their correctives made again for it out."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from studio_avatar_addon.avatar.errors import TemplateError
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from .mesh import HeadMesh, build_mesh
from .shapes import HeadShapes, shapes_of

SAME_M = 1e-6


def remade_shapes(
    template: HeadTemplate,
    neutral_m: FloatArray,
    eye_centre_m: FloatArray,
    eye_radius_m: FloatArray,
) -> HeadShapes:
    """The shapes of the head with vertices (V, 3), eyes at (2, 3) of radius (2,); some seconds.

    Raises TemplateError where `template` is not the one that this code builds.
    """
    mean = _mean_head()
    if not (
        len(mean.vertices_m) == len(template.vertices_m)
        and np.abs(mean.vertices_m - template.vertices_m).max() < SAME_M
    ):
        raise TemplateError(
            f"The head template {template.name} was not built by this version of the code.",
            "Install the extension again, or build it with `python -m backend template`.",
        )
    head = replace(
        mean,
        vertices_m=np.asarray(neutral_m, np.float64),
        eye_centre_m=np.asarray(eye_centre_m, np.float64),
        eye_radius_m=np.asarray(eye_radius_m, np.float64),
    )
    return shapes_of(head, mean)


@cache
def _mean_head() -> HeadMesh:
    return build_mesh()
