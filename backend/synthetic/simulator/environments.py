"""A generator in; the light of made-up rooms, skies, ring lights and nights out.

All environments of a bank are made at once, from features that each of them has or has not: a
box-shaped room with windows, lamps, a sky with a sun, a ring round the camera, a screen below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch

from ...stages.room_light.visibility import even_directions
from .batch_noise import uniform
from .sphere import DIRECTIONS

# Lights of high, medium and low frequency, as OpenDelight draws its HDRIs.
SOFTNESS_ODDS = (5.0, 3.0, 1.0)
# How often a room, outdoors, a ring light, a night with a screen: where people film themselves, by
# judgement. Rare ones must not be missing, or the networks fail there.
KIND_ODDS = (0.55, 0.28, 0.07, 0.10)
WINDOWS, LAMPS = 3, 4  # of a room, at most
# Linear Rec.709 of black bodies, luminance 1 (kelvin).
WARM, NEUTRAL, COOL = (1.48, 0.92, 0.48), (1.0, 1.0, 1.0), (0.87, 1.01, 1.28)
# The ground's colours, luminance about 1.
STONE, GRASS = (1.1, 1.0, 0.85), (0.95, 1.05, 0.62)
SUN_RADIUS_RAD = 0.005  # a quarter of a degree
# Soft edges of what is drawn into directions that lie 9 degrees apart.
SOFT_EDGE_RAD = 0.10
CORNER_SHADE = 0.45  # share of light that a room's walls lose in its corners


@dataclass(frozen=True, eq=False)
class Environments:
    """E environments, in the frame of a head that looks at the camera: that is towards -Y."""

    radiance: torch.Tensor  # (E, 3, D) float32 linear, without the sun
    sun_direction: torch.Tensor  # (E, 3) unit, towards the sun
    sun_light: torch.Tensor  # (E, 3) irradiance over pi of a surface that faces it; 0: no sun
    sun_radius_rad: torch.Tensor  # (E,) of its disc, which softens its shadows
    with_camera: torch.Tensor  # (E,) bool: a light that is fixed to the camera, whatever moves

    @property
    def main_azimuth_rad(self) -> torch.Tensor:
        """(E,) from where, in the round, most light comes."""
        directions = torch.from_numpy(even_directions(DIRECTIONS)).to(self.radiance.device)
        total = self.radiance.mean(1) @ directions[:, :2] * (4.0 / DIRECTIONS)
        total = total + self.sun_light.mean(1, keepdim=True) * self.sun_direction[:, :2]
        return torch.atan2(total[:, 1], total[:, 0])

    def __len__(self) -> int:
        return len(self.radiance)

    def take(self, index: torch.Tensor) -> Environments:
        """Those of `index` (B,) int64."""
        return Environments(*(part[index] for part in _fields(self)))

    def to(self, device: torch.device) -> Environments:
        return Environments(*(part.to(device) for part in _fields(self)))


def concatenate(banks: Sequence[Environments]) -> Environments:
    """One bank of several."""
    return Environments(*map(torch.cat, zip(*map(_fields, banks), strict=True)))


def draw_environments(generator: torch.Generator, count: int) -> Environments:
    """`count` environments on the generator's device, of mean radiance 1 and of any contrast."""
    draw = _Draw(generator, count)
    softness = draw.choice(SOFTNESS_ODDS).float()  # 0: high, 1: medium, 2: low frequencies
    kind = draw.choice(KIND_ODDS)
    room, sky, ring, night = (_kind_mask(kind == index) for index in range(len(KIND_ODDS)))
    radiance = room * _room(draw, softness) + sky * _sky(draw, softness)
    radiance = radiance + ring * _ring(draw) + night * _night(draw)
    level = radiance.mean((1, 2), keepdim=True)
    has_sun = (kind == 1) & (softness < 2.0) & (draw.between(0.0, 1.0) < 0.75)
    lamp = (kind == 0) & (softness < 1.0) & (draw.between(0.0, 1.0) < 0.5)
    # A bare bulb or spot casts as sharp a shadow as the sun does, if from a larger disc.
    light = torch.where(lamp, draw.log_between(0.2, 1.2), draw.log_between(0.3, 3.0))
    warm = draw.between(0.0, 1.0)[:, None]
    sunlight = torch.where(
        lamp[:, None],
        draw.white(),
        _mix(draw.repeat(NEUTRAL), draw.repeat((1.5, 0.95, 0.5)), warm * warm),
    )
    low = torch.where(lamp, torch.full_like(light, 0.2), torch.full_like(light, 0.05))
    return Environments(
        radiance=radiance / level,
        sun_direction=draw.direction(low, torch.full_like(low, 0.95)),
        sun_light=sunlight * (light * (has_sun | lamp))[:, None],
        sun_radius_rad=torch.where(
            lamp, draw.between(0.01, 0.06), torch.full_like(light, SUN_RADIUS_RAD)
        ),
        with_camera=kind == 2,
    )


