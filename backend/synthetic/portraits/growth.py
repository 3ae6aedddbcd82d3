"""A groom and a posed person in; its strands, grown outside of head, neck and clothes, out.

Strands start where hair grows, run along the style's flow, hang down, part before the face, and
are pushed out of whatever they would enter, each to its own height in the thickness of the hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...imaging.smooth_step import smooth_step
from . import flow
from .flow import Values, unit
from .grooms import Groom, beard_groom, loose_groom
from .sitter import Sitter
from .skins import Skin, root_table
from .solid import Points, Solid
from .strands import MM, SKIN_GAP_M, Strands, dressed
from .tied import drawn_in, tail

_DOWN = np.array([0.0, 0.0, -1.0])
_STEP_M, _FEWEST_STEPS, _MOST_STEPS = 0.016, 6, 30
_HANGING_MM = 100.0  # shorter hair stands on its own
_SPARSEST = 0.1  # growth below that is down, which nobody calls hair
_FLYAWAY_MM = 8.0
_SHOULDERS_Z_M = -0.11


@dataclass(frozen=True, eq=False)
class _Roots:
    """C roots."""

    world_m: Points  # (C, 3)
    head_m: Points  # (C, 3) on the neutral head
    normal: Points  # (C, 3) world space
    density: Values  # (C,) in [0, 1] of the growth there

    def __len__(self) -> int:
        return len(self.world_m)

    def take(self, index: NDArray[np.int64]) -> _Roots:
        return _Roots(
            self.world_m[index], self.head_m[index], self.normal[index], self.density[index]
        )


def grow_scalp(
    groom: Groom, sitter: Sitter, skin: Skin, solid: Solid, random: np.random.Generator
) -> list[Strands]:
    """All hair of the head; `solid` is what it must stay outside of."""
    roots = _strewn(sitter, skin, groom.growth, groom.count, random)
    grown = [_grow(groom, sitter, solid, roots, random)]
    if groom.gather_m is not None:
        grown.append(tail(groom, sitter, solid, random))
    if groom.loose_locks and groom.top_mm > 40.0:
        grown.append(_loose_locks(groom, sitter, skin, solid, random))
    return [strands for strands in grown if len(strands)]


def grow_beard(
    kind: str, length_mm: float, sitter: Sitter, skin: Skin, solid: Solid,
    random: np.random.Generator,
) -> Strands:  # fmt: skip
    """A "moustache", a "goatee" or a "full" beard."""
    groom = beard_groom(length_mm)
    roots = _strewn(sitter, skin, groom.growth, groom.count, random)
    wide, height = np.abs(roots.head_m[:, 0]), roots.head_m[:, 2]
    share = np.ones(len(roots))
    if kind != "full":
        share = smooth_step(0.034, 0.028, wide) * smooth_step(-0.050, -0.044, height)
    if kind == "goatee":
        chin = smooth_step(0.034, 0.026, wide) * smooth_step(-0.044, -0.052, height)
        share = np.maximum(share, chin)
    kept = np.flatnonzero(random.random(len(roots)) < share)
    return _grow(groom, sitter, solid, roots.take(kept), random)


def _strewn(
    sitter: Sitter, skin: Skin, growth: str, count: int, random: np.random.Generator
) -> _Roots:
    """`count` roots, or none, by the density of a growth of `skins.GROWTHS`."""
    table = root_table()
    density = skin.root_growth[growth].astype(np.float64)
    summed = np.cumsum(np.where(density < _SPARSEST, 0.0, density**0.9))
    place = random.uniform(0.0, summed[-1], count if summed[-1] > 0.0 else 0)
    picked = np.searchsorted(summed, place).clip(max=len(summed) - 1)
    corners = sitter.template.triangles[table.triangle[picked]]
    share = table.barycentric[picked][:, :, None].astype(np.float64)
    posed, neutral = sitter.vertices_m[corners], sitter.neutral_m[corners]
    normal = unit(np.cross(posed[:, 1] - posed[:, 0], posed[:, 2] - posed[:, 0]))
    return _Roots((share * posed).sum(1), (share * neutral).sum(1), normal, density[picked])


def _loose_locks(
    groom: Groom, sitter: Sitter, skin: Skin, solid: Solid, random: np.random.Generator
) -> Strands:
    """Locks that have come loose at hairline and temples and fall where they like."""
    roots = _strewn(sitter, skin, groom.growth, 6000, random)
    _, y, z = roots.head_m.T
    at_front = np.flatnonzero((y < -0.015) & (z > 0.03) & (roots.density < 0.9))
    if not len(at_front):
        return _grow(groom, sitter, solid, roots.take(at_front), random)
    chosen = random.choice(at_front, groom.loose_locks)
    strands = np.repeat(chosen, random.integers(15, 110, len(chosen)))
    near = 0.0025 * random.normal(0.0, 1.0, (len(strands), 3))
    roots = roots.take(strands)
    beside = solid.pushed_out(roots.world_m + near, 0.0)
    roots = _Roots(beside, roots.head_m, roots.normal, np.ones(len(roots)))
    loose = loose_groom(groom, float(random.uniform(60.0, 220.0)))
    return _grow(loose, sitter, solid, roots, random)


def _lengths(groom: Groom, roots: _Roots, random: np.random.Generator) -> Values:
    """(C,) metres."""
    _, y, z = roots.head_m.T
    uneven = random.lognormal(-0.03, 0.10, len(roots))
    if groom.gather_m is not None:
        length = 1.35 * np.linalg.norm(roots.head_m - np.array(groom.gather_m), axis=1)
        edge = 1.0
    else:
        top, nape = smooth_step(0.045, 0.09, z), smooth_step(0.02, 0.06, y)
        below = groom.nape_mm * nape + groom.side_mm * (1.0 - nape)
        length = MM * (groom.top_mm * top + below * (1.0 - top))
        # Single hairs before the hairline are fine and short.
        edge = 0.35 + 0.65 * smooth_step(0.1, 0.7, roots.density)
    if groom.fringe_mm:
        way = MM * groom.fringe_mm + 0.9 * np.maximum(y - flow.HAIRLINE_Y_M, 0.0)
        length = length + flow.fringe_share(roots.head_m) * (way - length)
    return length * uneven * edge


@dataclass(frozen=True, eq=False)
class _Course:
    """What steers each of C strands while it grows."""

    side: Values  # (C,) -1 or 1
    is_fringe: NDArray[np.bool_]  # (C,)
    opening_rad: Values  # (C,) about the face
    wander: Points  # (C, 3) head frame
    layer_m: Values  # (C,) height in the thickness of the hair
    step_m: Values  # (C,)


def _course(
    groom: Groom, roots: _Roots, step_m: Values, is_wild: NDArray, random: np.random.Generator
) -> _Course:
    count = len(roots)
    is_fringe = random.random(count) < flow.fringe_share(roots.head_m)
    drift = [flow.smooth_noise(roots.head_m, 0.018, random) for _ in range(3)]
    wander = groom.messy * (np.stack(drift, -1) + 0.35 * random.normal(0.0, 1.0, (count, 3)))
    opening = np.radians(groom.open_deg) + 0.12 * flow.smooth_noise(roots.head_m, 0.02, random)
    stray = MM * min(groom.thickness_mm, _FLYAWAY_MM) * is_wild * random.gamma(2.0, 0.4, count)
    return _Course(
        side=flow.sides(groom, roots.head_m, random),
        is_fringe=is_fringe & (groom.fringe_mm > 0.0),
        opening_rad=np.where(is_fringe & (groom.fringe_mm > 0.0), 0.0, opening),
        wander=wander,
        layer_m=MM * groom.thickness_mm * random.random(count) ** 0.7 + stray,
        step_m=step_m,
    )


def _grow(
    groom: Groom, sitter: Sitter, solid: Solid, roots: _Roots, random: np.random.Generator
) -> Strands:
    """Strands from all roots, dressed."""
    length = _lengths(groom, roots, random)
    longest = float(np.percentile(length, 90)) if len(length) else 0.0
    steps = int(np.clip(longest / _STEP_M, _FEWEST_STEPS, _MOST_STEPS))
    is_wild = random.random(len(roots)) < groom.flyaway
    course = _course(groom, roots, length / steps, is_wild, random)
    points = np.empty((steps + 1, len(roots), 3))
    points[0] = roots.world_m
    start = flow.flow(groom, roots.head_m, course.side, course.is_fringe) + course.wander
    along = unit(flow.tangent(sitter.turned(start), roots.normal))
    along = unit(along + groom.lift * roots.normal)
    for k in range(1, steps + 1):
        head = sitter.to_head(points[k - 1])
        along = _turned(groom, sitter, roots, course, along, head, k)
        moved = points[k - 1] + course.step_m[:, None] * along
        if groom.gather_m is not None:
            moved = drawn_in(groom, moved, k / steps, sitter, course.layer_m)
        rise = 1.0 - np.exp(-k * course.step_m / (0.004 + 0.5 * MM * groom.thickness_mm))
        clear = SKIN_GAP_M + course.layer_m * rise
        # On shoulders it lies flatter than on the head.
        clear = np.where(head[:, 2] < _SHOULDERS_Z_M, 0.35 * clear + 0.002, clear)
        points[k] = solid.kept_between(moved, clear, clear + flow.slack(groom, head))
        along = unit(points[k] - points[k - 1])
    return dressed(groom, np.swapaxes(points, 0, 1), length, is_wild, solid, random)


def _turned(
    groom: Groom, sitter: Sitter, roots: _Roots, course: _Course, along: Points, head_m: Points,
    step: int,
) -> Points:  # fmt: skip
    """Unit directions (C, 3) of the next step from places (C, 3) of the head frame."""
    way = step * course.step_m
    pull = flow.flow(groom, head_m, course.side, course.is_fringe) + course.wander
    weight = groom.gravity * smooth_step(0.004, 0.05, way)
    if max(groom.top_mm, groom.side_mm) > _HANGING_MM and groom.gather_m is None:
        # Once over the crown's curve, hair hangs wherever its weight draws it.
        pull = pull * smooth_step(0.0, 0.07, head_m[:, 2])[:, None]
        pull = sitter.turned(pull + flow.aside(head_m, course.side, course.opening_rad))
        pull = pull + flow.fall(groom, head_m, roots.head_m)
        weight = weight + 0.8 * smooth_step(0.07, -0.01, head_m[:, 2])
    else:
        pull = sitter.turned(pull)
    lift = 0.6 * groom.lift * np.exp(-way / (MM * groom.thickness_mm + 0.004))
    kept = groom.stiffness * along + (1.0 - groom.stiffness) * pull
    return unit(kept + weight[:, None] * _DOWN + lift[:, None] * roots.normal)
