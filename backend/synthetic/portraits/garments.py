"""A posed person in; skin of the shoulders and what is worn on them and round the neck, out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...imaging.image_files import pixels_8bit, srgb_from_linear
from ...imaging.smooth_step import smooth_step
from .shell import Shell, cloth_of_grid, ripple, tube
from .sitter import BODY_ROWS, RING, Sitter, ring_angles, ring_at
from .skins import Skin
from .solid import Points, Solid

Texture = NDArray[np.uint8]

GARMENT_WEIGHTS = {
    "t_shirt": 18, "v_neck": 11, "open_shirt": 13, "closed_shirt": 7, "high_collar": 8,
    "turtleneck": 10, "hoodie": 11, "wide": 10, "off_shoulder": 5, "tank": 7,
}  # fmt: skip
_ROWS, _HOOD_RINGS = 40, 60
_LEAST_OFFSET_M = 0.0035  # the finer skin below must not come through
_UP = np.array([0.0, 0.0, 1.0])


def body_shell(sitter: Sitter, skin: Skin) -> Shell:
    """Bare shoulders and chest, from the neck's own colour on."""
    rows = np.linspace(0.0, BODY_ROWS, _ROWS)
    grid = sitter.body(np.repeat(rows[:, None], RING, 1))
    fade = np.linspace(0.0, 1.0, 64)[:, None, None] ** 0.5
    neck, chest = skin.neck_linear, np.array(skin.mean_linear, np.float32)
    picture = srgb_from_linear(neck + 0.5 * fade * (chest - neck))
    shell = cloth_of_grid(
        "body", grid, pixels_8bit(np.repeat(picture, 8, axis=1)), 1.0, label="skin",
        finish="skin", roughness=0.5,
    )  # fmt: skip
    down = np.repeat(np.linspace(0.98, 0.02, _ROWS), RING)
    return replace(shell, uv=np.stack([np.full(len(down), 0.5), down], -1))


def garment(
    kind: str, sitter: Sitter, texture: Texture, random: np.random.Generator
) -> list[Shell]:
    """The shells of a garment of GARMENT_WEIGHTS."""
    repeat = float(random.uniform(0.06, 0.25))
    grids = [_shirt(kind, sitter, random)]
    if kind in ("turtleneck", "high_collar"):
        grids.append(_neck_tube(kind, sitter, random))
    if kind == "hoodie":
        grids.append(_hood_behind(sitter, random))
    shells = [
        cloth_of_grid(f"garment{number}", grid, texture, repeat)
        for number, grid in enumerate(grids)
    ]
    if kind in ("open_shirt", "closed_shirt"):
        collar = _collar(kind, sitter, random)
        shells.append(cloth_of_grid("collar", collar, texture, repeat, closed=False))
    return shells


def scarf(sitter: Sitter, texture: Texture, random: np.random.Generator) -> list[Shell]:
    """One or two rolls of cloth round the neck."""
    repeat = float(random.uniform(0.06, 0.2))
    rolls = [
        _roll(sitter, height, random) for height in (0.005, 0.037)[: int(random.integers(1, 3))]
    ]
    return [
        cloth_of_grid(f"scarf{number}", roll, texture, repeat) for number, roll in enumerate(rolls)
    ]


def _roll(sitter: Sitter, height_m: float, random: np.random.Generator) -> Points:
    """(rings, sides, 3) a roll with folds, `height_m` above the neck's edge, that sags in front."""
    thick = float(random.uniform(0.016, 0.028))
    path = sitter.solid.laid_on(sitter.neck_ring_m + height_m * _UP, 0.55 * thick)
    sag = 0.022 * smooth_step(1.2, 0.0, np.abs(ring_angles()))
    path = _smoothed(path - sag[:, None] * np.array([0.0, 0.6, 1.0]))
    uneven = 1.0 + 0.15 * ripple((1, RING), (0.0, 4.0), random)[0]
    rings = tube(path, thick * uneven, 24, closed=True)
    folds = 1.0 + 0.10 * ripple((24, RING), (2.5, 3.0), random).T
    folds = np.concatenate([folds, folds[:1]])[..., None]
    middle = rings.mean(1, keepdims=True)
    return middle + folds * (rings - middle)


def _neckline(kind: str, random: np.random.Generator) -> NDArray[np.float64]:
    """(RING,) body rows at which a garment begins; the front is at angle 0."""
    angle = ring_angles()
    front, wide = np.maximum(np.cos(angle), 0.0), np.abs(np.sin(angle))
    if kind == "v_neck":
        return 0.45 + random.uniform(1.6, 3.2) * np.clip(1.0 - np.abs(angle) / 0.85, 0.0, 1.0)
    if kind == "open_shirt":
        return 0.15 + random.uniform(1.2, 3.0) * np.clip(1.0 - np.abs(angle) / 0.4, 0.0, 1.0)
    if kind == "wide":
        return random.uniform(0.8, 1.5) + 0.9 * front**2 + 0.3 * wide
    if kind == "off_shoulder":
        return 3.0 + 0.3 * front - 0.2 * wide
    if kind == "tank":
        beside = np.abs(np.abs(angle) - random.uniform(0.75, 0.95))
        strap, back = smooth_step(0.35, 0.15, beside), smooth_step(2.0, 2.4, np.abs(angle))
        low = random.uniform(2.2, 3.1)
        return low - (low - 0.5) * np.maximum(strap, 0.8 * back)
    if kind in ("turtleneck", "high_collar", "closed_shirt"):
        return np.zeros(RING)
    return random.uniform(0.25, 0.55) + random.uniform(0.1, 0.7) * front**2


