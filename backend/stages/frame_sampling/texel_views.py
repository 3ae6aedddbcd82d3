"""A chosen frame and the fitted head in; where each texel lies in it and how far to trust that out.

A texel counts where the z-buffer shows its own surface (skin on skin, eye on eye), it faces the
camera, and it keeps clear of depth edges, of the line between lid and eye and of the person
mask's border: there a fit error of a few pixels would bring in the background.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, HeadFit

from ...atlas.texel_map import TexelMap
from ...geometry.raster import Raster
from .posed_head import PosedHead

LEAST_COSINE = 0.25
FULL_COSINE = 0.55
# At a face of 350 px across, 1.3 mm are the 3 px by which real outlines are off.
EDGE_M = 0.0013
LID_LINE_M = 0.0005
FEATHER_M = 0.004
DEPTH_JUMP_M = 0.008
SAME_SURFACE_M = 0.004
FILMED = ("skin", "eye")


@dataclass(frozen=True)
class TexelView:
    """What one frame says about n texels."""

    points_px: NDArray[np.float32]  # (n, 2) image points, pixel centres at + 0.5
    weight: NDArray[np.float32]  # (n,) in [0, 1], 0: not seen
    cosine: NDArray[np.float32]  # (n,)


def view_texels(
    texels: TexelMap,
    posed: PosedHead,
    fit: HeadFit,
    person: FloatArray | None,
    open_to: BoolArray | None = None,
    slide_px: FloatArray | None = None,
) -> TexelView:
    """Project the table's texels into a frame.

    `person` (H, W) in [0, 1]: None trusts the head; `open_to` (H, W): pixels that show eyes or the
    inside of the mouth; `slide_px` (n, 2): added to the image points.
    """
    kind = np.full(len(MATERIALS), -1, np.int8)
    kind[[MATERIALS.index(m) for m in FILMED]] = np.arange(len(FILMED))
    triangle_kind = kind[texels.template.triangle_material]
    pixels = pixels_per_m(posed, fit)
    pixel_kind = np.full(posed.raster.triangle.shape, -1, np.int8)
    seen = posed.raster.covered
    pixel_kind[seen] = triangle_kind[posed.shown[posed.raster.triangle[seen]]]
    points, weight, cosine = _view(
        texels.template.triangles,
        texels.triangle,
        texels.barycentric,
        triangle_kind,
        posed.points_px,
        np.ascontiguousarray(posed.vertices_camera[:, 2]),
        posed.cosine,
        pixel_kind,
        posed.raster.depth,
        _clearance_px(posed.raster, pixel_kind, person, open_to, pixels),
        np.float32(FEATHER_M * pixels),
        np.zeros((0, 2), np.float32) if slide_px is None else slide_px,
    )
    return TexelView(points, weight, cosine)


def pixels_per_m(posed: PosedHead, fit: HeadFit) -> float:
    """How large a metre at the head's distance appears in the frame."""
    return float(np.mean(fit.camera.focal_px) / np.median(posed.vertices_camera[:, 2]))


