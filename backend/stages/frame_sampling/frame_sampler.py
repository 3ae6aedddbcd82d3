"""A chosen frame in; what it shows of each texel out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import HAIR, SKIN
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Capture, FaceTrack, FloatArray, HeadFit

from ...atlas.texel_map import TexelMap, sample_at
from ...geometry.raster import interpolate_vertices
from ...imaging.image_files import load_frame_linear, load_hair, load_labels, load_mask
from ...imaging.log_light import LOG_FLOOR
from .face_openings import face_openings
from .posed_head import PosedHead, pose_head
from .texel_views import TexelView, image_from_atlas, view_texels

# Warps are smooth, so a grid coarser than the texture they belong to keeps them.
WARP_STEP = 4
CLIPPED = 0.97  # of full scale, linear: above, a channel may have been brighter
PERSON = 0.5  # of a pixel, from which it counts as the person's
WISPS = 0.15  # share of hair up to which a pixel counts as skin
MIN_BARE = 0.5  # of the pixels that show a place: with fewer of skin, those are mistakes
CLIPPED_WEIGHT = np.float32(0.2)  # little, but better than no view at all


@dataclass(frozen=True)
class FrameSampler:
    """A chosen frame, read and posed once, to be sampled several times."""

    k: int  # among the chosen frames
    posed: PosedHead
    labelled_skin: NDArray[np.bool_]  # (H, W)
    hair: NDArray[np.bool_]  # (H, W)
    skin: NDArray[np.bool_]  # (H, W) bare by most frames' labels, too
    openings: NDArray[np.bool_]  # (H, W) eyes and the inside of the mouth
    linear: NDArray[np.float32]  # (H, W, 3)
    clipped: np.float32  # linear value from which a channel counts as clipped
    fit: HeadFit

    def view_texels(self, texels: TexelMap, warp: FloatArray | None) -> TexelView:
        """Where n texels lie in the frame; `warp` (M, M, 2): added, in texels of an atlas of
        WARP_STEP * M texels a side, x and y."""
        warp_px = None
        if warp is not None:
            step = np.float32(texels.size / warp.shape[0])
            scale = np.float32(texels.size / (warp.shape[0] * WARP_STEP))
            jacobian = image_from_atlas(texels, self.posed.points_px)
            warp_px = _warp_in_pixels(
                texels.texel, texels.triangle, jacobian, warp, step, scale, texels.size
            )
        return view_texels(texels, self.posed, self.fit, self.skin, self.openings, warp_px)

    def sample(
        self, texels: TexelMap, warp: FloatArray | None
    ) -> tuple[TexelView, NDArray[np.float32]]:
        """Where the texels lie in the frame and their log light (n, 3), as filmed."""
        view = self.view_texels(texels, warp)
        colour = sample_at(self.linear, view.points_px, cv2.INTER_CUBIC)
        _convert_to_log_light(colour, view.weight, self.clipped)
        return view, colour


@dataclass(frozen=True)
class Frames:
    """What a frame is opened with."""

    capture: Capture
    track: FaceTrack
    fit: HeadFit
    template: HeadTemplate
    bare: NDArray[np.float32]  # (V,) share of the views' pixels round a vertex that show skin

    @classmethod
    def of(cls, capture: Capture, track: FaceTrack, fit: HeadFit, template: HeadTemplate) -> Frames:
        frames = cls(capture, track, fit, template, np.ones(len(template.vertices_m), np.float32))
        return replace(frames, bare=frames._bare_share())

    def open(self, k: int) -> FrameSampler:
        posed = pose_head(self.fit, k, self.template)
        labelled_skin, hair = self._skin_and_hair(k)
        covered, skin = posed.raster.covered, labelled_skin.copy()
        triangles = self.template.triangles[posed.opaque_triangles]
        bare = interpolate_vertices(posed.raster, triangles, self.bare[:, None])[..., 0]
        skin &= ~covered | (bare >= MIN_BARE)
        return FrameSampler(
            k=k,
            posed=posed,
            labelled_skin=labelled_skin,
            hair=hair,
            skin=skin,
            openings=face_openings(self.track.frame_landmarks_px[k], self.capture.size_px),
            linear=load_frame_linear(self.capture, k),
            clipped=np.float32(CLIPPED * self.capture.frame_gain[k].min()),
            fit=self.fit,
        )

    def _skin_and_hair(self, k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(H, W) each."""
        labels = load_labels(self.track, k)
        person = load_mask(self.track, k) > PERSON
        skin = (labels == SKIN) & person & (load_hair(self.track, k) < WISPS)
        return skin, labels == HAIR

    def _bare_share(self) -> NDArray[np.float32]:
        """A lock or a collar passes for skin in some view or other: the views vote, by pixels."""
        count = len(self.bare)
        total, bare = np.full(count, 1e-6), np.full(count, 1e-6)  # what none shows is bare
        for k in np.flatnonzero(self.fit.frame_used):
            posed = pose_head(self.fit, int(k), self.template)
            skin, _ = self._skin_and_hair(int(k))
            inside = posed.raster.covered & (load_mask(self.track, int(k)) > PERSON)
            shown = posed.opaque_triangles[posed.raster.triangle[inside]]
            corners = self.template.triangles[shown].ravel()
            share = posed.raster.barycentric[inside].ravel()
            total += np.bincount(corners, share, minlength=count)
            bare += np.bincount(corners, share * np.repeat(skin[inside], 3), minlength=count)
        return (bare / total).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _warp_in_pixels(texel, triangle, jacobian, warp, step, scale, size):
    """A warp in texels on a coarser grid (bilinear) as image offsets (n, 2) in pixels."""
    rows, columns = warp.shape[:2]
    out = np.empty((len(texel), 2), np.float32)
    for i in range(len(texel)):
        x = (texel[i] % size + 0.5) / step - 0.5
        y = (texel[i] // size + 0.5) / step - 0.5
        c, r = min(max(int(x), 0), columns - 2), min(max(int(y), 0), rows - 2)
        fx, fy = min(max(x - c, 0.0), 1.0), min(max(y - r, 0.0), 1.0)
        wa, wb = (1.0 - fx) * (1.0 - fy) * scale, fx * (1.0 - fy) * scale
        wc, wd = (1.0 - fx) * fy * scale, fx * fy * scale
        dx = (
            wa * warp[r, c, 0]
            + wb * warp[r, c + 1, 0]
            + wc * warp[r + 1, c, 0]
            + wd * warp[r + 1, c + 1, 0]
        )
        dy = (
            wa * warp[r, c, 1]
            + wb * warp[r, c + 1, 1]
            + wc * warp[r + 1, c, 1]
            + wd * warp[r + 1, c + 1, 1]
        )
        t = triangle[i]
        out[i, 0] = jacobian[t, 0, 0] * dx + jacobian[t, 0, 1] * dy
        out[i, 1] = jacobian[t, 1, 0] * dx + jacobian[t, 1, 1] * dy
    return out


@numba.njit(cache=True, nogil=True)
def _convert_to_log_light(colour, weight, clipped):
    """`log_light` in place, and less weight for clipped colours, in one go over (n, 3)."""
    for i in range(len(colour)):
        if max(colour[i, 0], colour[i, 1], colour[i, 2]) > clipped:
            weight[i] *= CLIPPED_WEIGHT
        for c in range(3):
            colour[i, c] = np.log(max(colour[i, c], np.float32(0.0)) + LOG_FLOOR)