def _shirt(kind: str, sitter: Sitter, random: np.random.Generator) -> Points:
    """(rows, RING, 3) from the neckline down."""
    start = _neckline(kind, random)
    down = np.linspace(0.0, 1.0, _ROWS)[:, None]
    base = sitter.body(start + down * (BODY_ROWS - start))
    folds = ripple((_ROWS, RING), (1.5, 4.0), random) * smooth_step(0.0, 0.3, down)
    offset = random.uniform(0.004, 0.012) + 0.003 * folds + 0.008 * down
    offset = np.maximum(offset, _LEAST_OFFSET_M)
    offset[0] = -0.001  # the hem turns in and touches the skin
    offset[1] *= 0.8
    grid = base + offset[..., None] * _outward(base)
    if kind in ("turtleneck", "high_collar", "closed_shirt", "open_shirt"):
        # Below a collar it runs on, so that no skin shows between the two.
        above = sitter.solid.laid_on(sitter.neck_ring_m + 0.010 * _UP, 0.003)
        grid[0] = np.where((start > 0.3)[:, None], grid[0], above)
    return grid


def _outward(grid_m: Points) -> Points:
    """Unit normals (R, C, 3) of rows of rings that run down."""
    down = np.gradient(grid_m, axis=0)
    across = np.roll(grid_m, -1, axis=1) - np.roll(grid_m, 1, axis=1)
    normal = np.cross(down, across)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)


def _neck_tube(kind: str, sitter: Sitter, random: np.random.Generator) -> Points:
    """(rows, RING, 3) a collar that hugs the neck; a turtleneck folds over at its top."""
    is_turtle = kind == "turtleneck"
    tall = random.uniform(0.045, 0.075) if is_turtle else random.uniform(0.025, 0.06)
    snug = random.uniform(0.003, 0.006) if is_turtle else random.uniform(0.006, 0.016)
    # (height as a share, out in metres): up inside, and down again outside.
    profile = [(0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.75, 0.0), (0.95, 0.0), (1.0, 0.0015),
               (0.97, 0.004), (0.8, 0.0055), (0.5, 0.006), (0.25, 0.0055)]  # fmt: skip
    along_neck = np.array([0.0, 0.15, 1.0])
    # It starts below the shirt's edge, outside of it.
    base = sitter.body(np.repeat(np.array([[0.34], [0.35], [0.36]]), RING, 1))
    rows = [(base + 0.014 * _outward(base))[1]]
    for share, away in profile if is_turtle else profile[:7]:
        ring = sitter.neck_ring_m + share * tall * along_neck
        rows.append(_smoothed(sitter.solid.laid_on(ring, snug + away)))
    # What is folded over runs up inside and down outside: its outside looks out already.
    grid = np.stack(rows if is_turtle else rows[::-1])
    folds = 0.0012 * ripple((len(rows), RING), (1.0, 5.0), random)
    return grid + folds[..., None] * _outward(grid)


def _collar(kind: str, sitter: Sitter, random: np.random.Generator) -> Points:
    """(rows, columns, 3) a shirt's collar: it stands round the back, folds over, and ends in two
    points in front."""
    is_open = kind == "open_shirt"
    gap = random.uniform(0.25, 0.6) if is_open else random.uniform(0.04, 0.1)
    angle = ring_angles()
    stand, fall = random.uniform(0.022, 0.034), random.uniform(0.012, 0.03)
    points = 0.03 * smooth_step(gap + 0.7, gap, np.abs(angle))
    spread = (0.006 if is_open else 0.002) * smooth_step(1.2, 0.0, np.abs(angle))
    rows = []
    # (height: a share of the stand, below 0 of the fall; out in metres; share of the points)
    for share, away, pointed in (
        (0.0, 0.004, 0.0), (0.5, 0.005, 0.0), (0.95, 0.006, 0.0), (1.0, 0.009, 0.0),
        (0.95, 0.012, 0.0), (0.5, 0.017, 0.35), (0.0, 0.021, 0.7), (-0.6, 0.024, 1.1),
    ):  # fmt: skip
        height = share * (stand if share >= 0.0 else fall) - pointed * points
        laid = sitter.solid.laid_on(sitter.neck_ring_m + height[:, None] * _UP, away + spread)
        rows.append(_smoothed(laid))
    # From one point round the back to the other.
    behind = np.flatnonzero(np.abs(angle) > gap)
    order = behind[np.argsort(angle[behind] % (2.0 * np.pi))]
    return np.stack(rows)[:, order]


def _hood_behind(sitter: Sitter, random: np.random.Generator) -> Points:
    """(rings, sides, 3) a hood that lies round the back of the neck."""
    angle = np.linspace(0.55, 2.0 * np.pi - 0.55, _HOOD_RINGS)
    ring = ring_at(angle, ring_angles(), sitter.neck_ring_m)
    behind = smooth_step(0.4, 2.6, np.minimum(angle, 2.0 * np.pi - angle))
    thick = 0.011 + random.uniform(0.018, 0.034) * behind
    path = Solid.of(sitter.body_mesh).pushed_out(ring, 0.6 * thick) + (0.3 * thick)[:, None] * _UP
    path = path + (0.022 * behind)[:, None] * np.array([0.0, 1.0, 0.0])
    uneven = 1.0 + 0.08 * ripple((1, _HOOD_RINGS), (0.0, 3.0), random)[0]
    return tube(path, thick * uneven, 20)


def _smoothed(ring_m: Points) -> Points:
    """A closed line without the steps that a coarse mesh leaves in it."""
    for _ in range(3):
        ring_m = 0.5 * ring_m + 0.25 * (np.roll(ring_m, 1, 0) + np.roll(ring_m, -1, 0))
    return ring_m
