"""A person and a face in; how eyebrows cover it, strand by strand, out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from studio_avatar_addon.avatar.types import FloatArray

from .anatomy import BROW_LOWER, BROW_UPPER, to_chart
from .face import Face
from .person import Person
from .strands import looked_up, px_per_mm_of
from .strokes import Canvas, hair_strokes


def brow_cover(face: Face, person: Person, random: np.random.Generator) -> torch.Tensor:
    """Cover by the eyebrows, strand by strand."""
    anatomy = face.anatomy
    cover = torch.zeros(len(face), device=face.device)
    for side in range(2):
        upper = to_chart(anatomy.landmarks[list(BROW_UPPER[side])])
        lower = to_chart(anatomy.landmarks[list(BROW_LOWER[side])])
        line = 0.5 * (upper + lower)
        # Each person's arch: how high, and how far out it stands.
        arch = np.array([0.0, 0.5, 1.0, 0.8, -0.2])
        line[:, 1] += 1.6 * person.brow_arch * arch + 0.8 * person.brow_up
        px_per_mm = px_per_mm_of(face, 16.0)
        canvas = Canvas.around(line, 20.0, px_per_mm)
        count = round(person.brow_strands * (0.5 + 0.5 * min(px_per_mm / 8.0, 1.0)))
        strokes, shade = _brow_strokes(line, person, count, random)
        canvas.draw(strokes, 0.17, shade)
        middle = anatomy.landmarks[[*BROW_UPPER[side], *BROW_LOWER[side]]].mean(0)
        near = np.linalg.norm(anatomy.points - middle, axis=1) < 45.0
        near &= anatomy.texels.is_material("skin")
        cover = torch.maximum(cover, looked_up(face, canvas, anatomy.chart, near))
    return cover.clamp(max=1.0)


def _brow_strokes(
    line: FloatArray, person: Person, count: int, random: np.random.Generator
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Strands (k, 4, 2) and their cover (k,) along a brow's middle (5, 2), medial to lateral."""
    spline = CubicSpline(np.linspace(0.0, 1.0, len(line)), line, axis=0)
    count = max(count, 40)
    along = random.beta(1.15, 1.35, count) * 1.08 - 0.04
    # Most stand in the brow; some stray beyond it, more in a bushy one.
    stray = random.random(count) < 0.06 + 0.10 * max(person.brow_width - 0.8, 0.0)
    across = np.clip(random.normal(0.0, np.where(stray, 0.95, 0.42)), -1.9, 1.9)
    half_width = np.interp(along, [0.0, 0.12, 0.5, 0.75, 1.0], [2.2, 4.0, 3.9, 2.6, 0.8])
    half_width *= person.brow_width
    tangent = spline(along, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    outward = np.sign(line[-1, 0] - line[0, 0])
    normal *= outward  # upward on both sides
    root = spline(along) + normal * (across * half_width)[:, None]
    # Upright at the nose, lying down along the line further out; above it hairs come down.
    lift = np.interp(along, [0.0, 0.2, 0.5, 1.0], [1.0, 0.65, 0.35, 0.05])
    lift -= across * np.interp(along, [0.0, 0.3, 1.0], [0.1, 0.5, 0.45])
    lift += random.normal(0.0, 0.15, count)
    heading = np.arctan2(tangent[:, 1], tangent[:, 0]) + outward * lift
    length = person.brow_length_mm * random.uniform(0.65, 1.25, count)
    length *= np.interp(along, [0, 0.3, 1], [0.75, 1, 0.7])
    bend = -outward * random.uniform(0.1, 0.5, count)
    length *= np.where(stray, 0.7, 1.0)
    shade = random.uniform(0.6, 1.0, count) * np.where(stray, 0.8, 1.0)
    return hair_strokes(root - 0.3 * length[:, None] * tangent, heading, length, bend), shade
