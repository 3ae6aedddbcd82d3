"""A person and a face in; where the scalp bears hair, and how that covers it, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.smooth_step import smooth_step
from .face import Face
from .person import Person
from .strands import (
    HAIR_MM,
    Strands,
    blank_tones,
    draw_tones,
    drawn_count,
    greyness,
    looked_up,
    looked_up_tones,
    px_per_mm_of,
    skin_mm2,
)
from .strokes import Canvas, hair_strokes

# The whorl, as a direction from the middle of the skull: hair grows away from it.
_WHORL, _SKULL_RADIUS_MM = np.array([0.12, 0.62, 0.78]), 95.0
_MIDDLE_OF_SKULL_MM = np.array([0.0, 0.0, 40.0], np.float32)
_LOCK_MM2, _LOCK_MM, _LOCK_PX_PER_MM = 3.0, 0.7, 4.0  # skin for each lock, its width, how drawn


@dataclass(frozen=True)
class _Parting:
    """A line from the hairline back to the whorl, along the head at `x_mm`."""

    x_mm: float
    wander_seed: int

    def beside_mm(self, face: Face) -> torch.Tensor:
        """(n,) signed, to the left."""
        wander = 0.9 * face.noise(34.0, 3, self.wander_seed, 0.45)
        return face.points_mm[:, 0] - self.x_mm + wander

    def reach(self, face: Face) -> torch.Tensor:
        """(n,) weak at the hairline, 1 behind it, 0 before the whorl."""
        hairline = float(face.place("hairline")[1])
        behind = smooth_step(hairline + 6.0, hairline + 30.0, face.points_mm[:, 1])
        return smooth_step(45.0, 5.0, face.points_mm[:, 1]) * (0.35 + 0.65 * behind)


def scalp_density(face: Face, person: Person) -> torch.Tensor:
    """Share (n,) of hair-bearing scalp: the template's, with hairline, temples and sideburns."""
    at, up = face.anatomy.chart_place, person.hairline_mm
    random = np.random.default_rng([person.seed, 53])
    soft = random.uniform(5.0, 11.0)
    # Sideburns reach as low, and stand as far before the ear, as the person wears them; the
    # landmark of the tragus lies 22 mm before the ear itself.
    reach, narrow = random.uniform(-6.0, 20.0), random.uniform(-4.0, 8.0)
    bay = random.uniform(-4.0, 8.0)
    left = np.array([
        at("hairline", 0.0, 5.0 + up - person.peak_mm),
        at("hairline", 16.0, 6.0 + up),
        at("hairline", 36.0, 7.0 + up + 0.5 * person.peak_mm + bay),
        at("hairline", 60.0, 8.0 + 0.5 * up + 0.7 * bay),
        at("temple", -13.0 + bay, 30.0 + 0.3 * up),
        at("temple", -8.0 + 0.5 * bay, 14.0),
        at("tragus", -2.0 + narrow, 34.0),
        at("tragus", 4.0 + narrow, 18.0),
        at("tragus", 11.0, reach),
        at("tragus", 28.0, reach),
        at("tragus", 28.0, 300.0),
        at("hairline", 0.0, 300.0),
    ])  # fmt: skip
    seed = person.seed * 97
    wobble = face.noise(12.0, 4, seed + 91, 0.8)
    drawn = face.inside([left], soft)
    grown = smooth_step(0.10, 0.95, face.region("scalp") + 0.10 * wobble)
    density = torch.maximum(smooth_step(0.12, 1.0, drawn + 0.09 * wobble), grown)
    points = face.points_mm
    ear = float(face.place("tragus")[2])
    # Sideburns thin out downward, those of women and children sooner.
    soft_burns = person.female or person.age_years < 18
    left_over, lowest, highest = (0.0, 4.0, 48.0) if soft_burns else (0.12, 0.0, 44.0)
    burns = smooth_step(ear + lowest, ear + highest, points[:, 2] + 3.0 * wobble)
    burns = left_over + (1.0 - left_over) * burns
    before = smooth_step(34.0, 20.0, points[:, 1] - float(face.place("tragus")[1]))
    density = density * (1.0 + before * (burns - 1.0))
    if person.scalp == "receding":
        corner = face.bump("hairline", 22.0, (40.0, 12.0, 8.0))
        crown = torch.exp(-0.5 * (_whorl_chart(face).square().sum(1) / 32.0**2))
        front = face.bump("hairline", 14.0, (0.0, 2.0, 6.0))
        density = density * (1.0 - corner) * (1.0 - 0.6 * crown) * (1.0 - 0.7 * front)
    if person.scalp == "bald":
        rim = ear + 44.0 + 5.0 * wobble - 0.12 * points[:, 1]
        density = density * smooth_step(22.0, -22.0, points[:, 2] - rim + 5.0 * wobble)
    return density.clamp(0.0, 1.0) * (1.0 - face.region("ears").clamp(max=1.0))


