"""A person's moles, spots, scars and vessels in; where they lie and what they add out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...imaging.smooth_step import smooth_step
from .anatomy import MM_PER_M
from .face import Face
from .person import Person
from .texture_noise import fractal_noise, strewn_spots

_SCAR_LENGTH_MM = 9.0


@dataclass(frozen=True)
class Moles:
    """m moles: positions (m, 3) in metres, head frame, and radii (m,) in metres."""

    position_m: NDArray[np.float32]
    radius_m: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Marks:
    """Fields (n,): what marks do to each pigment, as factors on it or amounts."""

    melanin_added: torch.Tensor  # fraction of the epidermis
    melanin_factor: torch.Tensor
    blood_factor: torch.Tensor
    height_um: torch.Tensor
    moles: Moles


def place_marks(face: Face, person: Person, free: torch.Tensor) -> Marks:
    """Lay a person's marks; `free` (roots,) in [0, 1] is where the skin bears no hair or lip."""
    random = np.random.default_rng([person.seed, 31])
    moles = _strew_moles(face, person, free, random)
    added, height = _mole_melanin(face, person, moles)
    factor = torch.exp(_freckles(face, person) + _age_spots(face, person))
    marks = Marks(added, factor, torch.ones_like(added), height, moles)
    _lay_acne(face, person, free, random, marks)
    _lay_scars(face, person, free, random, marks)
    marks.blood_factor.mul_(torch.exp(1.1 * person.vessels * _vessels(face, person)))
    return marks


def _strew_moles(
    face: Face, person: Person, free: torch.Tensor, random: np.random.Generator
) -> Moles:
    """Positions over face and neck, apart from each other by more than their own size."""
    roots = face.roots
    density = free * (0.3 + roots.region("face") + 0.4 * roots.region("neck"))
    found = roots.anatomy.points[roots.pick_roots(density, person.moles * 2, random)]
    radius = person.mole_mm * random.lognormal(0.0, 0.42, len(found))
    kept: list[int] = []
    for i, place in enumerate(found):
        if len(kept) == person.moles:
            break
        if not kept or np.linalg.norm(found[kept] - place, axis=1).min() > 5.0:
            kept.append(i)
    return Moles(
        (found[kept] / MM_PER_M).astype(np.float32).reshape(-1, 3),
        (np.clip(radius[kept], 0.3, 3.0) / MM_PER_M).astype(np.float32),
    )


def _mole_melanin(face: Face, person: Person, moles: Moles) -> tuple[torch.Tensor, torch.Tensor]:
    """Melanin added (n,) and height in micrometres (n,)."""
    random = np.random.default_rng([person.seed, 32])
    added = torch.zeros(len(face), device=face.device)
    height = torch.zeros_like(added)
    blur = 0.5 * face.texel_mm
    for position, radius_m in zip(moles.position_m, moles.radius_m, strict=True):
        place, radius = position * MM_PER_M, float(radius_m) * MM_PER_M
        dark = random.uniform(0.02, 0.15) + 0.55 * person.melanin
        raised = float(random.random() < 0.3)
        near, away = _near(face, place, 1.6 * radius + 2.0 * blur)
        border = fractal_noise(
            face.points_mm[near], 1.6 * radius, 2, person.seed + 5, face.texel_mm
        )
        ragged = away / radius + 0.1 * border
        # A mole smaller than a texel still darkens it by its share.
        kept = radius**2 / (radius**2 + blur**2)
        soft = 0.35 + 0.5 * blur / radius
        inside = kept * smooth_step(1.0 + soft, 1.0 - soft, ragged)
        added[near] = torch.maximum(added[near], dark * inside)
        height[near] += raised * 260.0 * radius * inside
    return added, height


