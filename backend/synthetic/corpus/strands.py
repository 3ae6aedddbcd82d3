"""Strands drawn on a chart in; how they cover a face's texels, and their own tones, out.

Small textures get fewer and proportionally wider hairs, so that all sizes show the same cover.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from .face import Face
from .strokes import Canvas

HAIR_MM = 0.12
_FINEST_PX_PER_MM, _COARSEST_PX_PER_MM = 8.0, 2.0
_TONE_RANGE = 1.2  # log albedo that a canvas of tones holds, up and down


@dataclass(frozen=True, eq=False)
class Strands:
    """Hair on n texels."""

    cover: torch.Tensor  # (n,) in [0, 1]
    tone: torch.Tensor  # (n,) how much lighter in log albedo than the hair's colour

    @classmethod
    def none(cls, face: Face) -> Strands:
        nowhere = torch.zeros(len(face), device=face.device)
        return cls(nowhere, nowhere)


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


def blank_tones(canvas: Canvas, px_per_mm: float | None = None) -> Canvas:
    """A canvas of tones, all 0 yet, that lies where another one lies."""
    finer = px_per_mm or canvas.px_per_mm
    height, width = np.ceil(np.array(canvas.image.shape) * finer / canvas.px_per_mm).astype(int)
    return Canvas(canvas.low_mm, finer, np.full((height, width), 128, np.uint8))


def draw_tones(canvas: Canvas, strokes: FloatArray, width_mm: float, tone: FloatArray) -> None:
    """Draw strands (k, m, 2), each in its own tone (k,) of log albedo, over one another."""
    canvas.draw(strokes, width_mm, 0.502 + 0.498 * np.clip(tone / _TONE_RANGE, -1.0, 1.0))


def looked_up_tones(
    face: Face, canvas: Canvas, chart: NDArray[np.float32], where: NDArray[np.bool_]
) -> torch.Tensor:
    """Tone (n,) of log albedo, 0 where nothing is drawn."""
    level = looked_up(face, canvas, chart, where)
    return torch.where(level > 0.0, (level / 0.502 - 1.0) * _TONE_RANGE, 0.0)


def greyness(linear: tuple[float, float, float]) -> float:
    """How grey hair of a colour is, in [0, 1]: pale without being yellow."""
    faded = np.interp(1.0 - min(linear) / max(linear), [0.25, 0.45], [1.0, 0.0])
    return float(faded * min(max(linear) / 0.1, 1.0))


def skin_mm2(face: Face) -> float:
    """Area of the skin."""
    return face.texel_mm**2 * float(face.skin.sum())
