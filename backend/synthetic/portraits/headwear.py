"""A posed person in; hats, hoods and scarves on the head out, all of them cloth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...imaging.smooth_step import smooth_step
from .flow import tangent, unit
from .shell import Shell, cloth_of_grid, ripple, tube
from .sitter import Sitter
from .solid import Points

Texture = NDArray[np.uint8]

HAT_WEIGHTS = {
    "none": 78, "beanie": 5, "cap": 4, "hood_up": 4, "headscarf": 5, "towel": 2, "brimmed": 2,
}  # fmt: skip
_ROWS, _COLUMNS = 22, 64
_MIDDLE_M = np.array([0.0, 0.0, 0.025])  # head frame: from where directions are counted


def headwear(
    kind: str, sitter: Sitter, texture: Texture, random: np.random.Generator
) -> list[Shell]:
    """The shells of a hat of HAT_WEIGHTS but "none", in world space."""
    repeat = float(random.uniform(0.05, 0.2))
    parts = _wrapped_head(kind, sitter, random) or _hat(kind, sitter, random)
    return [
        cloth_of_grid(f"hat{number}", sitter.to_world(part), texture, repeat)
        for number, part in enumerate(parts)
    ]


def _hat(kind: str, sitter: Sitter, random: np.random.Generator) -> list[Points]:
    """Grids (rows, columns, 3) of what sits on the crown, head frame."""
    if kind == "beanie":
        axis = _axis(0.35)
        dome = _dome(sitter, axis, _rim(random.uniform(84.0, 97.0)), 0.012, random)
        loose = random.uniform(0.0, 0.03) * smooth_step(0.5, 0.0, np.linspace(0.0, 1.0, _ROWS))
        return [dome + loose[:, None, None] * axis, _band(dome, 5, 0.005)]
    axis, gap = _axis(0.2), random.uniform(0.007, 0.016)
    dome = _dome(sitter, axis, _rim(random.uniform(78.0, 88.0)), gap, random)
    if kind == "cap":
        return [dome, _peak(dome, bool(random.random() < 0.2), random)]
    return [dome, _round_brim(dome, random)]


def _wrapped_head(kind: str, sitter: Sitter, random: np.random.Generator) -> list[Points]:
    """Grids of a towel, a headscarf or a hood; none for hats."""
    if kind == "towel":
        axis, rim = _axis(0.45), _rim(random.uniform(84.0, 96.0))
        dome = _dome(sitter, axis, rim, random.uniform(0.016, 0.026), random, 0.004)
        roll = _roll(dome, float(random.uniform(0.012, 0.02)), random)
        return [dome + _knot(random) * axis, roll]
    if kind not in ("headscarf", "hood_up"):
        return []
    # The pole lies behind: what is left open is the face.
    rim = _rim(random.uniform(126.0, 138.0), random.uniform(-4.0, 3.0))
    if kind == "headscarf":
        gap = random.uniform(0.006, 0.010)
        return [_dome(sitter, _axis(5.0), rim, gap, random, 0.0015, over_ears=True)]
    gap = random.uniform(0.014, 0.03)
    dome = _dome(sitter, _axis(5.0), rim, gap, random, 0.003, over_ears=True)
    return [dome, _roll(dome, 0.006, random)]


def _axis(back: float) -> Points:
    """The hat's pole in the head frame: up, and so much back."""
    return unit(np.array([0.0, back, 1.0]))


def _rim(angle_deg: float, front_deg: float = 0.0) -> NDArray[np.float64]:
    """(columns,) how far from the pole a hat reaches, and how much farther in front; radians."""
    return np.radians(angle_deg + front_deg * np.cos(_around()))


def _around() -> NDArray[np.float64]:
    """(columns,) angles about a hat's pole; the front is at 0."""
    return np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)


