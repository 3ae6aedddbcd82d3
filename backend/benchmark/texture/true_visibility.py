"""A capture's truth in; which texels of the atlas its views really show out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import BoolArray, IntArray

from ...atlas.texel_map import TexelMap
from ...geometry.normals import vertex_normals
from ...stages.frame_sampling.texel_views import MIN_COSINE
from ..capture.capture_truth import CaptureTruth

# Between a texel and what was rendered there: more than subdivision moves skin, less than lips or
# lids lie apart.
SAME_DEPTH_M = 0.003
# Part images hold 0 for the background, then materials in order.
SKIN_PART = 1 + MATERIALS.index("skin")


def visible_texels(texels: TexelMap, truth: CaptureTruth, views: IntArray) -> BoolArray:
    """(n,) texels that some of the `views` shows, facing it as much as a blend asks; for heads of
    our template."""
    points = texels.interpolate(truth.vertices_m.astype(np.float32))
    normals = texels.interpolate(
        vertex_normals(truth.vertices_m, truth.skin_triangles).astype(np.float32)
    )
    visible = np.zeros(len(texels), bool)
    for view in views:
        stored = read_arrays(truth.folder / "truth" / f"frame_{int(view):06d}.npz")
        camera = truth.camera_from_head[view]
        there = transform(camera, points)
        sight = -there / np.linalg.norm(there, axis=1, keepdims=True)
        facing = ((normals @ camera[:3, :3].T) * sight).sum(axis=1) > MIN_COSINE
        column, row = np.floor(truth.camera.project(there)).astype(int).T
        height, width = stored["depth_m"].shape
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
        shown = np.abs(stored["depth_m"][row, column] - there[:, 2]) < SAME_DEPTH_M
        visible |= inside & facing & shown & (stored["part"][row, column] == SKIN_PART)
    return visible
