"""An atlas in; how far apart its neighbouring texels lie on the head, out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .anatomy import MM_PER_M, Anatomy

_SMALLEST_UV = 1e-12
# Texels longer than this many times their width count as wider, up to so many times.
_LONG, _WIDEST = 1.3, 4.0


def longest_step_mm(anatomy: Anatomy) -> NDArray[np.float32]:
    """(V,) mean over the triangles round each vertex of the step from a texel to the next, along
    the way the atlas is stretched most there.

    Where it is stretched unevenly the step counts as longer still: waves that only just fit the
    long way lie many texels apart the short way, and look brushed."""
    template = anatomy.template
    corners = anatomy.vertices_m[template.triangles].astype(np.float64) * MM_PER_M
    uv = template.triangle_uv.astype(np.float64) * anatomy.texels.size
    along, across = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    area = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    area = np.where(np.abs(area) < _SMALLEST_UV, np.inf, area)[:, None]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    per_u = (one * across[:, 1:] - two * along[:, 1:]) / area
    per_v = (two * along[:, :1] - one * across[:, :1]) / area
    # The larger singular value of (per_u, per_v).
    uu, vv, mixed = (per_u**2).sum(1), (per_v**2).sum(1), (per_u * per_v).sum(1)
    spread = np.hypot(uu - vv, 2.0 * mixed)
    longest, shortest = np.sqrt(0.5 * np.maximum([uu + vv + spread, uu + vv - spread], 0.0))
    uneven = longest / np.maximum(_LONG * shortest, 1e-9)
    longest *= np.clip(uneven**1.5, 1.0, _WIDEST)
    index = template.triangles.ravel()
    count = len(template.vertices_m)
    sums = np.bincount(index, np.repeat(longest, 3), minlength=count)
    return (sums / np.bincount(index, minlength=count).clip(1)).astype(np.float32)
