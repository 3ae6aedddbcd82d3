"""A chosen frame and the fitted head in; where each texel lies in it and how far to trust that out.

A texel counts where the z-buffer shows its own surface (skin on skin, eye on eye), it faces the
camera, and it keeps clear of depth edges, of the line between lid and eye and of where the frame
shows no skin: there a fit error of a few pixels would bring in what lies beside.
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

# Cosine between normal and line of sight: 75 degrees, beyond which a texel is foreshortened to a
# quarter and the fit's errors count four times; and 57 degrees, from which a view has full weight.
MIN_COSINE = 0.25
FULL_COSINE = 0.55
# Metres on the head that a view keeps clear of. At a face of 350 px across, 1.3 mm are the 3 px by
# which real outlines are off.
EDGE_M = 0.0013
# And of what is labelled otherwise, at least: labels are off by some two pixels, and hair beside
# skin casts its shadow on it.
LABEL_EDGE_M, LABEL_EDGE_PX = 0.0025, 2.5
LID_LINE_M = 0.0005  # less: a wider strip would leave no lid margin
FEATHER_M = 0.004  # beyond it, the weight rises over this: a hard edge would show in the blend
# Depth: a larger step between neighbouring pixels is an edge; a texel this far behind the z-buffer
# is hidden. With less, steep skin would hide itself; with more, folds would be seen through.
DEPTH_JUMP_M = 0.008
SAME_SURFACE_M = 0.004
SAMPLED_MATERIALS = ("skin", "eye")


@dataclass(frozen=True)
class TexelView:
    """Where n texels lie in one frame, and how well it shows them."""

    points_px: NDArray[np.float32]  # (n, 2) image points, pixel centres at + 0.5
    weight: NDArray[np.float32]  # (n,) in [0, 1], 0: not visible
    cosine: NDArray[np.float32]  # (n,) of the angle between normal and line of sight


def view_texels(
    texels: TexelMap,
    posed: PosedHead,
    fit: HeadFit,
    shown: BoolArray | None,
    openings: BoolArray | None = None,
    warp_px: FloatArray | None = None,
) -> TexelView:
    """Project n texels into a frame of H x W pixels.

    `shown` (H, W): pixels that show what is asked for, None trusts the head; `openings` (H, W):
    pixels that show eyes or the inside of the mouth; `warp_px` (n, 2): added to the image points.
    """
    material_kind = np.full(len(MATERIALS), -1, np.int8)
    material_kind[[MATERIALS.index(m) for m in SAMPLED_MATERIALS]] = np.arange(
        len(SAMPLED_MATERIALS)
    )
    triangle_kind = material_kind[texels.template.triangle_material]
    px_per_m = pixels_per_m(posed, fit)
    pixel_kind = np.full(posed.raster.triangle.shape, -1, np.int8)
    covered = posed.raster.covered
    pixel_kind[covered] = triangle_kind[posed.opaque_triangles[posed.raster.triangle[covered]]]
    projected = _project(
        texels.template.triangles,
        texels.triangle,
        texels.barycentric,
        np.column_stack([posed.points_px, posed.vertices_camera[:, 2], posed.cosine]),
    )
    points = projected[:, :2].copy() if warp_px is None else projected[:, :2] + warp_px
    weight, cosine = _weigh(
        projected,
        points,
        triangle_kind[texels.triangle],
        pixel_kind,
        posed.raster.depth,
        _clearance_px(posed.raster, pixel_kind, shown, openings, px_per_m),
        np.float32(FEATHER_M * px_per_m),
    )
    return TexelView(points, weight, cosine)


def pixels_per_m(posed: PosedHead, fit: HeadFit) -> float:
    """Pixels that a metre at the head's median distance covers in the frame."""
    return float(np.mean(fit.camera.focal_px) / np.median(posed.vertices_camera[:, 2]))


