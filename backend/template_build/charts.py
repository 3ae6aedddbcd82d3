"""Who goes where in the atlas: the skin chart's frame and target sizes, and the islands' places.

In: the left half's layout and positions; out: UV (F, 4, 2) of the whole head's quads, mirrored
about u = 0.5.
"""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ..template.layout import CAP, COLUMNS, ROWS, HalfLayout
from ..template.mesh import HeadMesh
from .islands import islands
from .uv_unwrap import Rectangle, flatten

STRIP = 0.15  # height of the islands' strip under the skin
DECIMALS = 6  # kept of the solved UV, coarser than any difference between machines
MARGIN = 0.009  # between charts: more than 8 texels at 1024
SEAM_END = 11  # cell of the crown cap, from the front, where the back seam ends
SEAM_CORNER_ROW = 22  # row of the back midline that becomes the atlas's upper corner

# Target lengths in the atlas against the cranium's: the face is seen from near, an ear is folded
# skin of which the texture must not run, pockets are hardly ever seen. More for the one is less for
# the others.
FACE_SCALE = 6.6
EAR_SCALE = 4.0
HIDDEN_SCALE = 0.3


def skin_chart(layout: HalfLayout, vertices: FloatArray, face: FloatArray) -> FloatArray:
    """UV (N, 2) of the left half's skin in [0.5, 1] x [STRIP, 1]; `face` (N,) weights in [0, 1]."""
    frame = _frame(layout, vertices)
    scale = _target_scale(layout, face)
    skin_quads = layout.quads
    return flatten(vertices[: layout.count], skin_quads, scale[skin_quads].mean(axis=1), frame)


def _target_scale(layout: HalfLayout, face: FloatArray) -> FloatArray:
    """Length (N,) wanted of each vertex' surroundings in the atlas."""
    scale = 1.0 + (FACE_SCALE - 1.0) * face[: layout.count]
    ear = np.concatenate([layout.rings["ear"][1:].ravel(), layout.ends["ear"].ravel()])
    scale[ear] = EAR_SCALE
    for name, first in (("eye", 7), ("mouth", 7), ("nostril", 2)):
        hidden = np.concatenate([layout.rings[name][first:].ravel(), layout.ends[name].ravel()])
        scale[hidden[hidden >= 0]] = HIDDEN_SCALE
    return scale


def _frame(layout: HalfLayout, vertices: FloatArray) -> Rectangle:
    """The rectangle's four sides: front midline, neck, lower seam, upper seam."""
    low, high = np.array([0.5, STRIP]), np.array([1.0 - MARGIN / 2, 1.0 - MARGIN / 2])
    front = _front_midline(layout)
    seam = np.concatenate(
        [layout.grid[COLUMNS, : ROWS + 1], layout.cap[0, CAP - 1 : SEAM_END - 1 : -1]]
    )
    neck = layout.grid[:, 0]
    corner = SEAM_CORNER_ROW
    start = np.full((layout.count, 2), np.nan)
    fixed = np.zeros((layout.count, 2), dtype=bool)
    sides = (
        (front, low, np.array([low[0], high[1]]), 0),
        (neck, low, np.array([high[0], low[1]]), 1),
        (seam[: corner + 1], np.array([high[0], low[1]]), high, 0),
        (seam[corner:], high, np.array([low[0], high[1]]), 1),
    )
    for ids, first, last, axis in sides:
        share = _arc_share(vertices[ids])[:, None]
        start[ids] = (1 - share) * first + share * last
        fixed[ids, axis] = True
    for ids, *_ in sides:
        fixed[ids[[0, -1]]] = True
    return Rectangle(start, fixed)


def _front_midline(layout: HalfLayout) -> IntArray:
    """Front midline ids from the neck's base over the mouth pocket to the end of the seam."""
    lower = layout.grid[0, :12]
    rings = layout.rings["mouth"]
    down, up = rings[1:, 0], rings[1:, -1][::-1]
    across = layout.ends["mouth"][0, 1:-1]
    upper = layout.grid[0, 17:]
    return np.concatenate([lower, down, across, up, upper, layout.cap[0, 1 : SEAM_END + 1]])


def _arc_share(path: FloatArray) -> FloatArray:
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    return length / length[-1]


def head_uv(head: HeadMesh, layout: HalfLayout, face: FloatArray) -> FloatArray:
    """UV (F, 4, 2) of the whole head's quads; `face` (V,) weights of the region."""
    half_quads = head.quads[: len(head.quads) // 2]
    uv = np.zeros((head.half_count, 2))
    uv[: layout.count] = np.round(skin_chart(layout, head.vertices_m, face), DECIMALS)
    corner_uv = uv[half_quads]
    for island in islands(head, layout):
        corner_uv[island.quads] = island.uv
    mirrored = corner_uv[:, [0, 3, 2, 1]] * np.array([-1.0, 1.0]) + np.array([1.0, 0.0])
    return np.concatenate([corner_uv, mirrored])
