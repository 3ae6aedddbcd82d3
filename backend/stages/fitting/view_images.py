"""Chosen frames in, small grey pictures of the head out, and the fitted head drawn into them.

Dense tracks are found at one size of head whatever the footage's: a finer picture shows the flow
nothing but noise and costs time.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import SKIN
from studio_avatar_addon.avatar.template import MATERIALS, SEE_THROUGH, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...geometry.normals import vertex_normals
from ...geometry.raster import Raster, interpolate_vertices, rasterize
from ...imaging.image_files import Pixels
from .head_model import LinearHead, SolverState
from .picture_window import head_window

# The face, hairline to chin, is drawn about this high; never enlarged.
FACE_HEIGHT_PX = 300.0
MIN_SKIN_SHARE = 0.5  # of a small pixel
MARGIN_PX = 12  # round the head, for the flow's windows


@dataclass(frozen=True)
class FrameView:
    """One frame's head, cut out and shrunk."""

    corner_px: FloatArray  # (2,) of the cut-out in the frame
    scale: float  # pixels here per pixel of the frame
    grey: NDArray[np.float32]  # (H, W) sRGB luma, 0..255
    skin: BoolArray  # (H, W) hair, collars and hands move against it

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.grey.shape[1], self.grey.shape[0]

    def around(self, points_px: FloatArray) -> FrameView:
        """The part round points (N, 2) of this picture, with a margin; all if there is none."""
        limit = np.array(self.size_px)
        low = np.clip(np.floor(points_px.min(axis=0)) - MARGIN_PX, 0, limit).astype(int)
        high = np.clip(np.ceil(points_px.max(axis=0)) + MARGIN_PX, 0, limit).astype(int)
        if (high <= low).any():
            return self
        part = slice(low[1], high[1]), slice(low[0], high[0])
        return FrameView(self.to_frame(low), self.scale, self.grey[part], self.skin[part])

    def to_frame(self, points_px: FloatArray) -> FloatArray:
        """Points (..., 2) of this picture in the frame."""
        return points_px / self.scale + self.corner_px

    def from_frame(self, points_px: FloatArray) -> FloatArray:
        """Points (..., 2) of the frame in this picture."""
        return (points_px - self.corner_px) * self.scale


@dataclass(frozen=True)
class DrawnHead:
    """The head as an estimate puts it into a view."""

    frame: int
    view: FrameView
    triangles: IntArray  # (M, 3) those drawn
    raster: Raster  # at the view's size
    in_camera_m: FloatArray  # (V, 3)
    cosine: FloatArray  # (V,) of the angle between normal and line of sight


def frame_view(image_srgb: Pixels, mask: Pixels, labels: Pixels, face_px: FloatArray) -> FrameView:
    """Cut the head of a face at `face_px` (L, 2) out of an image (H, W, 3).

    `mask` (H, W): the person's, finer at its border than the `labels` (H, W).
    """
    corner, window = head_window(mask, face_px)
    scale = min(1.0, FACE_HEIGHT_PX / float(np.ptp(face_px[:, 1])))
    grey = cv2.cvtColor(image_srgb[window], cv2.COLOR_RGB2GRAY)
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    person = mask[window].astype(np.float32) / 255.0 * (labels[window] == SKIN)
    skin = cv2.resize(person, size, interpolation=cv2.INTER_AREA) > MIN_SKIN_SHARE
    return FrameView(corner, scale, small.astype(np.float32), skin)


def opaque_triangles(template: HeadTemplate) -> IntArray:
    """Triangles (M, 3) that hide the surface behind them."""
    clear = [MATERIALS.index(name) for name in SEE_THROUGH]
    return template.triangles[~np.isin(template.triangle_material, clear)]


def draw_head(
    view: FrameView,
    head: LinearHead,
    triangles: IntArray,
    estimate: SolverState,
    frame: int,
    center_px: FloatArray,
) -> DrawnHead:
    """Draw the estimate's head as it stood in `frame`, by `triangles` (M, 3); the view is cut to
    it.

    `center_px` (2,): principal point.
    """
    posed = head.vertices.at(estimate.shape, estimate.expression[frame])
    in_camera = posed @ estimate.rotation[frame].T + estimate.translation_m[frame]
    projected = estimate.project(frame, posed, center_px)
    view = view.around(view.from_frame(projected))
    pixels = view.from_frame(projected)
    raster = rasterize(pixels, in_camera[:, 2], triangles, view.size_px, cull_back=True)
    normal = vertex_normals(in_camera, triangles)
    sight = in_camera / np.linalg.norm(in_camera, axis=1, keepdims=True)
    return DrawnHead(frame, view, triangles, raster, in_camera, -(normal * sight).sum(axis=1))


def correspondences(
    drawn: DrawnHead, other: DrawnHead, estimate: SolverState, center_px: FloatArray
) -> tuple[NDArray[np.float32], FloatArray]:
    """For each pixel of `drawn` (H, W): where `other` shows it (H, W, 2) px, its depth there."""
    in_camera = interpolate_vertices(drawn.raster, drawn.triangles, other.in_camera_m)
    depth = np.maximum(in_camera[..., 2], 1e-3)
    frame_px = estimate.focal_px * in_camera[..., :2] / depth[..., None] + center_px
    return other.view.from_frame(frame_px).astype(np.float32), in_camera[..., 2]
