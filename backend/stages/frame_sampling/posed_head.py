"""The fitted head as it stood in one frame, and textures seen on it through that frame's camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.frames import texel_from_uv, transform
from studio_avatar_addon.avatar.template import (
    MATERIALS,
    SEE_THROUGH,
    HeadTemplate,
    pose_vertices,
)
from studio_avatar_addon.avatar.types import FloatArray, HeadFit

from ...atlas.texel_map import sample_at
from ...geometry.normals import vertex_normals
from ...geometry.raster import Raster, interpolate_corners, rasterize


@dataclass(frozen=True)
class PosedHead:
    """The head as it stood in one frame."""

    vertices_camera: NDArray[np.float32]  # (V, 3) metres, camera frame
    points_px: NDArray[np.float32]  # (V, 2)
    cosine: NDArray[np.float32]  # (V,) of the angle between normal and line of sight
    raster: Raster  # at the frame's size
    opaque_triangles: NDArray[np.int32]  # (t,) of the template: what the raster's indices count


def pose_head(fit: HeadFit, k: int, template: HeadTemplate) -> PosedHead:
    """The fitted head in chosen frame `k`: expression, gaze, camera, and a z-buffer of all opaque
    materials at the frame's size (H, W)."""
    vertices = pose_vertices(
        template,
        fit.neutral_m,
        fit.shape_deltas_m,
        fit.corrective_deltas_m,
        fit.expression[k],
        fit.gaze_rad[k],
        fit.eye_centre_m,
    )
    in_camera = transform(fit.camera_from_head[k], np.asarray(vertices, np.float64))
    points = fit.camera.project(in_camera)
    normals = vertex_normals(in_camera, template.triangles)
    sight = in_camera / np.linalg.norm(in_camera, axis=1, keepdims=True)
    opaque = ~np.isin(template.triangle_material, [MATERIALS.index(m) for m in SEE_THROUGH])
    drawn = np.flatnonzero(opaque).astype(np.int32)
    raster = rasterize(points, in_camera[:, 2], template.triangles[drawn], fit.camera.size_px)
    return PosedHead(
        vertices_camera=in_camera.astype(np.float32),
        points_px=points.astype(np.float32),
        cosine=-np.einsum("vc,vc->v", normals, sight).astype(np.float32),
        raster=raster,
        opaque_triangles=drawn,
    )


def render_texture(
    posed: PosedHead, template: HeadTemplate, texture: FloatArray
) -> NDArray[np.float32]:
    """A map (N, N, C) or (N, N) of the atlas in the frame, unlit: (H, W, C), zero off the head."""
    uv = interpolate_corners(posed.raster, template.triangle_uv[posed.opaque_triangles])
    texture = _prefilter(texture, uv, posed.raster)
    at = texel_from_uv(uv, len(texture)).reshape(-1, 2).astype(np.float32)
    shape = posed.raster.triangle.shape
    sampled = sample_at(texture, at).reshape(*shape, -1)
    return np.where(posed.raster.covered[..., None], sampled, np.float32(0))


def _prefilter(texture: FloatArray, uv: FloatArray, raster: Raster) -> FloatArray:
    """The map halved until about one texel falls on a pixel (mipmapping): no aliasing in small
    views."""
    inside = raster.covered[:, 1:] & raster.covered[:, :-1]
    if not inside.any():
        return texture
    step = np.linalg.norm(uv[:, 1:] - uv[:, :-1], axis=-1)[inside]
    halvings = int(np.log2(max(float(np.median(step)) * len(texture), 1.0)))
    size = len(texture) >> halvings
    return cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA)
