"""A posed head in, how deep its soft parts are in one another out, in millimetres.

Lids and the skin round them against eyeball and cornea, lips and their lining against teeth and
gums, one lip against the other, and the whole sheet of skin against itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...geometry.closest import Surface
from ...geometry.intersections import self_intersections
from ...geometry.normals import vertex_normals
from ...template.mesh import HeadMesh
from ..figures import MM_PER_M

LID_RINGS = slice(3, 8)  # crease to the lids' inside
LIP_RINGS = slice(3, 9)  # vermilion border to the front of the mouth's bag
SEAL_RINGS = slice(3, 8)  # of either lip, which meets the other
SHARES = (0.25, 0.5, 0.75)  # where edges are looked at, besides their ends
# Deeper than this in front of a face of teeth or lips is on their other side, not inside them.
MAX_DEPTH_M = 0.006
CORNER_COLUMNS = (10, 30)  # of the mouth's rings: left and right corner
BESIDE_CORNER = 2  # columns of the other lip that belong to the fold at the corner itself


@dataclass(frozen=True)
class Depth:
    """How deep points of one thing are inside another, in mm; 0 where none is."""

    worst_mm: float

    @classmethod
    def of(cls, inside_m: FloatArray) -> Depth:
        """`inside_m` (n,): depth of each point, negative outside."""
        return cls(float(np.maximum(inside_m, 0.0).max() * MM_PER_M))


@dataclass(frozen=True)
class Contact:
    """One posed head. `crossings`: pairs of skin or mouth triangles that do not cross at rest."""

    lids_in_eyes: Depth
    lips_in_teeth: Depth
    lip_in_lip: Depth
    crossings: int

    @property
    def worst_mm(self) -> float:
        """The deepest of all."""
        depths = (self.lids_in_eyes, self.lips_in_teeth, self.lip_in_lip)
        return max(depth.worst_mm for depth in depths)


def contact_of(head: HeadMesh, posed_m: FloatArray) -> Contact:
    """Contact of `head` with vertices (V, 3) in metres; `head` is the same one at rest."""
    return Contact(
        Depth.of(lid_depths_m(head, posed_m)),
        Depth.of(lip_depths_m(head, posed_m)),
        Depth.of(seal_depths_m(head, posed_m)),
        len(new_crossings(head, posed_m)),
    )


def lid_gap_mm(head: HeadMesh, posed_m: FloatArray, side: str) -> float:
    """Farthest that the closed lids' edges of side "L" or "R" lie apart or over each other, with
    vertices (V, 3)."""
    return _gap_mm(head, posed_m, f"lid_upper_{side}", f"lid_lower_{side}")


def lip_gap_mm(head: HeadMesh, posed_m: FloatArray) -> float:
    """Farthest that the lips' contact lines lie apart or over each other, with vertices (V, 3)."""
    return _gap_mm(head, posed_m, "lip_contact_upper", "lip_contact_lower")


def _gap_mm(head: HeadMesh, posed_m: FloatArray, upper: str, lower: str) -> float:
    one, other = posed_m[head.loops[upper]], posed_m[head.loops[lower]]
    return max(_farthest_from(one, other), _farthest_from(other, one)) * MM_PER_M


def _farthest_from(points: FloatArray, line: FloatArray) -> float:
    """Distance of the farthest of points (n, 3) from a polyline (m, 3)."""
    start, along = line[:-1], np.diff(line, axis=0)
    arm = points[:, None] - start
    share = np.clip((arm * along).sum(axis=2) / (along**2).sum(axis=1), 0.0, 1.0)
    away = np.linalg.norm(arm - share[..., None] * along, axis=2)
    return float(away.min(axis=1).max())


def lid_depths_m(head: HeadMesh, posed_m: FloatArray) -> FloatArray:
    """(n,) depth of points on both eyes' lids inside eyeball or cornea."""
    depths = []
    for eye, side in enumerate("LR"):
        points = _along_edges(head, posed_m, _ids(head.rings[f"eye_{side}"][LID_RINGS]))
        ball, cornea = (posed_m[head.parts[f"{part}_{side}"]] for part in ("eyeball", "cornea"))
        centre = head.eye_centre_m[eye]
        gaze = _unit(cornea.mean(axis=0) - centre)
        radius = head.eye_radius_m[eye]
        arm = points - centre
        reach = np.linalg.norm(arm, axis=1)
        surface = np.maximum(
            np.interp(_polar(arm, gaze), *_profile(cornea - centre, gaze), right=radius),
            np.interp(_polar(arm, gaze), *_profile(ball - centre, gaze)),
        )
        depths.append(surface - reach)
    return np.concatenate(depths)