def _near(face: Face, place_mm: NDArray, reach_mm: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices (k,) of the points within `reach_mm` of a place (3,), and their distances (k,)."""
    centre = face.tensor(place_mm)
    close = (face.points_mm[:, 2] - centre[2]).abs() < reach_mm
    index = close.nonzero()[:, 0]
    away = torch.linalg.vector_norm(face.points_mm[index] - centre, dim=1)
    return index[away < reach_mm], away[away < reach_mm]


def _freckles(face: Face, person: Person) -> torch.Tensor:
    """Log melanin (n,): small flat spots where the sun falls: nose, cheeks, forehead."""
    total = torch.zeros(len(face), device=face.device)
    if person.freckles == 0.0:
        return total
    sunny = face.bump("cheek", 24.0) + face.bump("nose_bridge", 15.0)
    sunny = (sunny + 0.45 * face.bump("forehead", 32.0) + 0.1).clamp(max=1.0)
    clumped = smooth_step(-1.4, 1.2, face.noise(9.0, 2, person.seed * 97 + 14))
    odds = person.freckles * sunny * clumped
    shaken = face.points_mm + 0.35 * torch.stack(
        [face.noise(2.2, 2, person.seed * 97 + 15 + k) for k in range(3)], 1
    )
    for spacing, size, strength in ((2.6, 0.42, 0.9), (4.2, 0.8, 0.8), (8.0, 1.4, 0.7)):
        away, number = strewn_spots(shaken, spacing, person.seed + int(spacing * 10))
        radius = size * (0.6 + 0.9 * torch.frac(number * 7.31))
        total += strength * _present(odds, number) * _spot(away, radius, face.step_mm)
    return total.clamp(max=1.4)


def _age_spots(face: Face, person: Person) -> torch.Tensor:
    """Log melanin (n,): larger flat spots of the old on temples, cheeks and a bare scalp."""
    total = torch.zeros(len(face), device=face.device)
    if person.age_spots == 0.0:
        return total
    sunny = (face.bump("temple", 26.0) + 0.6 * face.bump("cheek", 24.0)).clamp(max=1.0)
    sunny = (sunny + 0.6 * face.bump("hairline", 60.0)).clamp(max=1.0)
    ragged = 0.9 * face.noise(5.0, 3, person.seed * 97 + 19)
    for spacing, size in ((10.0, 1.5), (19.0, 3.2)):
        away, number = strewn_spots(face.points_mm, spacing, person.seed + int(spacing * 10))
        radius = size * (0.6 + 0.8 * torch.frac(number * 7.31))
        spot = _spot((away + 0.35 * radius * ragged).clamp(min=0.0), radius, face.step_mm)
        total += _present(0.8 * person.age_spots * sunny, number) * spot
    return 0.75 * total.clamp(max=1.2)


def _present(odds: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
    """Which spots there are, fading in over a tenth so that none is cut in two."""
    return ((odds - number) / 0.1).clamp(0.0, 1.0)


def _spot(away_mm: torch.Tensor, radius_mm: torch.Tensor, texel_mm: torch.Tensor) -> torch.Tensor:
    blur = 0.5 * texel_mm
    wide = (radius_mm**2 + blur**2).sqrt()
    return (radius_mm / wide) ** 2 * torch.exp(-((away_mm / wide) ** 4))


def _lay_acne(
    face: Face, person: Person, free: torch.Tensor, random: np.random.Generator, marks: Marks
) -> None:
    """Pimples, red and raised, and the red or brown marks they leave, laid into `marks`."""
    roots = face.roots
    place = roots.bump("cheek", 24.0) + roots.bump("chin_boss", 15.0) + roots.bump("forehead", 28.0)
    density = free * (place + 0.4 * roots.bump("nose_tip", 14.0) + 0.4 * roots.bump("jaw", 18.0))
    total = person.acne + person.acne_marks
    where = roots.anatomy.points[roots.pick_roots(density, total, random)]
    for i, spot in enumerate(where):
        fresh = i < person.acne
        radius = random.uniform(0.7, 1.7) if fresh else random.uniform(0.9, 2.3)
        wide = float(np.hypot(radius, 0.5 * face.texel_mm))
        near, away = _near(face, spot, 2.6 * wide)
        share = (radius / wide) ** 2 * torch.exp(-((away / wide) ** 2))
        marks.blood_factor[near] *= torch.exp((random.uniform(0.7, 1.5) if fresh else 0.5) * share)
        marks.melanin_factor[near] *= torch.exp(
            (0.1 if fresh else random.uniform(0.15, 0.5)) * share
        )
        marks.height_um[near] += (random.uniform(80.0, 260.0) if fresh else -25.0) * share


def _lay_scars(
    face: Face, person: Person, free: torch.Tensor, random: np.random.Generator, marks: Marks
) -> None:
    """Old cuts: short pale sunken lines, laid likewise."""
    roots = face.roots
    where = roots.pick_roots(free * roots.region("face"), person.scars, random)
    for index in where:
        normal = roots.anatomy.normals[index]
        along = np.cross(normal, random.standard_normal(3))
        along /= max(float(np.linalg.norm(along)), 1e-6)
        length = _SCAR_LENGTH_MM * random.lognormal(0.0, 0.4)
        near, away = _near(face, roots.anatomy.points[index], 0.7 * length)
        arm = face.points_mm[near] - face.tensor(roots.anatomy.points[index])
        run = arm @ face.tensor(along)
        bent = run * run * float(random.uniform(-0.012, 0.012))
        beside = (away**2 - run**2).clamp(min=0.0).sqrt() - bent.abs()
        wide = float(np.hypot(random.uniform(0.35, 0.7), 0.5 * face.texel_mm))
        share = torch.exp(-((beside / wide) ** 2)) * smooth_step(
            0.5 * length, 0.3 * length, run.abs()
        )
        marks.melanin_factor[near] *= torch.exp(-0.3 * share)
        marks.blood_factor[near] *= torch.exp(-0.3 * share)
        marks.height_um[near] -= 90.0 * share


def _vessels(face: Face, person: Person) -> torch.Tensor:
    """Fine broken vessels beside the nose and on the cheeks: the zero lines of a noise."""
    wave = 0.22 + 0.25 * face.texel_mm
    crest = 1.0 - face.noise(6.0, 3, person.seed * 97 + 31).abs() / wave
    place = (
        face.bump("ala", 8.0) + 0.8 * face.bump("cheek", 14.0) + 0.5 * face.bump("nose_tip", 8.0)
    )
    some = smooth_step(-0.3, 1.0, face.noise(8.0, 1, person.seed * 97 + 33))
    return (0.25 / wave) * crest.clamp(0.0, 1.0) * some * place.clamp(max=1.0)
