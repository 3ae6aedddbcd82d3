"""A person and a face in; how its skin stands up and shines out: wrinkles, pores, height, shine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.smooth_step import smooth_step
from .face import Face
from .person import Person
from .strokes import Canvas
from .texture_noise import strewn_spots

# Principled's IOR level: .35 is skin's F0 of .028.
_HAIR_SPECULAR = 0.06
_SPECULAR = 0.35
_PORE_SPACING_MM = 1.05


@dataclass(frozen=True, eq=False)
class _Line:
    points_mm: FloatArray  # (k, 2) in the chart
    width_mm: float
    depth: float  # in [0, 1]


def wrinkles(face: Face, person: Person) -> torch.Tensor:
    """Depth (n,) in [0, 1] of the lines that the person's age has drawn."""
    random = np.random.default_rng([person.seed, 61])
    lines = _forehead_lines(face, person, random)
    for side in (1.0, -1.0):
        lines += _side_lines(face, person, side, random)
    lines = [line for line in lines if line.depth > 0.02]
    if not lines:
        return torch.zeros(len(face), device=face.device)
    px_per_mm = float(np.clip(2.0 / face.texel_mm, 2.0, 8.0))
    canvas = Canvas.around(np.concatenate([line.points_mm for line in lines]), 6.0, px_per_mm)
    for line in lines:
        # A line fades in and out along its length: drawn piece by piece.
        fade = np.sin(np.linspace(0.12, np.pi - 0.12, len(line.points_mm) - 1)) ** 0.7
        pieces = np.stack([line.points_mm[:-1], line.points_mm[1:]], 1)
        kept = min(line.width_mm * px_per_mm, 1.0)
        canvas.draw(pieces, line.width_mm, np.clip(kept * line.depth * fade, 0.0, 1.0))
    canvas.soften(max(0.35, 0.4 * face.texel_mm))
    depth = canvas.at(face.anatomy.chart) * (face.anatomy.points[:, 1] < 20.0)
    return face.tensor(depth)


def _forehead_lines(face: Face, person: Person, random: np.random.Generator) -> list[_Line]:
    anatomy = face.anatomy
    low = float(anatomy.places("sellion")[0][2]) + 25.0
    high = float(anatomy.places("hairline")[0][2]) - 5.0
    age = person.wrinkles
    lines = []
    for height in np.linspace(low, high, int(random.integers(4, 7))):
        # Broken lines: pieces of unlike length and depth.
        for start in (-44.0, -14.0, 16.0):
            left = start + random.uniform(-8.0, 6.0)
            u = np.linspace(left, left + random.uniform(18.0, 40.0), 40)
            arch = -4.0 * (u / 40.0) ** 2 + random.uniform(0.4, 1.3) * np.sin(u / 9.0 + height)
            arch += random.normal(0.0, 0.8)
            depth = age * random.uniform(0.15, 0.75)
            lines.append(_Line(np.stack([u, height + arch], 1), 0.55, depth))
    frown = anatomy.chart_place("sellion", 0.0, 6.0)
    for side in (-1.0, 1.0):
        start = frown + np.array([side * random.uniform(3.0, 6.0), 0.0])
        end = start + np.array([side * random.uniform(-1.0, 2.0), random.uniform(10.0, 20.0)])
        lines.append(_Line(_bent(start, end, 0.0), 0.7, (age - 0.15) * random.uniform(0.4, 0.9)))
    return lines