def image_from_atlas(texels: TexelMap, points_px: FloatArray) -> NDArray[np.float32]:
    """Pixels moved per texel moved along x and y: (2F, 2, 2) per triangle, [pixel, texel] axes."""
    triangles = texels.template.triangles
    corners = points_px[triangles]
    uv = texels.template.triangle_uv * texels.size * np.array([1.0, -1.0])
    in_image = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)
    in_atlas = np.swapaxes(uv[:, 1:] - uv[:, :1], 1, 2)
    area = in_atlas[:, 0, 0] * in_atlas[:, 1, 1] - in_atlas[:, 0, 1] * in_atlas[:, 1, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    inverse = np.empty_like(in_atlas)
    inverse[:, 0, 0], inverse[:, 1, 1] = in_atlas[:, 1, 1], in_atlas[:, 0, 0]
    inverse[:, 0, 1], inverse[:, 1, 0] = -in_atlas[:, 0, 1], -in_atlas[:, 1, 0]
    return (in_image @ (inverse / area[:, None, None])).astype(np.float32)


def _clearance_px(
    raster: Raster,
    pixel_kind: NDArray[np.int8],
    person: FloatArray | None,
    open_to: BoolArray | None,
    pixels: float,
) -> NDArray[np.float32]:
    """(H, W) pixels to the nearest place that may show something else; <= 0: may itself."""
    depth = np.where(raster.covered, raster.depth, np.float32(1e3))
    square = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(depth, square) - cv2.erode(depth, square) > DEPTH_JUMP_M
    eye = (pixel_kind == FILMED.index("eye")).astype(np.uint8)
    lid_line = cv2.dilate(eye, square) != cv2.erode(eye, square)
    edge = max(EDGE_M * pixels, 1.5)
    clearance = _distance(jump) - edge
    clearance = np.minimum(clearance, _distance(lid_line) - max(LID_LINE_M * pixels, 1.0))
    if open_to is not None:
        clearance = np.minimum(clearance, _distance(open_to) - max(LID_LINE_M * pixels, 1.0))
    if person is not None:
        clearance = np.minimum(clearance, _distance(person < 0.5) - edge)
    return clearance


def _distance(unsafe: NDArray[np.bool_]) -> NDArray[np.float32]:
    return cv2.distanceTransform((~unsafe).astype(np.uint8), cv2.DIST_L2, 3)


@numba.njit(cache=True, nogil=True)
def _view(
    triangles, triangle, barycentric, kind, points, depth, cosine, pixel_kind, nearest, clearance,
    feather, slide,
):  # fmt: skip
    count = len(triangle)
    height, width = nearest.shape
    out = np.zeros((count, 2), np.float32)
    weight = np.zeros(count, np.float32)
    facing = np.zeros(count, np.float32)
    for i in range(count):
        a, b, c = triangles[triangle[i]]
        # Texel shares are shares of the surface: perspective weighs them by depth.
        wa, wb, wc = (
            barycentric[i, 0] * depth[a],
            barycentric[i, 1] * depth[b],
            barycentric[i, 2] * depth[c],
        )
        z = wa + wb + wc
        x = (wa * points[a, 0] + wb * points[b, 0] + wc * points[c, 0]) / z
        y = (wa * points[a, 1] + wb * points[b, 1] + wc * points[c, 1]) / z
        row, column = int(y), int(x)
        shift_x, shift_y = (slide[i, 0], slide[i, 1]) if len(slide) else (0.0, 0.0)
        out[i, 0], out[i, 1] = x + shift_x, y + shift_y
        surface = kind[triangle[i]]
        if surface < 0 or not _within(x, y, width, height):
            continue
        if not _within(out[i, 0], out[i, 1], width, height):
            continue
        facing[i] = (
            barycentric[i, 0] * cosine[a]
            + barycentric[i, 1] * cosine[b]
            + barycentric[i, 2] * cosine[c]
        )
        if facing[i] < LEAST_COSINE or pixel_kind[row, column] != surface:
            continue
        if z > nearest[row, column] + SAME_SURFACE_M:
            continue
        clear = _bilinear(clearance, out[i, 0] - 0.5, out[i, 1] - 0.5)
        if clear <= 0.0:
            continue
        inside = min(clear / feather, 1.0)
        turned = min((facing[i] - LEAST_COSINE) / (FULL_COSINE - LEAST_COSINE), 1.0)
        weight[i] = inside * turned
    return out, weight, facing


@numba.njit(cache=True, nogil=True)
def _within(x, y, width, height):
    return x >= 1.0 and y >= 1.0 and x < width - 1.0 and y < height - 1.0


@numba.njit(cache=True, nogil=True)
def _bilinear(image, x, y):
    column, row = int(x), int(y)
    fx, fy = x - column, y - row
    top = (1.0 - fx) * image[row, column] + fx * image[row, column + 1]
    bottom = (1.0 - fx) * image[row + 1, column] + fx * image[row + 1, column + 1]
    return (1.0 - fy) * top + fy * bottom
