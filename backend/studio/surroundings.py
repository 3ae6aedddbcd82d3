"""The fitted head in; a coarse set of skin points with what each can see out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.template import MATERIALS, SEE_THROUGH, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, HeadFit

from ..atlas import AtlasTable, atlas_table
from ..surface import vertex_normals
from .visibility import NOTHING, Visibility, cast_visibility, even_directions

GRID = 192
DIRECTIONS = 256


@dataclass(frozen=True)
class Surroundings:
    """n skin texels of a GRID x GRID atlas."""

    table: AtlasTable
    skin: BoolArray  # over the table's texels: the n of them
    visibility: Visibility
    exchange: scipy.sparse.csr_matrix  # (n, n) share of each point's hemisphere that others fill

    def image(self, values: NDArray) -> NDArray[np.float32]:
        """Point values (n, ...) as an atlas image (GRID, GRID, ...), continued to the gutters."""
        everywhere = np.zeros((len(self.table), *values.shape[1:]), np.float32)
        everywhere[self.skin] = values
        # Other materials share the atlas: let the nearest skin stand in for them.
        nearest = np.maximum(np.cumsum(self.skin) - 1, 0)
        everywhere[~self.skin] = values[nearest[~self.skin]]
        return self.table.image(everywhere)


def look_around(fit: HeadFit, template: HeadTemplate) -> Surroundings:
    """Visibility towards DIRECTIONS and the exchange of light between the points."""
    table = atlas_table(template, GRID)
    skin = table.is_material("skin")
    normals = table.interpolate(vertex_normals(fit.neutral_m, template.triangles))[skin]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    points = table.interpolate(fit.neutral_m)[skin]
    clear = [MATERIALS.index(name) for name in SEE_THROUGH]
    opaque = template.triangles[~np.isin(template.triangle_material, clear)]
    visibility = cast_visibility(
        points, normals, fit.neutral_m, opaque, even_directions(DIRECTIONS)
    )
    return Surroundings(table, skin, visibility, _exchange(visibility, points, fit, opaque))


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