def _side_lines(
    face: Face, person: Person, side: float, random: np.random.Generator
) -> list[_Line]:
    """Crow's feet, under the eye, smile, mouth and neck lines; `side` is 1 left, -1 right."""
    at, age = face.anatomy.chart_place, person.wrinkles
    lines = []
    for tilt in np.linspace(0.7, -0.6, int(random.integers(3, 7))):
        start = at("outer_canthus", random.uniform(4.0, 7.0), 1.0 + 4.0 * tilt)
        reach = random.uniform(6.0, 11.0) * (0.7 + 0.6 * age)
        end = start + np.array([reach, reach * tilt - 2.0])
        lines.append(_Line(_bent(start, end, -0.6), 0.4, age * random.uniform(0.3, 0.7)))
    for step in range(int(1 + 3 * age)):
        drop = -6.0 - 2.6 * step
        lid = _bent(at("inner_canthus", 2.0, drop), at("outer_canthus", -1.0, drop + 1.0), -4.5)
        lines.append(_Line(lid, 0.4, (0.15 + 0.5 * age) * random.uniform(0.4, 0.8)))
    smile = _bent(at("wing", 4.0, 2.0), at("mouth_corner", 9.0, -4.0), 0.0)
    smile[:, 0] += 3.0 * np.sin(np.linspace(0.0, np.pi, len(smile)))
    lines.append(_Line(smile, 0.9, (0.1 + 0.8 * age) * random.uniform(0.6, 1.0)))
    droop = _bent(at("mouth_corner", 3.0, -3.0), at("mouth_corner", 6.0, -22.0), 0.0)
    lines.append(_Line(droop, 0.8, (age - 0.4) * random.uniform(0.5, 1.1)))
    for _ in range(7):  # above the lip of the old
        start = at("lip_upper_middle", random.uniform(2.0, 20.0), random.uniform(2.0, 4.0))
        end = start + np.array([random.uniform(-0.5, 1.5), random.uniform(4.0, 7.0)])
        lines.append(_Line(_bent(start, end, 0.0), 0.35, (age - 0.5) * random.uniform(0.3, 1.0)))
    for drop in (-48.0, -62.0):
        ring = _bent(at("chin", 0.0, drop), at("chin", 70.0, drop + 12.0), -3.0)
        lines.append(_Line(ring, 0.7, (0.15 + 0.5 * age) * random.uniform(0.4, 0.8)))
    for _ in range(round(26 * max(age - 0.3, 0.0))):  # fine crossing lines of the cheek
        start = at("cheek", random.uniform(-8.0, 30.0), random.uniform(-28.0, 16.0))
        turn = random.normal(-1.15, 0.5)
        end = start + random.uniform(6.0, 16.0) * np.array([np.cos(turn), np.sin(turn)])
        lines.append(_Line(_bent(start, end, -0.8), 0.3, random.uniform(0.1, 0.35)))
    return [_Line(line.points_mm * [side, 1.0], line.width_mm, line.depth) for line in lines]


def _bent(start: FloatArray, end: FloatArray, sag_mm: float) -> FloatArray:
    """A line (16, 2) from start to end that hangs by `sag_mm` in the middle."""
    share = np.linspace(0.0, 1.0, 16)
    line = start + share[:, None] * (end - start)
    line[:, 1] += sag_mm * np.sin(np.pi * share)
    return line


def pores(face: Face, person: Person) -> torch.Tensor:
    """Depth (n,) in [0, 1] of pores, widest on nose and inner cheeks; what texels hold of them."""
    place = face.bump("nose_tip", 17.0) + 0.8 * face.bump("cheek", 18.0, (-8.0, 0.0, 0.0))
    place = (place + 0.4 * face.bump("forehead", 25.0) + 0.2).clamp(max=1.0) * person.pores
    away, number = strewn_spots(face.points_mm, _PORE_SPACING_MM, 9)
    radius = (0.12 + 0.17 * number**2) * (0.6 + 0.4 * place.clamp(max=1.5))
    wide = (radius**2 + (0.5 * face.step_mm) ** 2).sqrt()
    depth = (radius / wide) ** 2 * torch.exp(-((away / wide) ** 2))
    return (place * (0.25 + 0.9 * number) * depth).clamp(max=1.0)


def skin_height_m(
    face: Face,
    person: Person,
    pore_depth: torch.Tensor,
    wrinkle_depth: torch.Tensor,
    creases: torch.Tensor,
    lips: torch.Tensor,
    marks_um: torch.Tensor,
) -> torch.Tensor:
    """Height (n,) of the skin above its smooth surface, metres."""
    seed = person.seed * 97
    grain = 22.0 * face.noise(1.6, 3, seed + 52) + 45.0 * face.noise(9.0, 2, seed + 53)
    micrometres = grain - 150.0 * pore_depth - 340.0 * wrinkle_depth - 75.0 * creases * lips
    return (micrometres + marks_um) * 1e-6


def skin_shine(
    face: Face, person: Person, lips: torch.Tensor, hair: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Roughness (n,) and specular level (n,): oily nose and forehead, dry cheeks and neck.

    `hair` is the cover by hair, which traps the light that skin would mirror: with skin's shine,
    black brows are grey.
    """
    seed = person.seed * 97
    roughness = 0.49 + 0.025 * face.noise(7.0, 3, seed + 61)
    oily = 0.13 * face.bump("nose_tip", 15.0) + 0.10 * face.bump("forehead", 28.0)
    roughness -= (0.5 + person.oil) * oily + 0.04 * person.oil
    roughness += 0.05 * face.region("ears") + 0.05 * face.region("neck")
    gloss = 0.12 + 0.10 * person.make_up.lipstick
    roughness += lips * (0.45 - roughness) - gloss * lips
    specular = _SPECULAR + 0.02 * face.noise(4.0, 2, seed + 62) + 0.08 * lips
    wet = smooth_step(1.6, 0.4, face.lower_lid_mm)
    roughness = (roughness - 0.08 * wet).clamp(0.22, 0.65)
    specular = specular.clamp(0.2, 0.55)
    return roughness + hair * (0.65 - roughness), specular + hair * (_HAIR_SPECULAR - specular)
