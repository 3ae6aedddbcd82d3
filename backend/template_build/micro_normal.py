"""Numbers only in, the tile of skin's micro relief out: `assets/micro_normal.png`.

Skin is crossed by long furrows in two directions, finer ones part the fields between them, and
pores open where furrows meet. All is laid out on a torus, so that the tile has no border.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.micro_relief import MICRO_NORMAL, TILE_M
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ..imaging.band_noise import band_response, periodic_noise
from ..imaging.image_files import pixels_8bit, write_png
from ..imaging.normal_map import normals_from_slopes

SIDE_PX = 512  # the finest furrows are then some five texels wide
TEXEL_UM = TILE_M * 1e6 / SIDE_PX
_SEED = 3  # of everything: another one is another tile
_PATCH_PX = 16  # beyond it a pore ends


@dataclass(frozen=True)
class MicroRelief:
    """Sizes of the relief in micrometres; directions in degrees from the tile's horizontal."""

    line_directions_deg: tuple[float, ...] = (38.0, -47.0)
    line_spread_deg: float = 24.0
    line_spacing_um: float = 700.0
    line_depth_um: float = 28.0
    line_width_um: float = 52.0  # standard deviation of a furrow's profile
    cell_um: float = 460.0
    cell_depth_um: float = 26.0
    cell_width_um: float = 42.0
    pore_apart_um: float = 600.0  # no two are nearer
    pore_radius_um: tuple[float, float] = (50.0, 125.0)  # where half its depth is left
    pore_depth_um: tuple[float, float] = (34.0, 66.0)
    pore_to_furrow_um: float = 170.0  # how far a pore is drawn to the deepest place
    grain_um: float = 1.5  # standard deviation
    roundness_um: float = 26.0  # skin has no edges: what is smaller is smoothed


def build_micro_normal(out: Path = MICRO_NORMAL) -> Path:
    """Write the tile (512, 512, 3) to `out` (PNG, 8 bit, OpenGL: +Y up), which is returned.

    The same pixels every time.
    """
    write_png(out, pixels_8bit(0.5 + 0.5 * normals(micro_height_um())), compression=9)
    return out


def micro_height_um(relief: MicroRelief | None = None) -> FloatArray:
    """Height (512, 512) in micrometres of a periodic piece of skin, top row first."""
    relief = relief or MicroRelief()
    random = np.random.default_rng(_SEED)
    furrows = _lines_um(relief, random)
    furrows = furrows + _cells_um(relief, random) * (1.0 - furrows / (2.0 * relief.line_depth_um))
    pores = _pores_um(relief, furrows, random)
    grain = relief.grain_um * _noise(random, 150.0, 400.0)
    depth = np.maximum(furrows, pores) + 0.3 * np.minimum(furrows, pores)
    return gaussian_filter(grain - depth, relief.roundness_um / TEXEL_UM, mode="wrap")


def normals(height_um: FloatArray) -> FloatArray:
    """Unit normals (H, W, 3), x right and y up, of a periodic height (H, W), top row first."""
    right = (np.roll(height_um, -1, 1) - np.roll(height_um, 1, 1)) / (2.0 * TEXEL_UM)
    up = (np.roll(height_um, 1, 0) - np.roll(height_um, -1, 0)) / (2.0 * TEXEL_UM)
    return normals_from_slopes(right, up)


def _lines_um(relief: MicroRelief, random: np.random.Generator) -> FloatArray:
    """Depth of the long furrows: where noise that only waves across a direction crosses zero."""
    depth = np.zeros((SIDE_PX, SIDE_PX))
    for direction in relief.line_directions_deg:
        # Two zero crossings a wave.
        wave = 2.0 * relief.line_spacing_um
        field = _noise(random, 0.7 * wave, 1.4 * wave, direction, relief.line_spread_deg)
        slope = np.hypot(*((np.roll(field, -1, a) - np.roll(field, 1, a)) / 2.0 for a in (0, 1)))
        # Where two lines would run into one another the field is flat: both fade out.
        typical = np.sqrt((slope**2).mean())
        distance_um = TEXEL_UM * np.abs(field) / np.hypot(slope, 0.25 * typical)
        strength = np.clip(0.55 + 0.4 * _noise(random, 900.0, 3500.0), 0.0, 1.0)
        furrow = relief.line_depth_um * strength * _profile(distance_um, relief.line_width_um)
        depth = np.maximum(depth, furrow) + 0.3 * np.minimum(depth, furrow)
    return depth


