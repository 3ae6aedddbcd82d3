"""The fitted head in; a coarse set of skin points with what each can see out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.template import MATERIALS, SEE_THROUGH, HeadTemplate
from studio_avatar_addon.avatar.types import HeadFit

from ...geometry.normals import vertex_normals
from .skin_points import SkinPoints
from .visibility import NOTHING, Visibility, cast_visibility, even_directions

DIRECTIONS = (
    256  # over the sphere, 14 degrees apart: finer than the lobes of light, 28 degrees wide
)


@dataclass(frozen=True)
class Surroundings:
    """What each of n skin points sees of the others and of the sky."""

    points: SkinPoints
    visibility: Visibility
    exchange: scipy.sparse.csr_matrix  # (n, n) share of each point's hemisphere that others fill


def trace_surroundings(fit: HeadFit, template: HeadTemplate) -> Surroundings:
    """Visibility towards DIRECTIONS and the exchange of light between the points."""
    skin_points = SkinPoints.of(template)
    texels, skin = skin_points.texels, skin_points.skin
    normals = texels.interpolate(vertex_normals(fit.neutral_m, template.triangles))[skin]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    points = texels.interpolate(fit.neutral_m)[skin]
    clear = [MATERIALS.index(name) for name in SEE_THROUGH]
    opaque = template.triangles[~np.isin(template.triangle_material, clear)]
    visibility = cast_visibility(
        points, normals, fit.neutral_m, opaque, even_directions(DIRECTIONS)
    )
    return Surroundings(skin_points, visibility, _exchange(visibility, points, fit, opaque))


def _exchange(
    visibility: Visibility,
    points: NDArray[np.float32],
    fit: HeadFit,
    triangles: NDArray[np.int32],
) -> scipy.sparse.csr_matrix:
    """Each closed direction brings the light of the point nearest to what it meets."""
    nearest = cKDTree(points).query(fit.neutral_m[triangles].mean(1))[1]
    row, direction = np.nonzero(visibility.hit != NOTHING)
    met = nearest[visibility.hit[row, direction]]
    share = visibility.cosine[row, direction] * (4.0 / len(visibility.directions))
    return scipy.sparse.csr_matrix((share, (row, met)), shape=(len(points), len(points)))
