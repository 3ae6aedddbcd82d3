"""Fitted heads and their frames' labels in; how far the heads' outlines lie from the skin's, out.

Independent of any network of faces: only labels and geometry. Asked along the outline's normal, so
that an ear is compared with the ear's edge and not with the nearest lock of hair. Positive: the
head reaches beyond the skin.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, SKIN
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...atlas.texel_map import region
from ...geometry.raster import interpolate_vertices
from ...imaging.image_files import load_labels
from ...stages.frame_sampling.posed_head import pose_head
from ...stages.frame_sampling.texel_views import pixels_per_m
from .subjects import Subject

OUTLINES = {"ears": ("ears",), "jaw": ("jaw", "chin"), "neck": ("neck",)}
INSIDE = 0.5  # of a region's weight
# Beside the border the labels must be sure of skin and of what is none.
CLEARANCE_PX = 4
# Farther apart, the two borders have nothing to do with each other: hair hides the skin.
GATE_M = 0.012
STEPS_PER_PX = 2
NORMAL_SIGMA_PX = 3.0
# The neck's mesh ends where no skin does.
LOWEST_NORMAL = 0.5
FEWEST_POINTS = 20


def outline_distances(subject: Subject) -> Mapping[str, tuple[float, float, float]]:
    """By region: median distance in px, in mm at the head, and median of the signed one in mm.

    NaN where fewer than FEWEST_POINTS of the outline are bare skin's.
    """
    found: dict[str, list[FloatArray]] = {name: [] for name in OUTLINES}
    scale: dict[str, list[FloatArray]] = {name: [] for name in OUTLINES}
    template = subject.template
    weights = np.stack([region(template, *names) for names in OUTLINES.values()], axis=1)
    for k in map(int, np.flatnonzero(subject.fit.frame_used)):
        posed = pose_head(subject.fit, k, template)
        triangles = template.triangles[posed.opaque_triangles]
        regions = interpolate_vertices(posed.raster, triangles, weights)
        px_per_m = pixels_per_m(posed, subject.fit)
        points, normal = outline_of(posed.raster.covered)
        gaps = skin_gaps(load_labels(subject.track, k), points, normal, GATE_M * px_per_m)
        column, row = points.astype(int).T
        for i, name in enumerate(OUTLINES):
            at = (regions[row, column, i] > INSIDE) & np.isfinite(gaps)
            if name == "neck":
                at &= normal[:, 1] < LOWEST_NORMAL
            found[name].append(gaps[at])
            scale[name].append(np.full(int(at.sum()), 1e3 / px_per_m))
    return {name: _medians(np.concatenate(found[name]), np.concatenate(scale[name]))
            for name in OUTLINES}  # fmt: skip


def _medians(gap_px: FloatArray, mm_per_px: FloatArray) -> tuple[float, float, float]:
    if len(gap_px) < FEWEST_POINTS:
        return (np.nan, np.nan, np.nan)
    gap_mm = gap_px * mm_per_px
    median_px, median_mm, signed_mm = (
        float(np.median(v)) for v in (np.abs(gap_px), np.abs(gap_mm), gap_mm)
    )
    return median_px, median_mm, signed_mm


def outline_of(inside: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Pixels (N, 2) on the longest border of a mask (H, W), as their centres, and the unit normals
    (N, 2) that point out; without those at the picture's own border."""
    borders, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not borders:
        return np.zeros((0, 2)), np.zeros((0, 2))
    pixels = max(borders, key=len)[:, 0]
    size = np.array(inside.shape[::-1])
    pixels = pixels[((pixels > 1) & (pixels < size - 2)).all(axis=1)]
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), NORMAL_SIGMA_PX)
    column, row = pixels.T
    slope = [cv2.Sobel(soft, cv2.CV_32F, *axes)[row, column] for axes in ((1, 0), (0, 1))]
    out = -np.stack(slope, axis=1)
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    return pixels + 0.5, out.astype(np.float64)


def skin_gaps(
    labels: NDArray[np.uint8], points_px: FloatArray, normal: FloatArray, gate_px: float
) -> NDArray[np.float64]:
    """(N,) how far the outline (N, 2) lies beyond the nearest border of skin along its normal, in
    px; NaN where there is none within the gate.

    `labels` (H, W). Skin must lie CLEARANCE_PX within the border, and as far beyond it background,
    clothes or hair.
    """
    steps = round(gate_px * STEPS_PER_PX)
    away = np.arange(-steps, steps + 1) / STEPS_PER_PX
    here = _labels_along(labels, points_px, normal, away) == SKIN
    within = _labels_along(labels, points_px, normal, away - CLEARANCE_PX) == SKIN
    beyond = np.isin(
        _labels_along(labels, points_px, normal, away + CLEARANCE_PX), (BACKGROUND, CLOTHES, HAIR)
    )
    ends = here[:, :-1] & ~here[:, 1:] & within[:, :-1] & beyond[:, 1:]
    middle = (away[:-1] + away[1:]) / 2
    # The outline's pixels lie within the head: its edge is half a pixel farther out, on average.
    distance = np.where(ends, np.abs(middle - 0.5), np.inf)
    nearest = distance.argmin(axis=1) if len(points_px) else np.zeros(0, int)
    return np.where(ends.any(axis=1), 0.5 - middle[nearest], np.nan)


def _labels_along(
    labels: NDArray[np.uint8], points_px: FloatArray, normal: FloatArray, away_px: FloatArray
) -> NDArray[np.uint8]:
    """(N, S) what lies `away_px` (S,) from the points; beyond the picture its border goes on."""
    at = np.floor(points_px[:, None] + away_px[:, None] * normal[:, None]).astype(int)
    height, width = labels.shape
    return labels[at[..., 1].clip(0, height - 1), at[..., 0].clip(0, width - 1)]