@dataclass(frozen=True, eq=False)
class _Draw:
    """Random values of E = `count` environments."""

    generator: torch.Generator
    count: int

    @property
    def directions(self) -> torch.Tensor:
        """(1, D, 3)"""
        return torch.from_numpy(even_directions(DIRECTIONS)).to(self.generator.device)[None]

    def between(self, low: float, high: float) -> torch.Tensor:
        """(E,) evenly."""
        return uniform(self.generator, (self.count,), low, high)

    def log_between(self, low: float, high: float) -> torch.Tensor:
        """(E,) evenly by the logarithm."""
        return low * (high / low) ** self.between(0.0, 1.0)

    def choice(self, weights: Sequence[float]) -> torch.Tensor:
        """(E,) int64 index into `weights`, drawn by them."""
        limits = torch.tensor(weights, device=self.generator.device).cumsum(0)
        return torch.bucketize(self.between(0.0, 1.0) * limits[-1], limits[:-1])

    def repeat(self, colour: tuple[float, float, float]) -> torch.Tensor:
        """(E, 3) the same linear colour for all."""
        return torch.tensor(colour, device=self.generator.device).expand(self.count, 3)

    def white(self) -> torch.Tensor:
        """(E, 3) a lamp's colour, from warm to cool; most are near neutral."""
        bend = self.between(-1.0, 1.0)[:, None]
        bend = bend * bend.abs().sqrt()
        warm, cool = bend.clamp(min=0.0), (-bend).clamp(min=0.0)
        return _mix(_mix(self.repeat(NEUTRAL), self.repeat(WARM), warm), self.repeat(COOL), cool)

    def direction(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """(E, 3) unit; its height's sine evenly between `low` and `high` (E,)."""
        height = low + (high - low) * self.between(0.0, 1.0)
        azimuth = self.between(-pi, pi)
        ring = (1.0 - height * height).sqrt()
        return torch.stack([ring * azimuth.cos(), ring * azimuth.sin(), height], 1)


def _room(draw: _Draw, softness: torch.Tensor) -> torch.Tensor:
    """(E, 3, D): walls, floor, ceiling, windows and lamps, seen from somewhere in the room."""
    half = torch.stack([draw.between(1.2, 4.0), draw.between(1.2, 4.0), draw.between(1.1, 1.6)], 1)
    position = half * torch.stack(
        [draw.between(-0.7, 0.7), draw.between(-0.7, 0.7), draw.between(-0.1, 0.4)], 1
    )
    ray = draw.directions.expand(draw.count, -1, -1)
    ray = torch.where(ray.abs() < 1e-4, torch.full_like(ray, 1e-4), ray)
    # Where each ray leaves the box: (E, D, 3) distances to the walls ahead.
    distance = (ray.sign() * half[:, None] - position[:, None]) / ray
    reach, axis = distance.min(2)
    hit_point = position[:, None] + reach[..., None] * ray
    wall = axis * 2 + (torch.gather(ray, 2, axis[..., None])[..., 0] > 0.0)  # (E, D) 0 to 5
    paint = torch.stack(
        [draw.between(0.35, 0.85)[:, None] * draw.white() ** 0.5 for _ in range(6)], 1
    )
    paint = paint * torch.tensor([1.0, 1.0, 1.0, 1.0, 0.45, 1.2], device=paint.device)[:, None]
    radiance = torch.gather(paint, 1, wall[..., None].expand(-1, -1, 3))
    # Light falls off towards the corners, where all three shares of the way are 1.
    cornered = (hit_point / half[:, None]).abs().prod(2, keepdim=True)
    radiance = radiance * (1.0 - CORNER_SHADE * cornered)
    for number in range(WINDOWS):
        radiance = radiance + _window(draw, softness, number, half, hit_point, wall)
    for number in range(LAMPS):
        radiance = radiance + _lamp(draw, softness, number)
    return radiance.transpose(1, 2)


def _window(
    draw: _Draw,
    softness: torch.Tensor,
    number: int,
    half: torch.Tensor,
    hit_point: torch.Tensor,
    wall: torch.Tensor,
) -> torch.Tensor:
    """(E, D, 3) daylight through a rectangle in one of the four walls."""
    side = draw.choice((1.0, 1.0, 1.0, 1.0))[:, None]
    along = torch.where(side < 2, hit_point[..., 1], hit_point[..., 0])
    width = torch.where(side[:, 0] < 2, half[:, 1], half[:, 0])
    centre = width * draw.between(-0.6, 0.6)
    across = _soft_inside(
        (along - centre[:, None]).abs(), (width * draw.between(0.15, 0.5))[:, None]
    )
    bottom, top = draw.between(-0.9, 0.0)[:, None], draw.between(0.6, 1.3)[:, None]
    upright = _soft_inside((hit_point[..., 2] - 0.5 * (bottom + top)).abs(), 0.5 * (top - bottom))
    present = (draw.between(0.0, 1.0) < (0.75 if number == 0 else 0.3)).float()
    strength = present * draw.log_between(3.0, 25.0) * 0.6**softness
    colour = _mix(draw.repeat(NEUTRAL), draw.repeat(COOL), draw.between(0.0, 0.8)[:, None])
    share = across * upright * (wall == side).float()
    return share[..., None] * (strength[:, None] * colour)[:, None]


def _lamp(draw: _Draw, softness: torch.Tensor, number: int) -> torch.Tensor:
    """(E, D, 3) a disc of light, mostly above; a wide one where frequencies shall be low."""
    centre = draw.direction(
        torch.full((draw.count,), 0.0, device=softness.device),
        torch.full((draw.count,), 1.0, device=softness.device),
    )
    radius = draw.log_between(0.08, 0.45) * 1.5**softness
    angle = torch.acos((draw.directions * centre[:, None]).sum(2).clamp(-1.0, 1.0))
    present = (draw.between(0.0, 1.0) < (0.8 if number == 0 else 0.35)).float()
    # What a lamp gives does not grow with its size.
    power = present * draw.log_between(0.15, 1.5) / (1.0 - radius.cos())
    share = _soft_inside(angle, radius[:, None], SOFT_EDGE_RAD)
    return share[..., None] * (power[:, None] * draw.white())[:, None]


def _sky(draw: _Draw, softness: torch.Tensor) -> torch.Tensor:
    """(E, 3, D): a sky brighter at the horizon, clouds, the ground, and what stands round about."""
    ray = draw.directions
    height = ray[..., 2]
    blue = draw.between(0.0, 1.0)[:, None] * (1.0 - 0.5 * softness[:, None])
    colour = _mix(draw.repeat(NEUTRAL), draw.repeat((0.55, 0.95, 1.9)), blue.clamp(0.0))
    horizon = _mix(
        draw.repeat(NEUTRAL), draw.repeat((1.15, 1.0, 0.85)), draw.between(0.0, 1.0)[:, None]
    )
    up = height.clamp(min=0.0)[..., None]
    sky = _mix(horizon[:, None], colour[:, None], up.sqrt()) * (1.3 - 0.6 * up)
    soil = _mix(draw.repeat(STONE), draw.repeat(GRASS), draw.between(0.0, 1.0)[:, None] ** 2)
    soil = soil * draw.between(0.1, 0.45)[:, None]
    radiance = torch.where(height[..., None] > 0.0, sky, soil[:, None])
    for _ in range(3):  # houses and trees, which hide the sky up to some height
        centre = draw.between(-pi, pi)[:, None]
        azimuth = torch.atan2(ray[..., 1], ray[..., 0])
        aside = torch.remainder(azimuth - centre + pi, 2.0 * pi) - pi
        share = _soft_inside(aside.abs(), draw.between(0.2, 1.2)[:, None], SOFT_EDGE_RAD)
        share = share * _soft_inside(height.abs(), draw.between(-0.2, 0.8)[:, None], SOFT_EDGE_RAD)
        front = draw.between(0.05, 0.6)[:, None] * draw.white() ** 0.6
        radiance = radiance + share[..., None] * (front[:, None] - radiance)
    return radiance.transpose(1, 2)


def _ring(draw: _Draw) -> torch.Tensor:
    """(E, 3, D): a bright ring round the camera in a dim room."""
    off_centre = torch.acos((-draw.directions[..., 1]).clamp(-1.0, 1.0))
    ring = _soft_inside(
        (off_centre - draw.between(0.15, 0.4)[:, None]).abs(),
        draw.between(0.05, 0.12)[:, None],
        SOFT_EDGE_RAD,
    )
    dim = 0.25 * draw.between(0.2, 1.0)[:, None] * draw.white()
    colour = draw.log_between(3.0, 15.0)[:, None] * draw.white() ** 0.5
    return (dim[:, None] + ring[..., None] * colour[:, None]).transpose(1, 2)


def _night(draw: _Draw) -> torch.Tensor:
    """(E, 3, D): a screen before the face, one lamp, and near darkness."""
    ray = draw.directions
    below = draw.between(-0.7, 0.1)[:, None]
    aside = draw.between(-0.6, 0.6)[:, None]
    screen = _soft_inside(
        (ray[..., 2] - below).abs(), draw.between(0.1, 0.3)[:, None], SOFT_EDGE_RAD
    )
    screen = screen * _soft_inside(
        (ray[..., 0] - aside).abs(), draw.between(0.2, 0.45)[:, None], SOFT_EDGE_RAD
    )
    screen = screen * (ray[..., 1] < 0.0)
    colour = _mix(draw.repeat(COOL), draw.white(), draw.between(0.0, 1.0)[:, None])
    dim = 0.15 * draw.white()
    lamp = _lamp(draw, torch.zeros(draw.count, device=ray.device), 1)
    light = 6.0 * screen[..., None] * colour[:, None] + dim[:, None] + 0.6 * lamp
    return light.transpose(1, 2)


def _soft_inside(distance: torch.Tensor, reach: torch.Tensor, edge: float = 0.25) -> torch.Tensor:
    """1 well within `reach`, 0 well beyond, over `edge`."""
    return ((reach - distance) / edge + 0.5).clamp(0.0, 1.0)


def _mix(first: torch.Tensor, second: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    return first + share * (second - first)


def _kind_mask(condition: torch.Tensor) -> torch.Tensor:
    return condition.float()[:, None, None]


def _fields(environments: Environments) -> tuple[torch.Tensor, ...]:
    return (
        environments.radiance,
        environments.sun_direction,
        environments.sun_light,
        environments.sun_radius_rad,
        environments.with_camera,
    )
