"""A face's anatomy in; where brows, stubble and cropped hair cover its texels out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from studio_avatar_addon.avatar.types import FloatArray

from .anatomy import BROW_LOWER, BROW_UPPER, Anatomy, smoothstep, to_chart
from .noise import fractal_noise
from .strokes import Canvas, hair_strokes, outline_mask

BROW_STRANDS = 620
STUBBLE_HAIRS = 34000
SCALP_HAIRS = 170000
# The whorl, as a direction from the middle of the skull: hair grows away from it.
_WHORL = np.array([0.12, 0.62, 0.78])
_SKULL_RADIUS_MM = 95.0
_SCALP_SHADE = 0.84  # between the strands: hair below and the roots


def brows(anatomy: Anatomy, random: np.random.Generator) -> NDArray[np.float32]:
    """Cover (n,) by the eyebrows, strand by strand."""
    cover = np.zeros(len(anatomy.table), np.float32)
    for side in range(2):
        upper = to_chart(anatomy.landmarks[list(BROW_UPPER[side])])
        lower = to_chart(anatomy.landmarks[list(BROW_LOWER[side])])
        line = 0.5 * (upper + lower)
        strokes, shade = _brow_strokes(line, random)
        canvas = Canvas.around(line, 18.0, 20.0)
        canvas.draw(strokes, 0.18, shade)
        middle = anatomy.landmarks[[*BROW_UPPER[side], *BROW_LOWER[side]]].mean(0)
        near = np.linalg.norm(anatomy.points - middle, axis=1) < 45.0
        near &= anatomy.table.is_material("skin")
        cover[near] = np.maximum(cover[near], canvas.at(anatomy.chart[near]))
    return cover


def _brow_strokes(
    line: FloatArray, random: np.random.Generator
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Strands (k, 4, 2) and their cover (k,) along a brow's middle (5, 2), medial to lateral."""
    spline = CubicSpline(np.linspace(0.0, 1.0, len(line)), line, axis=0)
    along = random.beta(1.15, 1.25, BROW_STRANDS) * 1.06 - 0.03
    across = np.clip(random.normal(0.0, 0.45, BROW_STRANDS), -1.0, 1.0)
    half_width = np.interp(along, [0.0, 0.12, 0.5, 0.75, 1.0], [2.0, 4.4, 4.4, 3.0, 1.0])
    tangent = spline(along, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    outward = np.sign(line[-1, 0] - line[0, 0])
    normal *= outward  # upward on both sides
    root = spline(along) + normal * (across * half_width)[:, None]
    # Upright at the nose, lying down along the line further out; above it hairs come down.
    lift = np.interp(along, [0.0, 0.2, 0.5, 1.0], [0.95, 0.65, 0.35, 0.05])
    lift -= across * np.interp(along, [0.0, 0.3, 1.0], [0.1, 0.5, 0.45])
    lift += random.normal(0.0, 0.12, BROW_STRANDS)
    heading = np.arctan2(tangent[:, 1], tangent[:, 0]) + outward * lift
    length = random.uniform(5.0, 9.0, BROW_STRANDS) * np.interp(along, [0, 0.3, 1], [0.8, 1, 0.7])
    bend = -outward * random.uniform(0.1, 0.5, BROW_STRANDS)
    shade = random.uniform(0.7, 1.0, BROW_STRANDS)
    return hair_strokes(root - 0.3 * length[:, None] * tangent, heading, length, bend), shade


def beard_area(anatomy: Anatomy) -> NDArray[np.float32]:
    """Share (n,) of beard growth: lip, chin, jaw, the upper neck and a thin moustache middle."""
    at = anatomy.chart_place
    left = np.array([
        at("subnasale", 0.0, -1.0),
        at("ala", 2.0, -3.0),
        at("mouth_corner", 9.0, 9.0),
        at("mouth_corner", 22.0, 2.0),
        0.45 * at("mouth_corner", 0.0, -12.0) + 0.55 * at("tragus", 0.0, -12.0),
        at("tragus", -16.0, 6.0),
        at("tragus", -14.0, 34.0),
        at("tragus", -3.0, 34.0),
        at("tragus", 0.0, -6.0),
        at("jaw_angle", 8.0, -4.0),
        0.8 * at("jaw_angle") * [1.0, 0.0] + at("chin", 0.0, -12.0),
        at("chin", 0.0, -26.0),
    ])  # fmt: skip
    area = outline_mask(anatomy.chart, [left, left * [-1.0, 1.0]], 4.0)
    patchy = 0.85 + 0.15 * np.clip(fractal_noise(anatomy.points, 14.0, 3, 81), -2.0, 2.0)
    bald = anatomy.region("lips") + anatomy.region("ears")
    bald = np.maximum(bald, 0.75 * anatomy.bump("subnasale", 4.5, (0.0, -3.0, -5.0)))
    front = smoothstep(25.0, 5.0, anatomy.points[:, 1])
    return np.clip(area * patchy * front * (1.0 - np.minimum(bald, 1.0)), 0.0, 1.0)


def stubble(anatomy: Anatomy, area: FloatArray, random: np.random.Generator) -> NDArray[np.float32]:
    """Cover (n,) by hairs of under a millimetre that point down, where `area` (n,) lets them."""
    grown = anatomy.chart[area > 0.15]
    root = grown[random.integers(0, len(grown), STUBBLE_HAIRS)]
    root = root + random.normal(0.0, 0.4, root.shape)
    heading = random.normal(-np.pi / 2, 0.5, len(root))
    length = random.uniform(0.35, 0.9, len(root))
    canvas = Canvas.around(grown, 3.0, 12.0)
    canvas.draw(
        hair_strokes(root, heading, length, np.zeros(len(root))),
        0.1,
        random.uniform(0.35, 0.9, len(root)),
    )
    return canvas.at(anatomy.chart) * smoothstep(0.1, 0.7, area)


def scalp_area(anatomy: Anatomy) -> NDArray[np.float32]:
    """Share (n,) of hair-bearing scalp: the template's, with a lower hairline and sideburns."""
    at = anatomy.chart_place
    left = np.array([
        at("hairline", 0.0, 3.0),
        at("hairline", 40.0, 4.5),
        at("hairline", 70.0, 9.0),
        at("temple", -17.0, 26.0),
        at("tragus", -28.0, 40.0),
        at("tragus", -22.0, 18.0),
        at("tragus", -18.0, -4.0),
        at("tragus", 1.0, -4.0),
        at("tragus", 6.0, 45.0),
        at("tragus", 6.0, 400.0),
        at("hairline", 0.0, 400.0),
    ])  # fmt: skip
    wobble = np.stack([fractal_noise(anatomy.points, 5.0, 3, seed) for seed in (91, 92)], axis=1)
    drawn = outline_mask(anatomy.chart + 1.3 * wobble, [left, left * [-1.0, 1.0]], 5.0)
    grown = smoothstep(0.25, 0.75, anatomy.region("scalp") + 0.05 * wobble[:, 0])
    return np.maximum(drawn, grown) * (1.0 - np.minimum(anatomy.region("ears"), 1.0))


def scalp_hair(
    anatomy: Anatomy, area: FloatArray, random: np.random.Generator
) -> NDArray[np.float32]:
    """Cover (n,) by hair of four millimetres growing away from the whorl."""
    chart = _whorl_chart(anatomy.points)
    grown = chart[area > 0.05]
    root = grown[random.integers(0, len(grown), SCALP_HAIRS)]
    root = root + random.normal(0.0, 0.3, root.shape)
    heading = np.arctan2(root[:, 1], root[:, 0]) + 0.5 + random.normal(0.0, 0.28, len(root))
    length = random.uniform(2.5, 5.0, len(root))
    canvas = Canvas.around(grown, 6.0, 8.0)
    bend = random.normal(0.0, 0.3, len(root))
    canvas.draw(
        hair_strokes(root, heading, length, bend), 0.12, random.uniform(0.7, 1.0, len(root))
    )
    strands = canvas.at(chart) * smoothstep(0.03, 0.5, area)
    return np.maximum(strands, _SCALP_SHADE * smoothstep(0.15, 1.0, area))


def scalp_tufts(anatomy: Anatomy) -> NDArray[np.float32]:
    """How much lighter or darker (n,), in log albedo, the hair is from tuft to tuft."""
    coarse = fractal_noise(anatomy.points, 11.0, 2, 95)
    return 0.22 * coarse + 0.38 * fractal_noise(anatomy.points, 2.8, 3, 96, gain=0.8)


def _whorl_chart(points: FloatArray) -> NDArray[np.float32]:
    """Azimuthal chart (n, 2) in mm of the skull about the whorl: true distances from there."""
    axis = _WHORL / np.linalg.norm(_WHORL)
    right = np.cross([0.0, -1.0, 0.0], axis)
    right /= np.linalg.norm(right)
    up = np.cross(axis, right)
    arm = points - np.array([0.0, 0.0, 40.0], np.float32)
    arm /= np.maximum(np.linalg.norm(arm, axis=1, keepdims=True), 1e-6)
    angle = np.arccos(np.clip(arm @ axis, -1.0, 1.0))
    around = np.arctan2(arm @ up, arm @ right)
    radius = _SKULL_RADIUS_MM * angle
    return np.stack([radius * np.cos(around), radius * np.sin(around)], axis=1).astype(np.float32)