def lip_depths_m(head: HeadMesh, posed_m: FloatArray) -> FloatArray:
    """(n,) depth of points on the lips and their lining inside the posed teeth and gums."""
    points = _along_edges(head, posed_m, _ids(head.rings["mouth"][LIP_RINGS]))
    names = ("teeth_upper", "teeth_lower", "gums_upper", "gums_lower")
    depths = [_inside(points, posed_m, _triangles_of(head, head.parts[name])) for name in names]
    return np.max(depths, axis=0)


def seal_depths_m(head: HeadMesh, posed_m: FloatArray) -> FloatArray:
    """(n,) depth of points on either lip inside the other."""
    rings = head.rings["mouth"][SEAL_RINGS]
    left, right = CORNER_COLUMNS
    upper = np.arange(left, right + 1)
    lower = np.mod(np.arange(right, left + rings.shape[1] + 1), rings.shape[1])
    depths = []
    for own, other in ((upper, lower), (lower, upper)):
        free = _ids(rings[:, own[BESIDE_CORNER:-BESIDE_CORNER]])
        points = _along_edges(head, posed_m, free)
        depths.append(_inside(points, posed_m, _triangles_of(head, _ids(rings[:, other]))))
    return np.concatenate(depths)


def new_crossings(head: HeadMesh, posed_m: FloatArray) -> IntArray:
    """Pairs (K, 2) of triangles of the sheet (see `sheet_triangles`) crossing only when posed."""
    triangles = sheet_triangles(head)
    pairs = self_intersections(posed_m, triangles)
    at_rest = {tuple(pair) for pair in self_intersections(head.vertices_m, triangles).tolist()}
    new = np.array([tuple(pair) not in at_rest for pair in pairs.tolist()], bool)
    return pairs[new] if len(pairs) else pairs


def sheet_triangles(head: HeadMesh) -> IntArray:
    """(M, 3) the triangles of skin and mouth, which are one sheet."""
    sheet = np.isin(head.quad_material, [MATERIALS.index(name) for name in ("skin", "mouth")])
    return _split(head.quads[sheet])


def _inside(points: FloatArray, posed_m: FloatArray, triangles: IntArray) -> FloatArray:
    """(n,) depth of points (n, 3) behind the nearest place on a surface; negative in front.

    Places on an open border count as outside: the surface says nothing about what lies there.
    """
    surface = Surface(posed_m, triangles)
    places = surface.closest(points)
    normals = vertex_normals(posed_m, triangles)[triangles[places.triangle]]
    normal = (places.weights[:, :, None] * normals).sum(axis=1)
    behind = ((places.points_m - points) * normal).sum(axis=1) > 0
    inside: BoolArray = behind & ~surface.on_border(places) & (places.distance_m < MAX_DEPTH_M)
    return np.where(inside, places.distance_m, -places.distance_m)


def _along_edges(head: HeadMesh, posed_m: FloatArray, ids: IntArray) -> FloatArray:
    """Vertices `ids` and places on the edges between them (n, 3)."""
    quads = head.quads[np.isin(head.quads, ids).all(axis=1)]
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    start, end = posed_m[edges[:, 0]], posed_m[edges[:, 1]]
    return np.concatenate([posed_m[ids], *((1 - s) * start + s * end for s in SHARES)])


def _triangles_of(head: HeadMesh, ids: IntArray) -> IntArray:
    return _split(head.quads[np.isin(head.quads, ids).all(axis=1)])


def _split(quads: IntArray) -> IntArray:
    return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def _ids(rings: IntArray) -> IntArray:
    return np.unique(rings)


def _profile(arm: FloatArray, gaze: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angles from the gaze, ascending, and the radius of a surface of revolution at each."""
    polar, reach = _polar(arm, gaze), np.linalg.norm(arm, axis=1)
    order = np.argsort(polar)
    return polar[order], reach[order]


def _polar(arm: FloatArray, gaze: FloatArray) -> FloatArray:
    return np.arccos(np.clip(_unit(arm) @ gaze, -1.0, 1.0))


def _unit(arm: FloatArray) -> FloatArray:
    return arm / np.maximum(np.linalg.norm(arm, axis=-1, keepdims=True), 1e-12)
