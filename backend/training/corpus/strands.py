"""Strands drawn on a chart in; how they cover a face's texels out.

Small textures get fewer and proportionally wider hairs, so that all sizes show the same cover.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .face import Face
from .strokes import Canvas

HAIR_MM = 0.12
_FINEST_PX_PER_MM, _COARSEST_PX_PER_MM = 8.0, 2.0


def px_per_mm_of(face: Face, finest: float = _FINEST_PX_PER_MM) -> float:
    """Of a canvas fit for the face's texels."""
    return float(np.clip(2.0 / face.texel_mm, _COARSEST_PX_PER_MM, finest))


def drawn_count(count: int, px_per_mm: float) -> int:
    """Hairs are at least a pixel wide: so many of them cover what `count` real ones do."""
    return round(count * min(HAIR_MM * px_per_mm, 1.0))


def looked_up(
    face: Face, canvas: Canvas, chart: NDArray[np.float32], where: NDArray[np.bool_]
) -> torch.Tensor:
    """The canvas at each texel of `where` (n,), averaged over the texel."""
    canvas.soften(max(0.4 * face.texel_mm, 0.4 / canvas.px_per_mm))
    cover = np.zeros(len(face), np.float32)
    cover[where] = canvas.at(chart[where])
    return face.tensor(cover)


def skin_mm2(face: Face) -> float:
    """Area of the skin."""
    return face.texel_mm**2 * float(face.skin.sum())
