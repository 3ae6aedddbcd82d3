"""Strokes and outlines on a flat chart of the head in, their cover at each texel out.

Hair and lines are drawn on a canvas in millimetres and then looked up, since texels near a seam
of the atlas have no neighbours to draw across.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import sample_at

_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class Canvas:
    """A window of a chart: `low_mm`, `high_mm` (2,) its corners; rows run upward in the chart."""

    low_mm: FloatArray
    px_per_mm: float
    image: NDArray[np.uint8]  # (H, W) cover, 255 = full

    @classmethod
    def around(cls, points_mm: FloatArray, margin_mm: float, px_per_mm: float) -> Canvas:
        """An empty canvas that holds chart points (k, 2)."""
        low, high = points_mm.min(0) - margin_mm, points_mm.max(0) + margin_mm
        width, height = np.ceil((high - low) * px_per_mm).astype(int)
        return cls(low, px_per_mm, np.zeros((height, width), np.uint8))

    def _pixels(self, points_mm: FloatArray) -> NDArray[np.int32]:
        scaled = (points_mm - self.low_mm) * self.px_per_mm - 0.5
        return np.rint(scaled * 2**_SUBPIXEL_BITS).astype(np.int32)

    def draw(self, strokes_mm: FloatArray, width_mm: float, cover: FloatArray) -> None:
        """Draw polylines (k, m, 2), each with its `cover` (k,) in [0, 1], over one another."""
        width = max(round(width_mm * self.px_per_mm), 1)
        levels = np.rint(cover * 255).astype(int).tolist()
        for stroke, level in zip(self._pixels(strokes_mm), levels, strict=True):
            cv2.polylines(self.image, [stroke], False, level, width, cv2.LINE_AA, _SUBPIXEL_BITS)

    def fill(self, outline_mm: FloatArray) -> None:
        """Fill a closed outline (k, 2)."""
        cv2.fillPoly(self.image, [self._pixels(outline_mm)], (255,), cv2.LINE_8, _SUBPIXEL_BITS)

    def soften(self, sigma_mm: float) -> None:
        self.image[:] = cv2.GaussianBlur(self.image, (0, 0), sigma_mm * self.px_per_mm)

    def at(self, points_mm: FloatArray) -> NDArray[np.float32]:
        """Cover (n,) in [0, 1] at chart points (n, 2); 0 outside the canvas."""
        coordinates = (points_mm - self.low_mm) * self.px_per_mm
        size = np.array(self.image.shape[::-1])
        inside = ((coordinates > 0) & (coordinates < size)).all(1)
        out = np.zeros(len(points_mm), np.float32)
        out[inside] = sample_at(self.image, coordinates[inside]) / np.float32(255)
        return out


def hair_strokes(
    root_mm: FloatArray, angle_rad: FloatArray, length_mm: FloatArray, bend_rad: FloatArray
) -> FloatArray:
    """Bent strands (k, 4, 2) from roots (k, 2), leaving at an angle and turning by `bend_rad`."""
    steps = np.linspace(0.0, 1.0, 4)[None, :]
    heading = angle_rad[:, None] + bend_rad[:, None] * steps
    stride = (length_mm[:, None] / 3)[..., None]
    moves = stride * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    moves[:, 0] = 0.0
    return root_mm[:, None, :] + np.cumsum(moves, axis=1)


def outline_mask(
    points_mm: FloatArray, outlines_mm: list[FloatArray], softness_mm: float
) -> NDArray[np.float32]:
    """Share (n,) of chart points (n, 2) inside any outline, fading over `softness_mm`."""
    corners = np.concatenate(outlines_mm)
    canvas = Canvas.around(corners, 4.0 * softness_mm, 3.0)
    for outline in outlines_mm:
        canvas.fill(outline)
    canvas.soften(softness_mm)
    return canvas.at(points_mm)
