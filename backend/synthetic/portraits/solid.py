"""Surfaces in; a solid that hair and cloth are kept outside of, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solid:
    """Points (N, 3) of closed surfaces with their unit normals (N, 3), metres; fine enough that
    the nearest point's plane is the surface."""

    points_m: Points
    normals: Points
    tree: cKDTree

    @classmethod
    def of(cls, *surfaces: tuple[Points, NDArray[np.integer]]) -> Solid:
        """Of meshes, each vertices (V, 3) and faces (F, 3 or 4) counter-clockwise from outside."""
        points, normals = [], []
        for vertices, faces in surfaces:
            corners = vertices[faces]
            across = np.cross(corners[:, 2] - corners[:, 0], corners[:, -1] - corners[:, 1])
            if faces.shape[1] == 3:
                across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            at_vertices = np.zeros_like(vertices)
            for corner in range(faces.shape[1]):
                np.add.at(at_vertices, faces[:, corner], across)
            used = np.unique(faces)
            points += [corners.mean(1), vertices[used]]
            normals += [across, at_vertices[used]]
        normal = np.concatenate(normals)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        keep = length[:, 0] > 0.0
        point = np.concatenate(points)[keep]
        return cls(point, normal[keep] / length[keep], cKDTree(point))

    def distance(self, points_m: Points) -> tuple[NDArray[np.float64], Points]:
        """Signed distances (n,), negative inside, and outward directions (n, 3) of (n, 3)."""
        _, nearest = self.tree.query(points_m)
        arm = points_m - self.points_m[nearest]
        normal = self.normals[nearest]
        return (arm * normal).sum(1), normal

    def pushed_out(self, points_m: Points, clearance_m: NDArray | float) -> Points:
        """The points (n, 3), where nearer than `clearance_m` (n,) moved out to it."""
        return self.kept_between(points_m, clearance_m, np.inf)

    def kept_between(
        self, points_m: Points, least_m: NDArray | float, most_m: NDArray | float
    ) -> Points:
        """The points (n, 3) moved out or in to between these distances (n,)."""
        away, normal = self.distance(points_m)
        wanted = np.maximum(np.minimum(away, most_m), least_m)
        return points_m + normal * (wanted - away)[:, None]

    def laid_on(self, points_m: Points, clearance_m: NDArray | float, rounds: int = 3) -> Points:
        """The points (n, 3) moved to that distance, from either side."""
        for _ in range(rounds):
            away, normal = self.distance(points_m)
            points_m = points_m + normal * (clearance_m - away)[:, None]
        return points_m
