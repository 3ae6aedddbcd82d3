"""Vertices and triangles to normals: the differential geometry several stages share."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray


def triangle_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Normals (M, 3) of triangles (M, 3) over vertices (V, 3), as long as twice the area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Unit normals (V, 3), area-weighted over the triangles around each vertex; zero if none."""
    faces = triangle_normals(vertices, triangles)
    sums = np.stack(
        [
            np.bincount(triangles.ravel(), np.repeat(faces[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-20)
