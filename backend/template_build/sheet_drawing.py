"""A head in, shaded pictures of it out: subdivided surface, wireframe, atlas.

Orthographic and quick, for people who judge the template's shape; materials are flat colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.frames import rotation_about, texel_from_uv
from studio_avatar_addon.avatar.template import (
    BONES,
    CLEAR,
    EYE_BONES,
    IRIS_RADIUS_M,
    MATERIALS,
    HeadTemplate,
)
from studio_avatar_addon.avatar.types import FloatArray

from ..geometry.normals import vertex_normals
from ..geometry.raster import interpolate_vertices, rasterize
from ..geometry.subdivide import subdivide
from ..imaging.image_files import Image8

# For the eye alone: plain colours under three lamps, as smooth as a render of the subdivided head.
SUBDIVISIONS = 2
SUPERSAMPLING = 2
BACKGROUND_LINEAR = 0.05
MATERIAL_LINEAR = {
    "skin": (0.60, 0.36, 0.26), "eye": (0.80, 0.78, 0.75), "cornea": (1.0, 1.0, 1.0),
    "teeth": (0.75, 0.70, 0.60), "gums": (0.40, 0.12, 0.11), "tongue": (0.42, 0.14, 0.13),
    "mouth": (0.20, 0.05, 0.05), "lashes": (0.01, 0.01, 0.01), "tear": (1.0, 1.0, 1.0),
    "caruncle": (0.45, 0.20, 0.17),
}  # fmt: skip
REGION_LINEAR = {"lips": (0.42, 0.15, 0.13), "nostrils": (0.10, 0.04, 0.03)}
CLAY_LINEAR = (0.42, 0.40, 0.38)
IRIS_LINEAR, PUPIL_LINEAR = (0.10, 0.14, 0.12), (0.004, 0.004, 0.004)
PUPIL_RADIUS_M = 0.0019
# towards the light (x right, y into the picture, z up) and its strength
LIGHTS = (((-0.55, -0.75, 0.55), 0.95), ((0.85, -0.45, 0.15), 0.25), ((0.3, 0.8, 0.6), 0.35))


@dataclass(frozen=True)
class View:
    """An orthographic view: the head turned by `yaw_deg`, nodded by `pitch_deg`, `span_m` wide."""

    yaw_deg: float
    pitch_deg: float
    centre_m: tuple[float, float, float]
    span_m: float
    size_px: tuple[int, int] = (480, 480)


@dataclass(frozen=True)
class Surface:
    """A subdivided head, ready to draw."""

    vertices_m: FloatArray
    triangles: NDArray[np.int32]
    normals: FloatArray
    color_linear: FloatArray  # (n, 3)


def build_surface(template: HeadTemplate, vertices_m: FloatArray, clay: bool = False) -> Surface:
    """The head with vertices (V, 3), subdivided and coloured; `clay`: all in one grey."""
    drawn = ~np.isin(template.quad_material, [MATERIALS.index(name) for name in CLEAR])
    material = template.quad_material[drawn]
    quads = template.quads[drawn]
    paint = _paint(template, vertices_m)
    attributes = np.hstack([vertices_m.astype(float), paint])
    for _ in range(SUBDIVISIONS):
        positions, finer = subdivide(attributes[:, :3], quads)
        colors, _ = subdivide(attributes[:, 3:], quads)
        attributes, quads = np.hstack([positions, colors]), finer
        material = np.repeat(material, 4)
    triangles = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
    color = np.clip(attributes[:, 3:], 0, 1)
    eyes = np.unique(quads[material == MATERIALS.index("eye")])
    color[eyes] = _iris(template, attributes[eyes, :3], vertices_m)
    if clay:
        color[:] = CLAY_LINEAR
    positions = attributes[:, :3]
    return Surface(positions, triangles, vertex_normals(positions, triangles), color)


def _paint(template: HeadTemplate, vertices_m: FloatArray) -> FloatArray:
    """Linear colour (V, 3) by material, lips and nostrils tinted."""
    color = np.tile(np.array(MATERIAL_LINEAR["skin"]), (len(vertices_m), 1))
    for code, name in enumerate(MATERIALS):
        if name != "skin":
            color[np.unique(template.quads[template.quad_material == code])] = MATERIAL_LINEAR[name]
    for name, tint in REGION_LINEAR.items():
        share = np.clip(2 * template.region(name) - 0.7, 0, 1)[:, None]
        color = (1 - share) * color + share * np.array(tint)
    return color


def _iris(template: HeadTemplate, points_m: FloatArray, vertices_m: FloatArray) -> FloatArray:
    """Colours of eyeball points by their distance from the gaze axis."""
    color = np.tile(np.array(MATERIAL_LINEAR["eye"]), (len(points_m), 1))
    shift = vertices_m - template.vertices_m
    for eye, bone in enumerate(EYE_BONES):
        moves_with_eye = template.bone_weights[BONES.index(bone)] > 0.5
        centre = template.eye_centre_m[eye] + shift[moves_with_eye].mean(axis=0)
        arm = points_m - centre
        from_axis = np.hypot(arm[:, 0], arm[:, 2])
        front = (arm[:, 1] < 0) & (np.abs(arm).max(axis=1) < 0.02)
        color[front & (from_axis < IRIS_RADIUS_M)] = IRIS_LINEAR
        color[front & (from_axis < PUPIL_RADIUS_M)] = PUPIL_LINEAR
    return color


def _to_view(points_m: FloatArray, view: View) -> FloatArray:
    """Picture frame: x right, y into the picture, z up, metres from the view's centre."""
    turn = rotation_about(np.array([0.0, 0.0, 1.0]), np.deg2rad(view.yaw_deg))
    nod = rotation_about(np.array([1.0, 0.0, 0.0]), np.deg2rad(view.pitch_deg))
    return (points_m - np.array(view.centre_m)) @ (nod @ turn).T