def scalp_cover(
    face: Face,
    person: Person,
    own: torch.Tensor,
    density: torch.Tensor,
    random: np.random.Generator,
) -> Strands:
    """Hair growing away from the whorl or a parting, cropped or combed long."""
    roots = face.roots
    if float(density.max()) <= 0.0:
        return Strands.none(face)
    long = person.scalp == "full"
    px_per_mm = px_per_mm_of(face)
    hairs = float(density.sum()) / len(roots) * skin_mm2(face) * (1.3 if long else 2.0)
    index = roots.pick_roots(density**1.4, drawn_count(round(hairs), px_per_mm), random)
    root = _whorl_chart(roots).cpu().numpy()[index] + random.normal(0.0, 0.5, (len(index), 2))
    waves = roots.noise(26.0, 2, person.seed * 97 + 97).cpu().numpy()[index]
    loose = 0.22 + 1.1 * person.hair_curl
    heading = np.arctan2(root[:, 1], root[:, 0]) + 0.5 + (0.25 if long else 0.1) * waves
    parting = _parting(person)
    if parting:
        heading = _combed(roots, parting, heading, index)
    locks = heading + 0.3 * loose * random.normal(0.0, 1.0, len(root))
    heading += random.normal(0.0, loose, len(root))
    # From shaven yesterday to combed.
    shorn = 0.0 if long else float(random.uniform(0.0, 0.9))
    longest = (8.0, 18.0) if long and person.hair_curl < 0.5 else (2.0, 4.5)
    longest = longest[0] - 1.4 * shorn, longest[1] - 3.2 * shorn
    length = random.uniform(*longest, len(root)) * np.interp(
        density.cpu()[index], [0, 0.8], [0.25, 1]
    )
    bend = random.normal(0.0, 0.3 + 1.8 * person.hair_curl, len(root))
    chart = _whorl_chart(face).cpu().numpy()
    canvas = Canvas.around(root, 20.0, px_per_mm)
    tone = _lock_tones(face, person, canvas, chart, root, locks, length, random)
    strokes = hair_strokes(root, heading, length, bend)
    canvas.draw(strokes, HAIR_MM, random.uniform(0.6, 1.0, len(root)))
    strands = looked_up(face, canvas, chart, face.anatomy.texels.is_material("skin"))
    # On the ears there are none; over the rest the shade of the hair below closes up.
    strands = strands * (1.0 - face.region("ears").clamp(max=1.0))
    # The chart of the skull stretches at the nape; hair that hangs down there is cut off.
    low = float(face.place("jaw_angle")[2])
    strands = strands * smooth_step(low - 10.0, low + 25.0, face.points_mm[:, 2])
    closed = 0.9 if long else 0.85 - 0.4 * shorn
    under = closed * smooth_step(0.05, 1.0, own) ** 1.7 * (1.0 + 0.12 * _thin_places(face, person))
    cover = (strands + (1.0 - strands) * under).clamp(0.0, 1.0)
    if parting:
        wide = float(np.hypot(0.8, 0.5 * face.texel_mm))
        bare = 0.8 / wide * torch.exp(-((parting.beside_mm(face) / wide) ** 2))
        cover = cover * (1.0 - 0.5 * bare * parting.reach(face))
    return Strands(cover, tone)


