"""A head template and a camera to a plain shaded portrait: what the face detector learns from.

Not for the artist's eyes: a few flat colours by region and two soft lights are enough for a
detector to find a face, and they are the same for every template.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.template import (
    IRIS_RADIUS_M,
    MATERIALS,
    SEE_THROUGH,
    HeadTemplate,
)
from studio_avatar_addon.avatar.types import Camera, FloatArray

from ..geometry.normals import vertex_normals
from ..geometry.raster import Raster, interpolate_vertices, rasterize

# What the detector is shown: light skin before a grey wall, told apart clearly. The table is
# learned from them, so that a change asks for learning it again.
SUPERSAMPLING = 2
BACKGROUND_SRGB = (0.55, 0.57, 0.60)
MATERIAL_SRGB = {
    "skin": (0.80, 0.61, 0.52),
    "eye": (0.88, 0.86, 0.84),
    "teeth": (0.85, 0.82, 0.76),
    "gums": (0.55, 0.25, 0.24),
    "tongue": (0.60, 0.30, 0.29),
    "mouth": (0.25, 0.09, 0.09),
    "caruncle": (0.70, 0.42, 0.38),
}
REGION_SRGB = {
    "lips": (0.66, 0.36, 0.34),
    "brows": (0.24, 0.17, 0.13),
    "nostrils": (0.16, 0.08, 0.07),
}
# Regions fade out softly; paint only what clearly belongs to them.
MIN_PAINTED_WEIGHT = 0.6
IRIS_SRGB = (0.22, 0.16, 0.12)
PUPIL_SRGB = (0.02, 0.02, 0.02)
PUPIL_RADIUS_M = 0.0022
# In the camera's frame (x right, y down, z forward), towards the light, with its strength.
LIGHTS = (((-0.45, -0.55, -0.70), 0.55), ((0.70, -0.20, -0.68), 0.30))
AMBIENT = 0.30


@dataclass(frozen=True)
class Portrait:
    """`image_srgb` (H, W, 3) uint8 and the raster it was shaded from (supersampled)."""

    image_srgb: NDArray[np.uint8]
    raster: Raster


def drawn_triangles(template: HeadTemplate) -> NDArray[np.bool_]:
    """(2F,) True for what a portrait shows: nothing clear, nor lashes, opaque here."""
    excluded = [MATERIALS.index(name) for name in SEE_THROUGH]
    return ~np.isin(template.triangle_material, excluded)


def draw_portrait(
    template: HeadTemplate, vertices_m: FloatArray, camera_from_head: FloatArray, camera: Camera
) -> Portrait:
    """Portrait of posed `vertices_m` (V, 3); the raster's triangles index `template.triangles`."""
    drawn = np.flatnonzero(drawn_triangles(template))
    triangles = template.triangles[drawn]
    in_camera = transform(camera_from_head, vertices_m)
    width, height = camera.size_px
    fine = camera.scaled((width * SUPERSAMPLING, height * SUPERSAMPLING))
    raster = rasterize(fine.project(in_camera), in_camera[:, 2], triangles, fine.size_px)
    covered = raster.covered
    color = _vertex_colors(template)
    linear = np.empty((*covered.shape, 3), np.float32)
    linear[:] = np.array(BACKGROUND_SRGB) ** 2.2
    normals = vertex_normals(in_camera, triangles)
    normal = interpolate_vertices(raster, triangles, normals)[covered]
    albedo = interpolate_vertices(raster, triangles, color)[covered]
    corners = template.vertices_m[triangles[raster.triangle[covered]]]
    rest = np.einsum("nk,nkc->nc", raster.barycentric[covered], corners)
    material = template.triangle_material[drawn[raster.triangle[covered]]]
    _paint_irises(albedo, rest, material == MATERIALS.index("eye"), template)
    linear[covered] = albedo * _irradiance(normal)[:, None]
    coarse = cv2.resize(linear, camera.size_px, interpolation=cv2.INTER_AREA)
    image = np.clip(coarse, 0.0, 1.0) ** (1 / 2.2) * 255.0 + 0.5
    drawn_index = np.where(covered, drawn[raster.triangle], -1).astype(np.int32)
    return Portrait(image.astype(np.uint8), Raster(drawn_index, raster.barycentric, raster.depth))


def _irradiance(normal: FloatArray) -> FloatArray:
    unit = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    total = np.full(len(unit), AMBIENT)
    for direction, strength in LIGHTS:
        towards = np.array(direction) / np.linalg.norm(direction)
        total += strength * np.clip(unit @ towards * 0.75 + 0.25, 0.0, None)
    return total


def _vertex_colors(template: HeadTemplate) -> FloatArray:
    """Linear (V, 3): by material, with lips, brows and nostrils laid over the skin."""
    color = np.zeros((len(template.vertices_m), 3), np.float32)
    for name in reversed(MATERIAL_SRGB):
        faces = template.quads[template.quad_material == MATERIALS.index(name)]
        color[faces.ravel()] = np.array(MATERIAL_SRGB[name]) ** 2.2
    for name, weights in zip(template.region_names, template.region_weights, strict=True):
        painted = REGION_SRGB.get(name)
        if painted is not None:
            share = np.clip((weights - MIN_PAINTED_WEIGHT) / (1.0 - MIN_PAINTED_WEIGHT), 0.0, 1.0)
            color += share[:, None] * (np.array(painted) ** 2.2 - color)
    return color


def _paint_irises(
    albedo: FloatArray, rest_m: FloatArray, on_eye: NDArray[np.bool_], template: HeadTemplate
) -> None:
    for centre in template.eye_centre_m:
        arm = rest_m - centre
        across = np.hypot(arm[:, 0], arm[:, 2])
        near = on_eye & (np.linalg.norm(arm, axis=1) < 0.02)
        albedo[near & (across < IRIS_RADIUS_M)] = np.array(IRIS_SRGB) ** 2.2
        albedo[near & (across < PUPIL_RADIUS_M)] = np.array(PUPIL_SRGB) ** 2.2
