"""The head template's atlas in, how its area is shared and how truly it shows the surface out."""

from __future__ import annotations

import cv2
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from studio_avatar_addon.avatar.frames import texel_from_uv
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...geometry.normals import triangle_normals
from ..figures import Figure, Target, weighted_percentile
from .mesh_figures import quads_in

# Fine enough that an overlap of half a millimetre of skin covers a texel's centre.
COVER_PX = 1024
# The product's usual size: gaps and asymmetry count in its texels.
GAP_PX = 2048
SAME_POINT_UV = 1e-5  # corners closer than this are one point of the atlas
EDGE_TOLERANCE = 1e-3  # share of a triangle: a texel on an edge two triangles share is no overlap


def atlas_figures(template: HeadTemplate) -> list[Figure]:
    """Shares, stretch on the face, flips, overlaps, gaps between islands, symmetry."""
    uv = template.triangle_uv.astype(np.float64)
    face = np.repeat(
        quads_in(template, "face") & (template.quad_material == MATERIALS.index("skin")), 2
    )
    area = signed_areas(uv)
    used, of_face = np.abs(area).sum(), np.abs(area[face]).sum()
    corners = template.vertices_m[template.triangles[face]].astype(np.float64)
    density, anisotropy = stretch(corners, uv[face])
    surface = np.linalg.norm(triangle_normals(corners.reshape(-1, 3), _triples(face.sum())), axis=1)
    low, high = (weighted_percentile(density, surface, percent) for percent in (5.0, 95.0))
    return [
        Figure("used area taken by the face", 100 * of_face / used, "%", Target(50, True)),
        Figure("whole square taken by the face", 100 * of_face, "%"),
        Figure("whole square used", 100 * used, "%"),
        Figure("texels per area of the face, p95 to p5", high / low, "", Target(2.5)),
        Figure("face anisotropy, p95", weighted_percentile(anisotropy, surface, 95.0), ""),
        Figure("flipped triangles", (area <= 0).sum(), "", Target(0)),
        Figure("texels covered twice at 1024", doubly_covered(uv), "px", Target(0)),
        Figure(
            "smallest gap between islands at 2048",
            smallest_gap_px(template.quad_uv),
            "px",
            Target(16, at_least=True),
        ),
        Figure("worst mirror asymmetry at 2048", asymmetry_px(template), "px", Target(0.1)),
    ]


def _triples(count: int) -> NDArray[np.int64]:
    return np.arange(3 * count).reshape(-1, 3)


def signed_areas(triangle_uv: FloatArray) -> FloatArray:
    """(M,) areas of triangles (M, 3, 2), negative where they are turned over."""
    one, two = triangle_uv[:, 1] - triangle_uv[:, 0], triangle_uv[:, 2] - triangle_uv[:, 0]
    return (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / 2


def stretch(corners_m: FloatArray, triangle_uv: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Area density (M,) in UV per square metre and anisotropy (M,) >= 1 of triangles."""
    edge, other = corners_m[:, 1] - corners_m[:, 0], corners_m[:, 2] - corners_m[:, 0]
    length = np.linalg.norm(edge, axis=1)
    along = (edge * other).sum(axis=1) / length
    across = np.linalg.norm(np.cross(edge, other), axis=1) / length
    flat = np.zeros((len(edge), 2, 2))
    flat[:, 0, 0], flat[:, 0, 1], flat[:, 1, 1] = length, along, across
    moved = np.stack(
        [triangle_uv[:, 1] - triangle_uv[:, 0], triangle_uv[:, 2] - triangle_uv[:, 0]], axis=2
    )
    strengths = np.linalg.svd(moved @ np.linalg.inv(flat), compute_uv=False)
    return strengths.prod(axis=1), strengths[:, 0] / strengths[:, 1]


def doubly_covered(triangle_uv: FloatArray, size: int = COVER_PX) -> int:
    """Texels of `size` a side whose centre lies in more than one of the triangles (M, 3, 2)."""
    corners = texel_from_uv(triangle_uv, size)
    cover = np.zeros((size, size), np.int32)
    for triangle in corners:
        low = np.maximum(np.ceil(triangle.min(axis=0) - 0.5), 0).astype(int)
        high = np.minimum(np.floor(triangle.max(axis=0) - 0.5), size - 1).astype(int) + 1
        if (high <= low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        cover[low[1] : high[1], low[0] : high[0]] += _inside(triangle, x, y)
    return int((cover > 1).sum())


def _inside(triangle: FloatArray, x: FloatArray, y: FloatArray) -> BoolArray:
    (ax, ay), (bx, by), (cx, cy) = triangle
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    if area == 0.0:
        return np.zeros(x.shape, bool)
    first = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
    second = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
    return np.minimum(np.minimum(first, second), 1.0 - first - second) > EDGE_TOLERANCE


def island_of_quads(quad_uv: FloatArray) -> NDArray[np.int32]:
    """(F,) which island each quad of (F, 4, 2) is in: quads that share a point of the atlas."""
    points = quad_uv.reshape(-1, 2)
    close = KDTree(points).query_pairs(SAME_POINT_UV, output_type="ndarray")
    quad_pairs = close // 4
    ones = np.ones(len(quad_pairs))
    links = sp.csr_array((ones, quad_pairs.T), shape=(len(quad_uv), len(quad_uv)))
    return connected_components(links, directed=False)[1]


def smallest_gap_px(quad_uv: FloatArray, size: int = GAP_PX) -> float:
    """Empty texels between the two islands of quads (F, 4, 2) that are nearest to each other.

    Good to a texel; infinite for a single island.
    """
    island = island_of_quads(quad_uv)
    names = np.zeros((size, size), np.float32)
    for outline, name in zip(texel_from_uv(quad_uv, size), island, strict=True):
        cv2.fillPoly(names, [np.round(outline - 0.5).astype(np.int32)], float(name + 1))
    smallest = np.inf
    for name in range(1, int(names.max()) + 1):
        mine = names == name
        away = cv2.distanceTransform((~mine).astype(np.uint8), cv2.DIST_L2, 5)
        others = (names > 0) & ~mine
        if others.any():
            smallest = min(smallest, float(away[others].min()))
    return max(smallest - 1.0, 0.0)


def asymmetry_px(template: HeadTemplate, size: int = GAP_PX) -> float:
    """How far the farthest corner is from where its twin's mirror image about u = 0.5 lies.

    A corner of a seam lies in several places: the nearest of them counts. Infinite where a vertex
    has no place on the other side.
    """
    corner_vertex = template.quads.ravel()
    corner_uv = template.quad_uv.reshape(-1, 2).astype(np.float64)
    mirrored = corner_uv * [-1.0, 1.0] + [1.0, 0.0]
    # The vertex as a third coordinate far apart: only the twin's own places are near.
    twins = KDTree(np.column_stack([corner_uv, corner_vertex * 10.0]))
    mirrored_corners = np.column_stack([mirrored, template.mirror[corner_vertex] * 10.0])
    return float(twins.query(mirrored_corners)[0].max() * size)