def _cells_um(relief: MicroRelief, random: np.random.Generator) -> FloatArray:
    """Depth of the fine furrows: borders of a periodic Voronoi diagram."""
    cells = round(TILE_M * 1e6 / relief.cell_um)
    place = np.stack(np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij"), axis=-1)
    points = (place + 0.5 + random.uniform(-0.42, 0.42, place.shape)).reshape(-1, 2)
    points = points * (SIDE_PX / cells) % SIDE_PX
    shift = np.stack([4.0 * _noise(random, 600.0, 2000.0) for _ in "xy"], axis=-1)
    texels = (np.indices((SIDE_PX, SIDE_PX)).transpose(1, 2, 0) + shift) % SIDE_PX
    distance, nearest = cKDTree(points, boxsize=SIDE_PX).query(texels.reshape(-1, 2), k=2)
    # Squared distances to two points differ by twice their gap times the way to their border.
    gap = np.linalg.norm(_wrap_px(points[nearest[:, 0]] - points[nearest[:, 1]]), axis=-1)
    border_um = TEXEL_UM * (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2.0 * gap)
    strength = np.clip(0.8 + 0.3 * _noise(random, 500.0, 3000.0), 0.1, 1.0)
    profile = _profile(border_um, relief.cell_width_um).reshape(SIDE_PX, SIDE_PX)
    return relief.cell_depth_um * strength * profile


def _pores_um(
    relief: MicroRelief, furrows_um: FloatArray, random: np.random.Generator
) -> FloatArray:
    """Depth of round pits, near where furrows meet."""
    blurred_furrows = gaussian_filter(furrows_um, 2.5, mode="wrap")
    depth = np.zeros((SIDE_PX, SIDE_PX))
    for point in _scatter_points(relief.pore_apart_um / TEXEL_UM, random):
        patch, away_um = _surroundings(point)
        drawn = np.linalg.norm(away_um, axis=-1) < relief.pore_to_furrow_um
        deepest = np.where(drawn, blurred_furrows[patch], -1.0).argmax()
        patch, away_um = _surroundings(point + away_um.reshape(-1, 2)[deepest] / TEXEL_UM)
        depth[patch] = np.maximum(depth[patch], _pit_um(relief, away_um, random))
    return depth


def _surroundings(middle: FloatArray) -> tuple[tuple[IntArray, ...], FloatArray]:
    """Indices of texels about a place (row, column), and their offsets from it (n, n, 2) in um."""
    steps = np.arange(-_PATCH_PX, _PATCH_PX + 1)
    corner = np.rint(middle).astype(int)
    away = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1) + corner - middle
    rows, columns = (corner[axis] + steps for axis in (0, 1))
    return np.ix_(rows % SIDE_PX, columns % SIDE_PX), TEXEL_UM * away


def _pit_um(relief: MicroRelief, away_um: FloatArray, random: np.random.Generator) -> FloatArray:
    """Depth of a slightly oval pit at places `away_um` (..., 2) from its middle."""
    wide = random.beta(1.6, 2.2)
    radius = np.interp(wide, (0.0, 1.0), relief.pore_radius_um)
    turn, oval = random.uniform(0.0, np.pi), random.uniform(1.0, 1.35)
    along = away_um @ (np.cos(turn), np.sin(turn)) / np.sqrt(oval)
    across = away_um @ (-np.sin(turn), np.cos(turn)) * np.sqrt(oval)
    deep = np.interp(wide + random.normal(0.0, 0.15), (0.0, 1.0), relief.pore_depth_um)
    return deep * 0.5 ** (np.hypot(along, across) / radius) ** 2


def _scatter_points(apart_px: float, random: np.random.Generator) -> FloatArray:
    """Points (n, 2) on the torus, random but none nearer than `apart_px`: thrown like darts."""
    kept = np.empty((0, 2))
    for point in random.uniform(0.0, SIDE_PX, (4000, 2)):
        if np.all(np.linalg.norm(_wrap_px(kept - point), axis=-1) >= apart_px):
            kept = np.vstack([kept, point])
    return kept


def _noise(
    random: np.random.Generator,
    shortest_um: float,
    longest_um: float,
    direction_deg: float | None = None,
    spread_deg: float = 0.0,
) -> FloatArray:
    """Periodic noise (512, 512), mean 0 and deviation 1, of a band of wavelengths.

    With a direction, its waves' crests run along it.
    """
    up, right = (np.fft.fftfreq(SIDE_PX, TEXEL_UM)[:, None], np.fft.rfftfreq(SIDE_PX, TEXEL_UM))
    frequency = np.hypot(up, right)
    band = band_response(frequency, shortest_um, longest_um)
    if direction_deg is not None:
        # Rows count downwards.
        off = np.arctan2(-up, right) - np.radians(direction_deg + 90.0)
        band *= np.exp(-0.5 * (np.sin(off) / np.sin(np.radians(spread_deg))) ** 2)
    return periodic_noise(random, (SIDE_PX, SIDE_PX), band)


def _profile(distance_um: FloatArray, width_um: float) -> FloatArray:
    return np.exp(-0.5 * (distance_um / width_um) ** 2)


def _wrap_px(difference_px: FloatArray) -> FloatArray:
    """The shortest way between two places on the torus."""
    return (difference_px + SIDE_PX / 2) % SIDE_PX - SIDE_PX / 2