def _pixels(in_view: FloatArray, view: View, scale: int) -> FloatArray:
    per_metre = view.size_px[0] * scale / view.span_m
    middle = np.array(view.size_px) * scale / 2
    return middle + per_metre * in_view[:, [0, 2]] * np.array([1.0, -1.0])


def draw(surface: Surface, view: View) -> Image8:
    """The shaded head (H, W, 3)."""
    in_view = _to_view(surface.vertices_m, view)
    size = (view.size_px[0] * SUPERSAMPLING, view.size_px[1] * SUPERSAMPLING)
    pixels = _pixels(in_view, view, SUPERSAMPLING)
    raster = rasterize(pixels, in_view[:, 1] + 1.0, surface.triangles, size)
    normals_in_view = _to_view(surface.normals + np.array(view.centre_m), view)
    normal = interpolate_vertices(raster, surface.triangles, normals_in_view)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9)
    color = interpolate_vertices(raster, surface.triangles, surface.color_linear)
    light = np.full(normal.shape[:2], 0.18)
    gloss = np.zeros_like(light)
    for direction, strength in LIGHTS:
        towards = np.array(direction) / np.linalg.norm(direction)
        light += strength * np.clip(normal @ towards, 0, 1)
        halfway = towards + np.array([0.0, -1.0, 0.0])
        gloss += strength * 0.06 * np.clip(normal @ (halfway / np.linalg.norm(halfway)), 0, 1) ** 40
    linear = np.where(
        raster.covered[..., None], color * light[..., None] + gloss[..., None], BACKGROUND_LINEAR
    )
    small = cv2.resize(linear, view.size_px, interpolation=cv2.INTER_AREA)
    return (255 * np.clip(small, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def draw_wireframe(template: HeadTemplate, view: View, size: int) -> Image8:
    """Quads (size, size, 3), those that face away left out, which hides most hidden lines."""
    image = np.full((size, size, 3), 255, np.uint8)
    large = View(view.yaw_deg, view.pitch_deg, view.centre_m, view.span_m, (size, size))
    in_view = _to_view(template.vertices_m.astype(float), large)
    pixels = _pixels(in_view, large, 1)
    corners = pixels[template.quads]
    one, two = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    facing = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] < 0
    far_first = np.argsort(-in_view[template.quads, 1].mean(axis=1), kind="stable")
    for quad in far_first[facing[far_first]]:
        outline = np.round(corners[quad] * 16).astype(np.int32)
        cv2.fillConvexPoly(image, outline, (238, 238, 238), cv2.LINE_AA, 4)
        cv2.polylines(image, [outline], True, (70, 70, 70), 1, cv2.LINE_AA, 4)
    return image


def draw_atlas(template: HeadTemplate, size: int) -> Image8:
    """All quads in UV space (size, size, 3), the face darker."""
    image = np.full((size, size, 3), 255, np.uint8)
    outlines = np.round(texel_from_uv(template.quad_uv, size) * 16).astype(np.int32)
    face = template.region("face")[template.quads].mean(axis=1)
    for outline, material, share in zip(outlines, template.quad_material, face, strict=True):
        tint = np.array(MATERIAL_LINEAR[MATERIALS[material]]) ** (1 / 2.2) * (1 - 0.25 * share)
        cv2.fillPoly(image, [outline], tuple(int(255 * c) for c in tint), cv2.LINE_AA, 4)
        cv2.polylines(image, [outline], True, (70, 70, 70), 1, cv2.LINE_AA, 4)
    return image
