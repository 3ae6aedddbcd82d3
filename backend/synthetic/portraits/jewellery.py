"""A posed person in; glasses and earrings out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fabrics import Colour, flat_texture
from .shell import Shell, cloth_of_grid, tube
from .sitter import Sitter
from .solid import Points

_FRAME_COLOURS: tuple[Colour, ...] = (
    (0.02, 0.02, 0.02), (0.03, 0.03, 0.04), (0.16, 0.08, 0.04), (0.55, 0.5, 0.42),
    (0.6, 0.6, 0.62), (0.35, 0.22, 0.1), (0.4, 0.05, 0.06), (0.75, 0.6, 0.25),
)  # fmt: skip


def glasses(sitter: Sitter, random: np.random.Generator) -> list[Shell]:
    """Rims, bridge and temples ("other"), and clear lenses through which the skin is seen."""
    colour = flat_texture(_FRAME_COLOURS[random.integers(len(_FRAME_COLOURS))])
    thin = float(random.choice([0.0007, 0.0012, 0.0022]))
    half = random.uniform(0.023, 0.028) * np.array([1.0, random.uniform(0.6, 0.95)])
    power = float(random.choice([2.0, 2.6, 4.0]))
    eyes = sitter.template.eye_centres_m(sitter.neutral_m)
    plane = float(eyes[:, 1].mean()) - float(random.uniform(0.028, 0.034))
    shells, inner, outer = [], [], []
    for number, eye in enumerate(eyes):
        rim = _outline(half, power)
        side = np.sign(eye[0])
        bend = 0.004 * (np.abs(rim[:, 0] + eye[0]) / 0.06) ** 2
        middle = np.array([eye[0] + 0.002 * side, plane, eye[2] - 0.003])
        points = middle + np.stack([rim[:, 0], bend, rim[:, 1]], -1)
        shells.append(_wire(f"rim{number}", sitter, points, thin, colour, closed=True))
        spokes = np.linspace(0.0, 1.0, 3)[:, None, None]
        lens = sitter.to_world(middle + spokes * (points - middle))
        shells.append(
            cloth_of_grid(f"lens{number}", lens, flat_texture((1, 1, 1)), 1.0, label="other",
                          finish="lens")
        )  # fmt: skip
        inner.append(points[np.argmin(points[:, 0] * side)])
        outer.append(points[np.argmax(points[:, 0] * side - 0.2 * np.abs(points[:, 2] - eye[2]))])
    arch = np.linspace(0.0, 1.0, 9)[:, None]
    bridge = inner[0] + arch * (inner[1] - inner[0])
    bridge = bridge + np.sin(np.pi * arch) * np.array([0.0, -0.003, 0.005])
    shells.append(_wire("bridge", sitter, bridge, thin, colour))
    for number, start in enumerate(outer):
        ear = _ear_top(sitter, number)
        hook = ear + np.array([0.0, 0.02, -0.022])
        path = np.stack([start, start + 0.05 * (ear - start) + [0.004 * np.sign(start[0]), 0, 0],
                         ear, hook])  # fmt: skip
        shells.append(_wire(f"temple{number}", sitter, _finer(path), 1.2 * thin, colour))
    return shells


def earrings(sitter: Sitter, random: np.random.Generator) -> list[Shell]:
    """A pair of studs, hoops or drops."""
    kind = str(random.choice(["stud", "hoop", "drop"]))
    low, high = {"stud": (0.003, 0.006), "hoop": (0.008, 0.028), "drop": (0.005, 0.011)}[kind]
    size = float(random.uniform(low, high))
    bright = random.uniform(0.3, 1.0)
    colour = flat_texture(tuple(np.clip(bright * np.array([(0.9, 0.75, 0.35), (0.8, 0.8, 0.82),
                          random.random(3)][random.integers(3)]), 0.0, 1.0)))  # fmt: skip
    shells = []
    for number, name in enumerate(("ears_L", "ears_R")):
        ear = np.flatnonzero(sitter.template.region(name) > 0.6)
        lobe = sitter.vertices_m[ear[np.argmin(sitter.neutral_m[ear, 2])]]
        lobe = lobe + np.array([0.0, -0.002, 0.003])
        if kind == "hoop":
            turn = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
            ring = np.stack([0.0 * turn, np.sin(turn), -1.0 + np.cos(turn)], -1)
            grid = tube(lobe + size * ring, 0.0012, 8, closed=True)
        else:
            turn = np.linspace(0.05, np.pi - 0.05, 9)
            stretch = 1.0 if kind == "stud" else random.uniform(1.2, 3.0)
            path = (
                lobe + np.array([0.0, 0.0, -1.0]) * (size * stretch * (1 - np.cos(turn)))[:, None]
            )
            grid = tube(path, 0.6 * size * np.sin(turn), 12)
        shells.append(
            cloth_of_grid(f"earring{number}", grid, colour, 1.0, label="other", finish="rim",
                          roughness=0.25)
        )  # fmt: skip
    return shells


def _outline(half_m: NDArray, power: float) -> Points:
    """(40, 2) a superellipse: sideways, up."""
    turn = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    c, s = np.cos(turn), np.sin(turn)
    return half_m * np.stack(
        [np.sign(c) * np.abs(c) ** (2.0 / power), np.sign(s) * np.abs(s) ** (2.0 / power)], -1
    )


def _wire(
    name: str, sitter: Sitter, path_head_m: Points, radius_m: float, colour: NDArray[np.uint8],
    closed: bool = False,
) -> Shell:  # fmt: skip
    grid = tube(sitter.to_world(path_head_m), radius_m, 8, closed)
    return cloth_of_grid(name, grid, colour, 1.0, label="other", finish="rim", roughness=0.3)


def _ear_top(sitter: Sitter, number: int) -> Points:
    """Where a temple rests: before the root of the ear, head frame."""
    region = sitter.template.region(("ears_L", "ears_R")[number]) > 0.5
    ear = sitter.neutral_m[region]
    top = ear[np.argmax(ear[:, 2])]
    return np.array([top[0] + 0.001 * np.sign(top[0]), top[1] - 0.004, top[2] - 0.008])


def _finer(path_m: Points) -> Points:
    place = np.linspace(0.0, len(path_m) - 1.0, 24)
    return np.stack([np.interp(place, np.arange(len(path_m)), path_m[:, i]) for i in range(3)], -1)
