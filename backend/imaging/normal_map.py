"""Slopes of a surface in, tangent-space normals out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray


def normals_from_slopes(right: FloatArray, up: FloatArray) -> FloatArray:
    """Unit normals (..., 3), OpenGL (x along u, y along v, up the image), of a height that rises by
    `right` (...) and `up` (...) per unit of length along u and v."""
    normal = np.stack([-right, -up, np.ones_like(right)], axis=-1)
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)