def image_from_atlas(texels: TexelMap, points_px: FloatArray) -> NDArray[np.float32]:
    """Jacobian (2F, 2, 2) of each triangle's map from the atlas to the image, [pixel, texel] axes.

    `points_px` (V, 2): the vertices in the frame.
    """
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
    shown: BoolArray | None,
    openings: BoolArray | None,
    px_per_m: float,
) -> NDArray[np.float32]:
    """(H, W) pixels to the nearest place that may show something else; <= 0: may itself."""
    depth = np.where(raster.covered, raster.depth, np.float32(1e3))
    square = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(depth, square) - cv2.erode(depth, square) > DEPTH_JUMP_M
    eye = (pixel_kind == SAMPLED_MATERIALS.index("eye")).astype(np.uint8)
    lid_line = cv2.dilate(eye, square) != cv2.erode(eye, square)
    edge = max(EDGE_M * px_per_m, 1.5)
    label_edge = max(LABEL_EDGE_M * px_per_m, LABEL_EDGE_PX)
    clearance = _distance(jump) - edge
    clearance = np.minimum(clearance, _distance(lid_line) - max(LID_LINE_M * px_per_m, 1.0))
    if openings is not None:
        clearance = np.minimum(clearance, _distance(openings) - max(LID_LINE_M * px_per_m, 1.0))
    if shown is not None:
        clearance = np.minimum(clearance, _distance(~shown) - label_edge)
    return clearance


def _distance(unsafe: NDArray[np.bool_]) -> NDArray[np.float32]:
    return cv2.distanceTransform((~unsafe).astype(np.uint8), cv2.DIST_L2, 3)


@numba.njit(cache=True, nogil=True)
def _project(triangles, triangle, barycentric, vertices):
    """Image x, y, depth and cosine (n, 4) of texels, from those of the vertices (V, 4)."""
    out = np.empty((len(triangle), 4), np.float32)
    for i in range(len(triangle)):
        a, b, c = triangles[triangle[i]]
        # Texel shares are shares of the surface: perspective weighs them by depth.
        wa, wb, wc = (
            barycentric[i, 0] * vertices[a, 2],
            barycentric[i, 1] * vertices[b, 2],
            barycentric[i, 2] * vertices[c, 2],
        )
        depth = wa + wb + wc
        for k in range(2):
            out[i, k] = (wa * vertices[a, k] + wb * vertices[b, k] + wc * vertices[c, k]) / depth
        out[i, 2] = depth
        out[i, 3] = (
            barycentric[i, 0] * vertices[a, 3]
            + barycentric[i, 1] * vertices[b, 3]
            + barycentric[i, 2] * vertices[c, 3]
        )
    return out


@numba.njit(cache=True, nogil=True)
def _weigh(projected, points, texel_kind, pixel_kind, nearest, clearance, feather):
    """Weight and cosine (n,) of texels that lie at `projected` (n, 4) and are read at `points`
    (n, 2), against maps (H, W) of the frame. Both are 0 where the texel's surface is not in it."""
    count = len(projected)
    height, width = nearest.shape
    weight = np.zeros(count, np.float32)
    cosine = np.zeros(count, np.float32)
    for i in range(count):
        x, y, depth, facing = projected[i]
        if texel_kind[i] < 0 or not _within(x, y, width, height):
            continue
        if not _within(points[i, 0], points[i, 1], width, height):
            continue
        cosine[i] = facing
        row, column = int(y), int(x)
        if facing < MIN_COSINE or pixel_kind[row, column] != texel_kind[i]:
            continue
        if depth > nearest[row, column] + SAME_SURFACE_M:
            continue
        clear_px = _bilinear(clearance, points[i, 0] - 0.5, points[i, 1] - 0.5)
        if clear_px <= 0.0:
            continue
        inside = min(clear_px / feather, 1.0)
        weight[i] = inside * min((facing - MIN_COSINE) / (FULL_COSINE - MIN_COSINE), 1.0)
    return weight, cosine


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