def _parting(person: Person) -> _Parting | None:
    """Of combed straight hair, in the middle or aside; half of it has none."""
    random = np.random.default_rng([person.seed, 56])
    if person.scalp != "full" or person.hair_curl > 0.5 or random.random() < 0.45:
        return None
    place = float(random.choice([0.0, 0.0, 26.0, -26.0]) + random.normal(0.0, 4.0))
    return _Parting(place, person.seed * 97 + 94)


def _combed(
    roots: Face, parting: _Parting, heading: NDArray, index: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Headings (k,) turned away from a parting, out and back, near it; the rest as they were."""
    beside = parting.beside_mm(roots).cpu().numpy()[index]
    share = parting.reach(roots).cpu().numpy()[index] * np.exp(-((beside / 70.0) ** 2))
    # The chart's first axis runs to the right of the head, its second one forward.
    x = (1.0 - share) * np.cos(heading) - share * np.tanh(beside / 1.5)
    y = (1.0 - share) * np.sin(heading) - share * 0.55
    return np.arctan2(y, x)


def _lock_tones(
    face: Face,
    person: Person,
    canvas: Canvas,
    chart: NDArray,
    root: FloatArray,
    heading: FloatArray,
    length: FloatArray,
    random: np.random.Generator,
) -> torch.Tensor:
    """Tone (n,) of log albedo: hair lies in locks, and single strands of other tones over them.

    From the roots' first ones, which are strewn as all of them are.
    """
    finest = min(canvas.px_per_mm, _LOCK_PX_PER_MM)
    toned = blank_tones(canvas, finest)
    many = min(round(canvas.image.size / canvas.px_per_mm**2 * 0.3 / _LOCK_MM2), len(root))
    mixed = 0.22 + 0.12 * greyness(person.hair_linear)
    for count, width, uneven, longer in ((many, _LOCK_MM, mixed, 1.4), (2 * many, 0.2, 0.26, 1.1)):
        some = slice(0, min(round(count * finest / _LOCK_PX_PER_MM), len(root)))
        bend = random.normal(0.0, 0.15 + 1.8 * person.hair_curl, len(root[some]))
        strokes = hair_strokes(root[some], heading[some], longer * length[some], bend)
        draw_tones(toned, strokes, width, random.normal(0.0, uneven, len(root[some])))
    return looked_up_tones(face, toned, chart, face.anatomy.texels.is_material("skin"))


def _thin_places(face: Face, person: Person) -> torch.Tensor:
    """Noise (n,): skin shimmers through unevenly."""
    return face.noise(8.0, 4, person.seed * 97 + 93, 0.75)


def _whorl_chart(face: Face) -> torch.Tensor:
    """Azimuthal chart (n, 2) in mm of the skull about the whorl: true distances from there."""
    axis = _WHORL / np.linalg.norm(_WHORL)
    right = np.cross([0.0, -1.0, 0.0], axis)
    right /= np.linalg.norm(right)
    arm = face.points_mm - face.tensor(_MIDDLE_OF_SKULL_MM)
    arm = arm / torch.linalg.vector_norm(arm, dim=1, keepdim=True).clamp(min=1e-6)
    radius = _SKULL_RADIUS_MM * (arm @ face.tensor(axis)).clamp(-1.0, 1.0).arccos()
    around = torch.atan2(arm @ face.tensor(np.cross(axis, right)), arm @ face.tensor(right))
    return torch.stack([radius * around.cos(), radius * around.sin()], 1)
