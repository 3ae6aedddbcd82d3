"""Catmull-Clark subdivision of an all-quad mesh, open borders kept: what renderers will show.

Catmull and Clark 1978; border rule: three quarters of the vertex, one quarter of its neighbours.
"""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray


def subdivide(vertices: FloatArray, quads: IntArray) -> tuple[FloatArray, IntArray]:
    """Vertices (N, 3) and quads (F, 4) to (N + E + F, 3) and (4F, 4); quad q becomes 4q … 4q + 3.

    The first N vertices are the old ones, moved.
    """
    count, faces = len(vertices), len(quads)
    ends = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    edges, edge_of, uses = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    edge_of = edge_of.reshape(faces, 4)
    face_points = vertices[quads].mean(axis=1)
    midpoint = vertices[edges].mean(axis=1)
    adjacent_faces = _sum_into(edge_of.ravel(), np.repeat(face_points, 4, axis=0), len(edges))
    inner = uses == 2
    edge_points = np.where(inner[:, None], 0.5 * midpoint + 0.25 * adjacent_faces, midpoint)
    moved = _vertex_points(vertices, quads, face_points, edges, midpoint, edges[~inner])
    edge_id = edge_of + count
    face_id = np.arange(faces) + count + len(edges)
    children = [
        np.stack([quads[:, k], edge_id[:, k], face_id, edge_id[:, k - 1]], axis=1) for k in range(4)
    ]
    return np.vstack([moved, edge_points, face_points]), np.stack(children, axis=1).reshape(-1, 4)


def _vertex_points(
    vertices: FloatArray,
    quads: IntArray,
    face_points: FloatArray,
    edges: IntArray,
    midpoint: FloatArray,
    border: IntArray,
) -> FloatArray:
    count = len(vertices)
    faces_at = np.bincount(quads.ravel(), minlength=count).clip(1)[:, None]
    edges_at = np.bincount(edges.ravel(), minlength=count).clip(1)[:, None]
    from_faces = _sum_into(quads.ravel(), np.repeat(face_points, 4, axis=0), count) / faces_at
    from_edges = _sum_into(edges.ravel(), np.repeat(midpoint, 2, axis=0), count) / edges_at
    moved = (from_faces + 2 * from_edges + (edges_at - 3) * vertices) / edges_at
    on_border = np.unique(border)
    neighbours = _sum_into(border.ravel(), vertices[border[:, ::-1].ravel()], count)[on_border]
    moved[on_border] = 0.75 * vertices[on_border] + 0.125 * neighbours
    return moved


def _sum_into(index: IntArray, values: FloatArray, count: int) -> FloatArray:
    sums = np.zeros((count, values.shape[1]))
    for k in range(values.shape[1]):
        sums[:, k] = np.bincount(index, values[:, k], minlength=count)
    return sums
