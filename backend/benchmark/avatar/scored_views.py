"""A fitted capture and its truth in; the frames, their true colours and where to compare, out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, Capture, FloatArray, HeadFit

from ...atlas.texel_map import region
from ...geometry.raster import interpolate_vertices
from ...geometry.similarity import Similarity, fit_similarity
from ...imaging.image_files import (
    linear_from_srgb,
    read_image_8bit,
    srgb_from_linear,
    unit_from_pixels,
)
from ...stages.frame_sampling.posed_head import PosedHead, pose_head, render_texture
from ...stages.phone_texture.fidelity import EROSION_PX
from ..capture.capture_truth import CaptureTruth
from ..texture.skin_spectrum import PLAIN_REGIONS
from ..texture.true_visibility import SKIN_PART

# Pixels a side in which the fitted head is drawn for one of the frame's; with 1 edges of texels
# alias, and a perfect texture is judged as noise.
SUPERSAMPLING = 2
SKIN = MATERIALS.index("skin")


@dataclass(frozen=True)
class TrueViews:
    """The T frames that the fit uses, as they are and as they would be without light."""

    template: HeadTemplate
    posed: tuple[PosedHead, ...]  # at SUPERSAMPLING times the frames' resolution or at theirs
    filmed_srgb: NDArray[np.float32]  # (T, H, W, 3)
    unlit_srgb: NDArray[np.float32]  # (T, H, W, 3) base colour
    inside: BoolArray  # (T, H, W) skin in truth and fit, away from their borders
    plain: BoolArray  # (T, H, W) of that, cheeks and forehead: skin that tells a person's tone
    true_from_fitted: Similarity  # head frames
    compared: float  # share of the true skin in all rendered views that is compared

    @classmethod
    def of(
        cls, capture: Capture, fit: HeadFit, template: HeadTemplate, truth: CaptureTruth
    ) -> TrueViews:
        posed, filmed, unlit, inside, plain, ours, theirs = [], [], [], [], [], [], []
        width, height = fit.camera.size_px
        finer = replace(
            fit, camera=fit.camera.scaled((SUPERSAMPLING * width, SUPERSAMPLING * height))
        )
        for k in np.flatnonzero(fit.frame_used).tolist():
            view = int(capture.frame_index[k])
            name = f"frame_{view:06d}"
            part = read_arrays(truth.folder / "truth" / f"{name}.npz")
            head = pose_head(fit, k, template)
            both = erode((part["part"] == SKIN_PART) & visible_skin(head, template))
            posed.append(pose_head(finer, k, template))
            inside.append(both)
            plain.append(both & visible_plain_skin(head, template))
            filmed.append(read_rgb(truth.folder / "frames" / f"{name}.png"))
            unlit.append(read_rgb(truth.folder / "unlit" / f"{name}.png"))
            seen = interpolate_vertices(
                head.raster, template.triangles[head.opaque_triangles], head.vertices_camera
            )
            ours.append(_to_head(fit.camera_from_head[k], seen[both]))
            there = _unproject(truth, part["depth_m"], both)
            theirs.append(_to_head(truth.camera_from_head[view], there))
        ours, theirs = np.concatenate(ours), np.concatenate(theirs)
        laid = fit_similarity(ours, theirs, np.ones(len(ours)))
        return cls(
            template,
            tuple(posed),
            np.stack(filmed),
            np.stack(unlit),
            np.stack(inside),
            np.stack(plain),
            laid,
            float(np.stack(inside).sum()) / max(_true_skin_px(truth), 1),
        )

    def show(self, texture: FloatArray) -> NDArray[np.float32]:
        """A map of the atlas in all views (T, H, W, 3), unlit, each pixel the mean of what it
        covers, as a renderer filters: else a perfect texture would be judged as noise."""
        height, width = self.filmed_srgb.shape[1:3]
        views = []
        for head in self.posed:
            shown = linear_from_srgb(render_texture(head, self.template, texture))
            views.append(cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA))
        return srgb_from_linear(np.stack(views))


def _true_skin_px(truth: CaptureTruth) -> int:
    """Of all views, away from the skin's borders."""
    parts = (read_arrays(path)["part"] for path in sorted((truth.folder / "truth").glob("*.npz")))
    return sum(int(erode(part == SKIN_PART).sum()) for part in parts)


def visible_skin(posed: PosedHead, template: HeadTemplate) -> BoolArray:
    """(H, W) where the fitted head shows skin."""
    material = template.triangle_material[posed.opaque_triangles[posed.raster.triangle]]
    return posed.raster.covered & (material == SKIN)


def visible_plain_skin(posed: PosedHead, template: HeadTemplate) -> BoolArray:
    """(H, W) where the fitted head shows PLAIN_REGIONS, which hardly any hair covers."""
    share = region(template, *PLAIN_REGIONS)[:, None]
    shown = interpolate_vertices(posed.raster, template.triangles[posed.opaque_triangles], share)
    return shown[..., 0] > 0.5


def erode(inside: BoolArray) -> BoolArray:
    """(H, W) without EROSION_PX along its border."""
    square = np.ones((2 * EROSION_PX + 1, 2 * EROSION_PX + 1), np.uint8)
    return cv2.erode(inside.astype(np.uint8), square, borderValue=0) > 0


def _unproject(truth: CaptureTruth, depth_m: FloatArray, inside: BoolArray) -> FloatArray:
    """(n, 3) what the true camera, which has no distortion, sees at the pixels `inside`."""
    row, column = np.nonzero(inside)
    ray = np.stack([column + 0.5, row + 0.5], 1) - truth.camera.center_px
    depth = depth_m[inside].astype(np.float64)[:, None]
    return np.concatenate([ray / truth.camera.focal_px * depth, depth], 1)


def _to_head(camera_from_head: FloatArray, points_camera: FloatArray) -> FloatArray:
    return transform(np.linalg.inv(camera_from_head), points_camera.astype(np.float64))


def read_rgb(path: Path) -> NDArray[np.float32]:
    """A render (H, W, 3) in [0, 1], sRGB."""
    return unit_from_pixels(read_image_8bit(path))[..., :3]
