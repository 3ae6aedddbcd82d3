"""Hair that is tied: its way to the band, and the tail or the bun behind it."""

from __future__ import annotations

import numpy as np

from .flow import SKULL_M, Values, unit
from .grooms import Groom
from .sitter import Sitter
from .solid import Points, Solid
from .strands import MM, SKIN_GAP_M, Strands, dressed, with_radius

_DOWN = np.array([0.0, 0.0, -1.0])
_TAIL_SHARE = 3  # one strand in so many goes on behind the band, where they lie close
_TAIL_STEPS, _BUN_STEPS = 18, 26


def drawn_in(
    groom: Groom, points_m: Points, share: float, sitter: Sitter, layer_m: Values
) -> Points:
    """Points (C, 3), `share` of their way to the band, no farther from it than that allows."""
    band, _ = _band(groom, sitter)
    arm = points_m - band
    reach = np.linalg.norm(arm, axis=1, keepdims=True)
    allowed = 0.006 + layer_m[:, None] + 0.32 * (1.0 - share)
    return band + arm * np.minimum(1.0, allowed / np.maximum(reach, 1e-6))


def tail(groom: Groom, sitter: Sitter, solid: Solid, random: np.random.Generator) -> Strands:
    """What hangs behind the band, or the ball that it is wound to."""
    band, outward = _band(groom, sitter)
    count = groom.count // _TAIL_SHARE
    if not groom.tail_mm:
        bun = _bun(band, outward, count, random)
        outside = solid.pushed_out(bun.reshape(-1, 3), SKIN_GAP_M).reshape(bun.shape)
        return with_radius(groom, outside, random)
    length = MM * groom.tail_mm * random.uniform(0.75, 1.05, count)
    points = np.empty((_TAIL_STEPS + 1, count, 3))
    points[0] = solid.pushed_out(band + 0.007 * random.normal(0.0, 1.0, (count, 3)), SKIN_GAP_M)
    along = unit(outward + 0.25 * random.normal(0.0, 1.0, (count, 3)))
    for k in range(1, _TAIL_STEPS + 1):
        along = unit(0.75 * along + 0.3 * _DOWN)
        moved = points[k - 1] + (length / _TAIL_STEPS)[:, None] * along
        points[k] = solid.pushed_out(moved, 0.006)
    is_wild = random.random(count) < groom.flyaway
    return dressed(groom, np.swapaxes(points, 0, 1), length, is_wild, solid, random)


def _bun(band: Points, outward: Points, count: int, random: np.random.Generator) -> Points:
    """(C, P, 3) wound round a ball that sits on the band."""
    size = float(random.uniform(0.024, 0.042))
    axis = unit(outward + 0.35 * random.normal(0.0, 1.0, (count, 3)))
    first = unit(np.cross(axis, random.normal(0.0, 1.0, (count, 3))))
    second = np.cross(axis, first)
    turn = np.linspace(0.0, 1.0, _BUN_STEPS + 1)[:, None] * random.uniform(2.0, 5.5, count)
    lean = random.uniform(-0.9, 0.9, count) + 0.25 * np.sin(2.0 * turn)
    ring = np.sqrt(np.maximum(1.0 - lean**2, 0.05))
    radius = size * (0.75 + 0.27 * random.random(count) ** 0.5)
    at = (ring * np.cos(turn))[..., None] * first + (ring * np.sin(turn))[..., None] * second
    points = band + 0.75 * size * outward + radius[:, None] * (at + lean[..., None] * axis)
    return np.swapaxes(points, 0, 1)


def _band(groom: Groom, sitter: Sitter) -> tuple[Points, Points]:
    """The band's place (3,) and the way out of the head there (3,), world space."""
    if groom.gather_m is None:
        raise ValueError(f"hair of the style {groom.style} is not tied")
    place = np.array(groom.gather_m)
    return sitter.to_world(place), sitter.turned(unit(place - SKULL_M))
