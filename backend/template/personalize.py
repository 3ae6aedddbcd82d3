"""A head of any identity in, the 52 shapes and their correctives generated for it out.

Where a shape folds on this head and not on the mean one, it is smoothed until it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from studio_avatar_addon.avatar.errors import FitError, TemplateError
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ..geometry.fold_removal import NOTICEABLE_MOVE_M, remove_self_intersections
from .mesh import HeadMesh, build_mesh
from .shapes import HeadShapes, shapes_of

VERTEX_TOLERANCE_M = 1e-6  # what another machine's rounding changes, and far below any redesign
# Lips that close an open jaw overlap where it is shut: judged with it.
JUDGED_WITH = {"mouthClose": SHAPE_INDEX["jawOpen"]}


@dataclass(frozen=True)
class PersonalizedShapes(HeadShapes):
    """`smoothed`: names of the shapes that folded and were changed by more than a little."""

    smoothed: tuple[str, ...]


def personalize_blendshapes(
    template: HeadTemplate,
    neutral_m: FloatArray,
    eye_centre_m: FloatArray,
    eye_radius_m: FloatArray,
) -> PersonalizedShapes:
    """The shapes of the head with vertices (V, 3), eyes at (2, 3) of radius (2,); some seconds.

    Raises TemplateError where `template` is not the one that this code builds.
    """
    mean = _mean_head()
    if not (
        len(mean.vertices_m) == len(template.vertices_m)
        and np.abs(mean.vertices_m - template.vertices_m).max() < VERTEX_TOLERANCE_M
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
    return _remove_folds(template, head, shapes_of(head, mean))


def _remove_folds(template: HeadTemplate, head: HeadMesh, shapes: HeadShapes) -> PersonalizedShapes:
    """Every shape compared with the mean head's own; one that cannot be smoothed stays as it is."""
    deltas = shapes.deltas_m.copy()
    smoothed = []
    for index, name in enumerate(SHAPE_NAMES):
        own = (template.vertices_m + template.shape_deltas_m[index]).astype(np.float64)
        before = head.vertices_m
        if name in JUDGED_WITH:
            own += template.shape_deltas_m[JUDGED_WITH[name]]
            before = before + deltas[JUDGED_WITH[name]]
        try:
            relaxed = remove_self_intersections(template, before + deltas[index], own)
        except FitError:
            smoothed.append(name)
            continue
        if relaxed.folds_before:
            deltas[index] = relaxed.vertices_m - before
        if relaxed.largest_move_m > NOTICEABLE_MOVE_M:
            smoothed.append(name)
    return PersonalizedShapes(deltas, shapes.corrective_deltas_m, tuple(smoothed))


@cache
def _mean_head() -> HeadMesh:
    return build_mesh()
