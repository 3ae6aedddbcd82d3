"""Lines of hair in; strands gathered to tufts and locks, with waves, frizz and a taper, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...imaging.smooth_step import smooth_step
from .flow import Values, unit
from .grooms import Groom
from .solid import Points, Solid

MM = 1e-3
SKIN_GAP_M = 0.0006
TUFT = 7  # strands that start together and end in one point
_POINTS_A_WAVE, _MOST_POINTS = 7, 64
_FLAT_WAVE_MM = 1.6  # smaller ones need no points of their own
_TIP = 0.35  # of the root's radius
_KNOTS = 5  # of a strand's frizz


@dataclass(frozen=True, eq=False)
class Strands:
    """C strands of P points each, metres in world space."""

    points_m: NDArray[np.float32]  # (C, P, 3)
    radius_m: NDArray[np.float32]  # (C, P)
    tone: NDArray[np.float32]  # (C,) darker or lighter, of standard deviation 1

    def __len__(self) -> int:
        return len(self.points_m)


def dressed(
    groom: Groom, lines_m: Points, length_m: Values, is_wild: NDArray[np.bool_], solid: Solid,
    random: np.random.Generator,
) -> Strands:  # fmt: skip
    """Strands of lines (C, P, 3) of `length_m` (C,); the wild ones keep to themselves."""
    if not len(lines_m):
        return with_radius(groom, lines_m, random)
    roots = lines_m[:, 0]
    lines = _clumped(lines_m, TUFT, min(0.8 * groom.clump, 0.55), is_wild, random)
    lines = _clumped(lines, groom.lock_strands, groom.clump, is_wild, random)
    lines = _resampled(lines, length_m, groom)
    way = length_m[:, None] * np.linspace(0.0, 1.0, lines.shape[1])
    lines = lines + _waves(groom, lines, way, random)
    lines = lines + _frizz(lines.shape[1], way, MM * groom.frizz_mm * (1.0 + 1.5 * is_wild), random)
    lines = solid.pushed_out(lines.reshape(-1, 3), SKIN_GAP_M).reshape(lines.shape)
    lines[:, 0] = roots
    return with_radius(groom, lines, random)


def with_radius(groom: Groom, lines_m: Points, random: np.random.Generator) -> Strands:
    """Strands of finished lines (C, P, 3)."""
    count, points = lines_m.shape[:2]
    taper = 1.0 - (1.0 - _TIP) * np.linspace(0.0, 1.0, points) ** 2
    radius = MM * groom.radius_mm * random.lognormal(0.0, 0.2, (count, 1)) * taper
    tone = random.normal(0.0, 0.6, count)
    if count:
        # Tufts differ from one another more than the strands in one do.
        own, tufts = _locks(lines_m[:, 0], TUFT, random)
        tone = tone + random.normal(0.0, 0.8, len(tufts))[own]
    return Strands(lines_m.astype(np.float32), radius.astype(np.float32), tone.astype(np.float32))


def _locks(
    roots_m: Points, members: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each root's (C,) lock, and the strand (L,) that leads each lock."""
    leaders = random.choice(len(roots_m), max(len(roots_m) // members, 1), replace=False)
    _, own = cKDTree(roots_m[leaders]).query(roots_m)
    return own, leaders


def _clumped(
    lines: Points, members: int, strength: float, is_wild: NDArray, random: np.random.Generator
) -> Points:
    """Strands drawn towards the leader of their lock, the more the nearer to the tip."""
    own, leaders = _locks(lines[:, 0], members, random)
    share = np.linspace(0.0, 1.0, lines.shape[1]) ** 0.8
    drawn = strength * random.beta(4.0, 1.6, len(lines)) * np.where(is_wild, 0.1, 1.0)
    return lines + (drawn[:, None] * share)[..., None] * (lines[leaders][own] - lines)


def _resampled(lines: Points, length_m: Values, groom: Groom) -> Points:
    """As many points as the waves need, along Catmull and Rom's curves through the given ones."""
    points = lines.shape[1]
    if groom.wave_mm <= _FLAT_WAVE_MM:
        return lines
    waves = float(np.percentile(length_m, 95)) / (MM * groom.wave_length_mm)
    count = int(np.clip(np.ceil(_POINTS_A_WAVE * waves), points, _MOST_POINTS))
    place = np.linspace(0.0, points - 1.0, count)
    before = np.minimum(place.astype(int), points - 2)
    t = (place - before)[None, :, None]
    ends = 2 * lines[:, [0, -1]] - lines[:, [1, -2]]
    padded = np.concatenate([ends[:, :1], lines, ends[:, 1:]], 1)
    p0, p1, p2, p3 = (padded[:, before + k] for k in range(4))
    return 0.5 * (
        2.0 * p1 + (p2 - p0) * t + (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3) * t**2
        + (3.0 * p1 - p0 - 3.0 * p2 + p3) * t**3
    )  # fmt: skip


def _waves(groom: Groom, lines: Points, way: Values, random: np.random.Generator) -> Points:
    """Offsets (C, P, 3): waves in step within a lock, between flat and a ringlet."""
    if groom.wave_mm <= 0.0:
        return np.zeros_like(lines)
    count, wave_length = len(lines), MM * groom.wave_length_mm
    own, leaders = _locks(lines[:, 0], groom.lock_strands, random)
    locks = len(leaders)
    phase = random.uniform(0.0, 2.0 * np.pi, locks)[own] + random.normal(0.0, 0.35, count)
    rate = random.lognormal(0.0, 0.16, locks)[own] * random.lognormal(0.0, 0.05, count)
    size = MM * groom.wave_mm * random.lognormal(0.0, 0.2, count)
    angle = phase[:, None] + 2.0 * np.pi * way * rate[:, None] / wave_length
    grown = smooth_step(0.0, 1.2 * wave_length, way) * size[:, None]
    along = unit(np.gradient(lines, axis=1))
    axis = unit(random.normal(0.0, 1.0, (locks, 3)))[own][:, None]
    first = unit(np.cross(along, axis))
    second = groom.helix * np.cross(along, first)
    return grown[..., None] * (np.cos(angle)[..., None] * first + np.sin(angle)[..., None] * second)


def _frizz(points: int, way: Values, size_m: Values, random: np.random.Generator) -> Points:
    """Offsets (C, P, 3): each strand strays a little, smoothly, ever more towards its tip."""
    knots = random.normal(0.0, 1.0, (len(way), _KNOTS, 3))
    place = np.linspace(0.0, _KNOTS - 1.0, points)
    before = np.minimum(place.astype(int), _KNOTS - 2)
    t = smooth_step(0.0, 1.0, place - before)[None, :, None]
    grown = size_m[:, None] * smooth_step(0.0, 0.06, way) ** 0.5
    return grown[..., None] * (knots[:, before] * (1.0 - t) + knots[:, before + 1] * t)