def _dome(
    sitter: Sitter, axis: Points, rim_rad: NDArray, gap_m: float, random: np.random.Generator,
    folds_m: float = 0.001, over_ears: bool = False,
) -> Points:  # fmt: skip
    """(rows, columns, 3) in the head frame from the pole to the rim, `gap_m` outside the head."""
    front = unit(tangent(np.array([0.0, -1.0, 0.0]), axis))
    side = np.cross(axis, front)  # to the subject's right, then round
    away = np.linspace(0.02, 1.0, _ROWS)[:, None] * rim_rad
    around = _around()
    ring = np.cos(around)[:, None] * front + np.sin(around)[:, None] * side
    direction = np.cos(away)[..., None] * axis + np.sin(away)[..., None] * ring
    radius = _reach(sitter, direction.reshape(-1, 3), over_ears).reshape(away.shape)
    for _ in range(4):  # cloth bridges hollows
        padded = np.pad(radius, ((1, 1), (0, 0)), mode="edge")
        mean = 0.25 * (np.roll(radius, 1, 1) + np.roll(radius, -1, 1) + padded[:-2] + padded[2:])
        radius = np.maximum(0.5 * (radius + mean), radius - 0.002)
    radius = radius + gap_m + folds_m * ripple((_ROWS, _COLUMNS), (1.5, 4.0), random)
    return _MIDDLE_M + radius[..., None] * direction


def _reach(sitter: Sitter, directions: Points, over_ears: bool) -> NDArray[np.float64]:
    """(n,) how far the skin reaches from `_MIDDLE_M` in these directions, nose and lips not."""
    template = sitter.template
    used = np.unique(sitter.skin_faces)
    hidden = template.region("nose") + template.region("lips")
    if not over_ears:
        hidden = hidden + template.region("ears_L") + template.region("ears_R")
    used = used[hidden[used] < 0.2]
    arm = sitter.to_head(sitter.vertices_m[used]) - _MIDDLE_M
    length = np.linalg.norm(arm, axis=1)
    outer = length > 0.05
    tree = cKDTree(arm[outer] / length[outer, None])
    _, nearest = tree.query(directions, k=6)
    return length[outer][nearest].max(1)


def _band(grid_m: Points, rows: int, out_m: float) -> Points:
    """The lowest rows once more, turned up outside."""
    low = grid_m[-rows:]
    lifted = low + out_m * unit(low - _MIDDLE_M)
    return np.concatenate([low[:1], lifted, low[-1:]])


def _peak(grid_m: Points, backward: bool, random: np.random.Generator) -> Points:
    """(rows, columns, 3) a peak before the rim, as a thin closed sheet."""
    rim = grid_m[-1]
    around = _around() + (np.pi if backward else 0.0)
    ahead = np.array([0.0, 1.0 if backward else -1.0, 0.0])
    share = np.maximum(np.cos(around), 0.0) ** 0.6 * smooth_step(
        1.25, 0.9, np.abs(_wrapped(around))
    )
    long, dip = random.uniform(0.055, 0.08), random.uniform(0.1, 0.5)
    edge = rim + (long * share)[:, None] * (ahead - dip * np.array([0.0, 0.0, 1.0]))
    edge[:, 2] -= 6.0 * rim[:, 0] ** 2 * share * random.uniform(0.2, 0.8)
    middle = 0.5 * (rim + edge) + np.array([0.0, 0.0, 0.004])
    thin = np.array([0.0, 0.0, 0.002])
    return np.stack([rim + thin, middle + thin, edge, middle - thin, rim - thin])


def _wrapped(angle: NDArray) -> NDArray:
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def _round_brim(grid_m: Points, random: np.random.Generator) -> Points:
    rim = grid_m[-1]
    outward = (rim - rim.mean(0)) * np.array([1.0, 1.0, 0.0])
    outward = unit(outward)
    long, dip = random.uniform(0.04, 0.09), random.uniform(-0.1, 0.5)
    steps = np.linspace(0.0, 1.0, 6)[:, None, None]
    top = rim + steps * long * (outward - dip * steps * np.array([0.0, 0.0, 1.0]))
    return np.concatenate([top + np.array([0.0, 0.0, 0.002]), top[::-1]])


def _roll(grid_m: Points, thick_m: float, random: np.random.Generator) -> Points:
    """A roll of cloth along the rim."""
    uneven = 1.0 + 0.15 * ripple((1, _COLUMNS), (0.0, 4.0), random)[0]
    return tube(grid_m[-1], thick_m * uneven, 14, closed=True)


def _knot(random: np.random.Generator) -> NDArray[np.float64]:
    """(rows, 1, 1) how far a towel's knot stands up, in metres."""
    down = np.linspace(0.0, 1.0, _ROWS)[:, None, None]
    return random.uniform(0.03, 0.08) * smooth_step(0.55, 0.0, down)
