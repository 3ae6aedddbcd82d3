"""Traits in; camera, light, lamps and wall of a portrait out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .flow import unit
from .panoramas import Panorama
from .settings import USUAL_WIDTH_PX
from .shell import Shell, cloth_of_grid
from .sitter import Sitter
from .solid import Points
from .traits import Traits

_WALL_M = 2.4  # half its side
_UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class View:
    """Where the phone is."""

    world_from_camera: NDArray[np.float64]  # (4, 4) Blender's camera
    size_px: tuple[int, int]
    focal_px: float
    direction: Points  # (3,) unit, from the head to the camera

    def spec(self) -> dict[str, Any]:
        return {
            "size_px": list(self.size_px),
            "focal_px": self.focal_px,
            "world_from_camera": self.world_from_camera.tolist(),
        }


def draw_view(
    traits: Traits, yaw_deg: float, pitch_deg: float, sitter: Sitter, size_px: tuple[int, int]
) -> View:
    """A phone's camera that sees the shoulders from there; mostly crown to upper chest."""
    random = traits.random("view")
    distance = float(np.exp(random.uniform(np.log(0.34), np.log(0.8))))
    m_per_px = 0.001 * float(random.uniform(0.8, 1.2)) * USUAL_WIDTH_PX / size_px[0]
    back = _direction(np.radians(yaw_deg), np.radians(pitch_deg))
    right = unit(np.cross(_UP, back))
    up = np.cross(back, right)
    closely = 2.2 if random.random() < 0.2 else 1.0  # then the picture's border cuts more off
    aim = sitter.to_world(np.array([0.0, -0.02, 0.0]))
    aim = aim + random.normal(0.0, 0.02 * closely) * right
    aim = aim + random.normal(-0.055, 0.028 * closely) * _UP
    tilt = np.radians(random.normal(0.0, 4.0))
    matrix = np.eye(4)
    matrix[:3, 0] = np.cos(tilt) * right + np.sin(tilt) * up
    matrix[:3, 1] = np.cos(tilt) * up - np.sin(tilt) * right
    matrix[:3, 2] = back
    matrix[:3, 3] = aim + distance * back
    return View(matrix, size_px, distance / m_per_px, back)


def draw_light(traits: Traits, panoramas: list[Panorama]) -> dict[str, Any]:
    """One of the panoramas, turned anyhow."""
    random = traits.random("light")
    chosen = panoramas[int(random.integers(len(panoramas)))]
    return {
        "hdri": str(chosen.path),
        "rotation_rad": float(random.uniform(0.0, 2.0 * np.pi)),
        "strength": chosen.strength * float(random.uniform(0.4, 1.0)),
    }


def draw_lamps(traits: Traits, view: View) -> list[dict[str, Any]]:
    """Nothing, or one lamp: a key, a low sun, a light from behind."""
    random = traits.random("lamps")
    if random.random() < 0.5:
        return []
    azimuth = np.arctan2(view.direction[0], -view.direction[1]) + random.uniform(-1.4, 1.4)
    if random.random() < 0.35:
        azimuth += np.pi
    distance = random.uniform(0.9, 2.0)
    position = distance * _direction(azimuth, random.uniform(-0.2, 1.1))
    # Gives the face so many times what an even room of radiance 1 does.
    strength = np.exp(random.uniform(np.log(0.4), np.log(4.0)))
    warm = random.normal(0.0, 0.18)
    return [{
        "position_m": position.tolist(),
        "size_m": float(np.exp(random.uniform(np.log(0.04), np.log(0.9)))),
        "power_w": float(strength * np.pi**2 * distance**2),
        "color": np.clip([1.0 + warm, 1.0, 1.0 - warm], 0.4, 1.6).tolist(),
    }]  # fmt: skip


def wall(traits: Traits, view: View, sitter: Sitter, texture: NDArray[np.uint8]) -> Shell:
    """A wall behind the person, not quite parallel to the picture."""
    random = traits.random("wall")
    lean = random.normal(0.0, 0.15)
    facing = unit(view.direction * np.array([1.0, 1.0, 0.3]))
    normal = np.cos(lean) * facing + np.sin(lean) * unit(np.cross(_UP, facing))
    right = unit(np.cross(_UP, normal))
    up = np.cross(normal, right)
    middle = sitter.to_world(np.zeros(3)) - random.uniform(0.3, 1.3) * normal
    place = np.linspace(-_WALL_M, _WALL_M, 3)
    grid = middle + place[None, :, None] * right - place[:, None, None] * up
    repeat = float(random.uniform(0.15, 1.2))
    return cloth_of_grid("wall", grid, texture, repeat, closed=False, label=None)


def _direction(yaw_rad: float, pitch_rad: float) -> Points:
    """(3,) unit: yaw to the subject's left, pitch up."""
    level = np.cos(pitch_rad)
    return np.array([np.sin(yaw_rad) * level, -np.cos(yaw_rad) * level, np.sin(pitch_rad)])
