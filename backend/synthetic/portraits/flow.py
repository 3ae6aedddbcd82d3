"""A groom and places on the head in; which way hair takes there, out. Head frame, metres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...imaging.smooth_step import smooth_step
from .grooms import Groom
from .solid import Points

Values = NDArray[np.float64]

# Places of the mean head; the whorl as the painter has it.
SKULL_M, _WHORL = np.array([0.0, 0.0, 0.04]), np.array([0.12, 0.62, 0.78])
_WHORL_RADIUS_M = 0.095
HAIRLINE_Y_M = -0.085
_JAW_Z_M = -0.05
_FRINGE_ANGLE = np.radians(53.0)  # from the middle to where a fringe ends at the temples
_SOFT_OPENING_RAD = 0.5
_MIDLINE_M = 0.02


def flow(groom: Groom, head_m: Points, side: Values, is_fringe: NDArray[np.bool_]) -> Points:
    """Unit directions (C, 3) at places (C, 3), for strands that belong to a `side` (C,), -1 or 1,
    and to the fringe or not."""
    x, y, z = head_m.T
    outward = unit(head_m - SKULL_M)
    if groom.flow == "up":
        way = outward
    else:
        way = unit(tangent(_way(groom, head_m, outward, side), outward))
    if groom.flow in ("whorl", "forward") and not groom.fringe_mm:
        # Nobody lets short hair hang into the eyes: the front is brushed aside and up.
        front = smooth_step(-0.03, -0.06, y) * smooth_step(0.06, 0.08, z)
        brushed = unit(tangent(_vector(side, 0.3, 0.35), outward))
        way = unit(_mixed(way, brushed, front))
    if groom.fringe_mm:
        forward = unit(_vector(groom.fringe_aside + x / 0.06, -0.8, -0.35))
        way = np.where(is_fringe[:, None], forward, way)
    return way


def _way(groom: Groom, head_m: Points, outward: Points, side: Values) -> Points:
    """(C, 3) the flow's direction, not yet along the surface."""
    x, y, z = head_m.T
    if groom.flow == "down":
        return _vector(0.25 * np.sign(x), 0.1, -1.0)
    if groom.flow == "gathered":
        assert groom.gather_m is not None
        return np.array(groom.gather_m) - head_m
    if groom.flow == "back":
        over = _vector(0.25 * side, 1.0, -0.15 - 1.2 * smooth_step(0.03, 0.09, y))
        low = smooth_step(0.045, 0.065, np.abs(x)) * smooth_step(0.09, 0.06, z)
        return _mixed(over, _vector(0.0 * x, 0.55, -0.8), low)
    away = unit(head_m - (SKULL_M + _WHORL_RADIUS_M * unit(_WHORL)))
    round_whorl = unit(away + 0.45 * np.cross(outward, away))
    if groom.flow == "parted":
        return _mixed(_vector(side, 0.35, 0.05), round_whorl, smooth_step(0.01, 0.06, y))
    if groom.flow == "forward":
        return round_whorl + _vector(0.0 * x, -0.7, 0.0)
    return round_whorl


def sides(groom: Groom, head_m: Points, random: np.random.Generator) -> Values:
    """(C,) -1 or 1: to which side of the head strands with these roots (C, 3) fall."""
    x = head_m[:, 0]
    if groom.flow in ("whorl", "forward", "back"):
        return np.full(len(x), float(random.choice([-1.0, 1.0])))
    wander = 0.0025 * smooth_noise(head_m * [0.0, 1.0, 1.0], 0.02, random)
    return np.where(x > groom.part_m + wander, 1.0, -1.0)


def fringe_share(head_m: Points) -> Values:
    """(C,) in [0, 1]: roots whose hair would be cut to hang over the forehead."""
    x, y, z = head_m.T
    angle = np.abs(np.arctan2(x, -y))
    front = smooth_step(_FRINGE_ANGLE + 0.09, _FRINGE_ANGLE - 0.09, angle)
    return front * smooth_step(-0.035, -0.05, y) * smooth_step(0.05, 0.06, z)


def aside(head_m: Points, side: Values, opening_rad: Values) -> Points:
    """(C, 3) a push away from the face, for what hangs within `opening_rad` (C,) about it."""
    x, y, z = head_m.T
    # Beyond the midline a strand keeps to the side where it hangs.
    side = np.where(np.abs(x) > _MIDLINE_M, np.sign(x), side)
    angle = np.arctan2(x * side, -y)
    inside = smooth_step(0.0, _SOFT_OPENING_RAD, opening_rad - angle)
    inside = inside * smooth_step(0.075, 0.055, z) * (opening_rad > 0.0)
    turn = np.stack([side * np.cos(angle), np.sin(angle), 0.0 * x], -1)
    return 2.5 * inside[:, None] * turn


def fall(groom: Groom, head_m: Points, root_m: Points) -> Points:
    """(C, 3) forward or back over the shoulders, below the jaw."""
    low = smooth_step(_JAW_Z_M, _JAW_Z_M - 0.05, head_m[:, 2])
    angle = np.abs(np.arctan2(root_m[:, 0], -root_m[:, 1]))
    last = {"front": np.radians(150.0), "behind": 0.0, "both": np.radians(95.0)}[groom.fall]
    return (0.55 * low * np.where(angle < last, -1.0, 1.0))[:, None] * np.array([0.0, 1.0, 0.0])


def slack(groom: Groom, head_m: Points) -> Values:
    """(C,) how much farther than its own layer hair may stand off: strands lie on one another on
    the head, and hang freely below."""
    if groom.flow == "up":
        return np.full(len(head_m), np.inf)
    if groom.is_covered:
        return np.interp(head_m[:, 2], [-0.13, -0.08, -0.05], [1.0, 0.02, 0.001])
    return np.interp(head_m[:, 2], [-0.13, -0.08, -0.02, 0.04], [1.0, 0.03, 0.012, 0.003])


def smooth_noise(points_m: Points, wavelength_m: float, random: np.random.Generator) -> Values:
    """(n,) of standard deviation 1: a sum of waves in random directions."""
    total = np.zeros(len(points_m))
    for _ in range(8):
        wave = random.normal(0.0, 1.2 * np.pi / (np.sqrt(3.0) * wavelength_m), 3)
        total += np.cos(points_m @ wave + random.uniform(0.0, 2.0 * np.pi))
    return total / 2.0


def tangent(directions: Points, normals: Points) -> Points:
    """What of the directions (..., 3) lies in the surface of the unit normals (..., 3)."""
    return directions - (directions * normals).sum(-1, keepdims=True) * normals


def unit(vectors: Points) -> Points:
    """Vectors (..., 3) of length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _vector(x: Values, y: Values | float, z: Values | float) -> Points:
    return np.stack(np.broadcast_arrays(x, y, z), -1)


def _mixed(first: Points, second: Points, share: Values) -> Points:
    return first + share[:, None] * (second - first)
