"""A case's views and renders in; its sheet out: one row a method."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.image_files import pixels_8bit, write_jpeg
from ...store.report import draw_label
from .relit import Relit
from .scored_views import TrueViews

# Eight pictures side by side stay below 2,000 px, which fits a page of documentation.
CELL_HEIGHT_PX = 400
ERROR_SPAN = 0.3  # sRGB; a larger error is white
# Artefacts do not show beside skin's own detail; with less they look like the method's error.
JPEG_QUALITY = 88


def write_sheet(
    path: Path,
    views: TrueViews,
    shown: dict[str, tuple[FloatArray, Relit]],
    relit_truth: Relit,
) -> None:
    """`shown`: by method its base colour in all views (T, H, W, 3), and it relit."""
    fullest = int(views.inside.sum((1, 2)).argmax())
    filmed, truth, inside = (
        views.filmed_srgb[fullest],
        views.unlit_srgb[fullest],
        views.inside[fullest],
    )
    rows = []
    for method, (colors, relit) in shown.items():
        recovered = colors[fullest]
        error = np.abs(recovered - truth).max(2) * inside / ERROR_SPAN
        cells = [("filmed", filmed), (method, recovered), ("truth", truth), ("error", _heat(error))]
        for ours, theirs in zip(relit.pictures, relit_truth.pictures, strict=True):
            cells += [("relit", ours), ("truth, relit", theirs)]
        rows.append(np.hstack([_cell(image, name) for name, image in cells]))
    write_jpeg(path, np.vstack(rows), JPEG_QUALITY)


def _heat(share: FloatArray) -> NDArray[np.float32]:
    """(H, W) in [0, 1] as colours from black over red to white."""
    heat = cv2.applyColorMap(pixels_8bit(share), cv2.COLORMAP_HOT)
    return np.asarray(heat[..., ::-1], np.float32) / 255


def _cell(image: FloatArray, name: str) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    size = (round(width * CELL_HEIGHT_PX / height), CELL_HEIGHT_PX)
    return draw_label(pixels_8bit(cv2.resize(image, size, interpolation=cv2.INTER_AREA)), name)
