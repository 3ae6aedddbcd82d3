"""A person and a face in; where brows, beard and scalp hair cover its texels out.

Roots are strewn by density over the skin itself, so borders are made of single hairs and the same
person has the same hairs at every size; small textures get fewer and proportionally wider ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from studio_avatar_addon.avatar.types import FloatArray

from ...sample.anatomy import BROW_LOWER, BROW_UPPER, to_chart
from ...sample.strokes import Canvas, hair_strokes
from .face import Face, smoothstep
from .person import Person

_FINEST_PX_PER_MM, _COARSEST_PX_PER_MM = 8.0, 2.0
_HAIR_MM = 0.12
# The whorl, as a direction from the middle of the skull: hair grows away from it.
_WHORL, _SKULL_RADIUS_MM = np.array([0.12, 0.62, 0.78]), 95.0
_MIDDLE_OF_SKULL_MM = np.array([0.0, 0.0, 40.0], np.float32)


@dataclass(frozen=True, eq=False)
class Hair:
    """Cover (n,) in [0, 1] and, of scalp and beard, how much lighter in log albedo it is (n,)."""

    brows: torch.Tensor
    beard: torch.Tensor
    scalp: torch.Tensor
    tufts: torch.Tensor


def grow_hair(face: Face, person: Person, beard_area: torch.Tensor) -> Hair:
    """Draw all hair of a person; `beard_area` (n,) as `beard_density` gives it."""
    random = np.random.default_rng([person.seed, 51])
    tufts = 0.14 * face.noise(11.0, 2, person.seed * 97 + 95)
    tufts = (tufts + 0.2 * face.noise(3.0, 3, person.seed * 97 + 96, 0.8)).clamp(-0.45, 0.45)
    return Hair(
        _brows(face, person, random),
        _beard(face, person, beard_area, random),
        _scalp(face, person, random),
        tufts,
    )


def _px_per_mm(face: Face, finest: float = _FINEST_PX_PER_MM) -> float:
    return float(np.clip(2.0 / face.texel_mm, _COARSEST_PX_PER_MM, finest))


def _drawn_count(count: int, px_per_mm: float) -> int:
    """Hairs are at least a pixel wide: so many of them cover what `count` real ones do."""
    return round(count * min(_HAIR_MM * px_per_mm, 1.0))


def _looked_up(
    face: Face, canvas: Canvas, chart: NDArray[np.float32], where: NDArray[np.bool_]
) -> torch.Tensor:
    """The canvas at each texel of `where` (n,), averaged over the texel."""
    canvas.soften(max(0.4 * face.texel_mm, 0.4 / canvas.px_per_mm))
    cover = np.zeros(len(face), np.float32)
    cover[where] = canvas.at(chart[where])
    return face.tensor(cover)


def _brows(face: Face, person: Person, random: np.random.Generator) -> torch.Tensor:
    """Cover by the eyebrows, strand by strand."""
    anatomy = face.anatomy
    cover = torch.zeros(len(face), device=face.device)
    for side in range(2):
        upper = to_chart(anatomy.landmarks[list(BROW_UPPER[side])])
        lower = to_chart(anatomy.landmarks[list(BROW_LOWER[side])])
        line = 0.5 * (upper + lower)
        # Each person's arch: how high, and how far out it stands.
        arch = np.array([0.0, 0.5, 1.0, 0.8, -0.2])
        line[:, 1] += 1.6 * person.brow_arch * arch + 0.8 * person.brow_up
        px_per_mm = _px_per_mm(face, 16.0)
        canvas = Canvas.around(line, 20.0, px_per_mm)
        count = round(person.brow_strands * (0.5 + 0.5 * min(px_per_mm / 8.0, 1.0)))
        strokes, shade = _brow_strokes(line, person, count, random)
        canvas.draw(strokes, 0.14, shade)
        middle = anatomy.landmarks[[*BROW_UPPER[side], *BROW_LOWER[side]]].mean(0)
        near = np.linalg.norm(anatomy.points - middle, axis=1) < 45.0
        near &= anatomy.table.is_material("skin")
        cover = torch.maximum(cover, _looked_up(face, canvas, anatomy.chart, near))
    return cover.clamp(max=1.0)


def _brow_strokes(
    line: FloatArray, person: Person, count: int, random: np.random.Generator
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Strands (k, 4, 2) and their cover (k,) along a brow's middle (5, 2), medial to lateral."""
    spline = CubicSpline(np.linspace(0.0, 1.0, len(line)), line, axis=0)
    count = max(count, 40)
    along = random.beta(1.15, 1.35, count) * 1.08 - 0.04
    across = np.clip(random.normal(0.0, 0.42, count), -1.1, 1.1)
    half_width = np.interp(along, [0.0, 0.12, 0.5, 0.75, 1.0], [2.2, 4.0, 3.9, 2.6, 0.8])
    half_width *= person.brow_width
    tangent = spline(along, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    outward = np.sign(line[-1, 0] - line[0, 0])
    normal *= outward  # upward on both sides
    root = spline(along) + normal * (across * half_width)[:, None]
    # Upright at the nose, lying down along the line further out; above it hairs come down.
    lift = np.interp(along, [0.0, 0.2, 0.5, 1.0], [1.0, 0.65, 0.35, 0.05])
    lift -= across * np.interp(along, [0.0, 0.3, 1.0], [0.1, 0.5, 0.45])
    lift += random.normal(0.0, 0.15, count)
    heading = np.arctan2(tangent[:, 1], tangent[:, 0]) + outward * lift
    length = person.brow_length_mm * random.uniform(0.65, 1.25, count)
    length *= np.interp(along, [0, 0.3, 1], [0.75, 1, 0.7])
    bend = -outward * random.uniform(0.1, 0.5, count)
    shade = random.uniform(0.55, 1.0, count)
    return hair_strokes(root - 0.3 * length[:, None] * tangent, heading, length, bend), shade


def beard_density(face: Face, person: Person) -> torch.Tensor:
    """Share (n,) of beard growth, whatever is left standing of it: lip, chin, jaw, upper neck."""
    at, high = face.anatomy.chart_place, person.beard_line_mm
    left = np.array([
        at("subnasale", 0.0, -1.0),
        at("ala", 2.0, -3.0),
        at("mouth_corner", 9.0, 9.0),
        at("mouth_corner", 22.0, 0.8 * high),
        0.45 * at("mouth_corner", 0.0, -12.0 + high) + 0.55 * at("tragus", 0.0, -14.0 + high),
        at("tragus", -16.0, 2.0 + high),
        at("tragus", -13.0, 30.0),
        at("tragus", -3.0, 30.0),
        at("tragus", 0.0, -6.0),
        at("jaw_angle", 8.0, -4.0),
        0.8 * at("jaw_angle") * [1.0, 0.0] + at("chin", 0.0, -14.0),
        at("chin", 0.0, -28.0),
    ])  # fmt: skip
    area = face.inside([left], 5.0)
    thick = torch.maximum(face.bump("chin_boss", 20.0), face.bump("mouth_corner", 18.0))
    patchy = 0.72 + 0.28 * thick + 0.14 * face.noise(13.0, 3, person.seed * 97 + 81)
    bare = (1.6 * face.lips).clamp(max=1.0) + face.region("ears")
    bare += 0.7 * face.bump("subnasale", 4.0, (0.0, -3.0, -5.0))
    # The bare spots under the corners of the lower lip.
    bare += 0.5 * face.bump("mouth_corner", 4.5, (-9.0, 0.0, -12.0))
    front = smoothstep(30.0, 5.0, face.points_mm[:, 1])
    return (area * patchy * front * (1.0 - bare.clamp(max=1.0))).clamp(0.0, 1.0)


def _beard(
    face: Face, person: Person, area: torch.Tensor, random: np.random.Generator
) -> torch.Tensor:
    """Cover (n,) by the beard of the person's style: millimetres of stubble or longer hair."""
    if person.beard == "none":
        return torch.zeros(len(face), device=face.device)
    roots = face.roots
    density = beard_density(roots, person) * _style(roots, person)
    grown = smoothstep(0.05, 0.75, density)
    long = person.beard != "stubble"
    px_per_mm = _px_per_mm(face)
    covered_mm2 = float(grown.sum()) / len(roots) * _skin_mm2(face)
    hairs = covered_mm2 * person.beard_density * (1.7 if long else 1.1)
    index = roots.pick_roots(grown**1.5, _drawn_count(round(hairs), px_per_mm), random)
    chart = roots.anatomy.chart
    root = chart[index] + random.normal(0.0, 0.5, (len(index), 2))
    # Down and, on the cheek and jaw, outward-back; the moustache parts at the middle.
    side = np.tanh(root[:, :1].T[0] / 12.0)
    heading = -np.pi / 2 + 0.45 * side + random.normal(0.0, 0.4 + person.hair_curl, len(root))
    reach = (4.5, 8.0) if long else (0.5, 1.5)
    length = random.uniform(*reach, len(root)) * np.interp(density.cpu()[index], [0, 0.6], [0.4, 1])
    bend = random.normal(0.0, 0.25 + 1.5 * person.hair_curl, len(root))
    strokes = hair_strokes(root, heading, length, bend)
    canvas = Canvas.around(chart[grown.cpu().numpy() > 0.0], 10.0, px_per_mm)
    canvas.draw(strokes, _HAIR_MM, random.uniform(0.45, 0.95, len(root)))
    where = face.anatomy.table.is_material("skin") & (face.anatomy.points[:, 1] < 60.0)
    strands = _looked_up(face, canvas, face.anatomy.chart, where)
    strands = strands * (1.0 - smoothstep(0.45, 0.75, face.lips))
    # Shade of the hair below, which single strands leave open.
    under = (
        0.6
        * person.beard_density
        * float(long)
        * smoothstep(0.15, 0.95, area * _style(face, person))
    )
    return (strands + (1.0 - strands) * under).clamp(0.0, 1.0)


def _style(face: Face, person: Person) -> torch.Tensor:
    """Share (n,) of the beard that the person lets grow."""
    points = face.points_mm
    mouth, below = face.place("mouth_corner"), face.place("lip_lower_middle")
    edge = 1.3 * face.noise(5.0, 2, person.seed * 97 + 83)
    upper = smoothstep(-3.0, 2.5, points[:, 2] - float(mouth[2]) + edge)
    near = smoothstep(float(mouth[0]) + 13.0, float(mouth[0]) + 5.0, points[:, 0].abs() + edge)
    moustache = upper * near
    if person.beard == "moustache":
        return moustache
    if person.beard == "goatee":
        narrow = float(mouth[0]) + 3.0
        round_chin = smoothstep(narrow + 6.0, narrow - 3.0, points[:, 0].abs() + edge)
        chin = round_chin * smoothstep(float(below[2]) + 6.0, float(below[2]) - 4.0, points[:, 2])
        beside = near * smoothstep(4.0, -2.0, (points[:, 2] - float(mouth[2])).abs() - 14.0)
        outer = smoothstep(float(mouth[0]) - 4.0, float(mouth[0]) + 1.0, points[:, 0].abs())
        return torch.maximum(torch.maximum(moustache, chin), beside * outer)
    return torch.ones(len(face), device=face.device)


def _skin_mm2(face: Face) -> float:
    return face.texel_mm**2 * float(face.skin.sum())


def scalp_density(face: Face, person: Person) -> torch.Tensor:
    """Share (n,) of hair-bearing scalp: the template's, with hairline, temples and sideburns."""
    at, up = face.anatomy.chart_place, person.hairline_mm
    left = np.array([
        at("hairline", 0.0, 5.0 + up - person.peak_mm),
        at("hairline", 16.0, 6.0 + up),
        at("hairline", 36.0, 7.0 + up + 0.5 * person.peak_mm),
        at("hairline", 60.0, 8.0 + 0.5 * up),
        at("temple", -15.0, 26.0 + 0.3 * up),
        at("tragus", -27.0, 40.0),
        at("tragus", -21.0, 18.0),
        at("tragus", -16.0, 4.0),
        at("tragus", 0.0, 4.0),
        at("tragus", 6.0, 45.0),
        at("tragus", 6.0, 300.0),
        at("hairline", 0.0, 300.0),
    ])  # fmt: skip
    wobble = face.noise(9.0, 3, person.seed * 97 + 91)
    drawn = face.inside([left], 6.0)
    grown = smoothstep(0.25, 0.85, face.region("scalp") + 0.06 * wobble)
    density = torch.maximum(smoothstep(0.15, 0.95, drawn + 0.07 * wobble), grown)
    points = face.points_mm
    ear = float(face.place("tragus")[2])
    # Sideburns thin out downward, those of women and children sooner.
    soft = person.female or person.age_years < 18
    left_over, lowest, highest = (0.0, 2.0, 30.0) if soft else (0.2, 0.0, 26.0)
    burns = left_over + (1.0 - left_over) * smoothstep(ear + lowest, ear + highest, points[:, 2])
    density = density * torch.where(points[:, 1] < float(face.place("tragus")[1]), burns, 1.0)
    if person.scalp == "receding":
        corner = face.bump("hairline", 22.0, (40.0, 12.0, 8.0))
        crown = torch.exp(-0.5 * (_whorl_chart(face).square().sum(1) / 32.0**2))
        front = face.bump("hairline", 14.0, (0.0, 2.0, 6.0))
        density = density * (1.0 - corner) * (1.0 - 0.6 * crown) * (1.0 - 0.7 * front)
    if person.scalp == "bald":
        rim = ear + 44.0 + 5.0 * wobble - 0.12 * points[:, 1]
        density = density * smoothstep(12.0, -14.0, points[:, 2] - rim)
    return density * (1.0 - face.region("ears").clamp(max=1.0))


def _scalp(face: Face, person: Person, random: np.random.Generator) -> torch.Tensor:
    """Cover (n,) by hair growing away from the whorl, cropped or combed long."""
    roots = face.roots
    density = scalp_density(roots, person)
    if float(density.max()) <= 0.0:
        return torch.zeros(len(face), device=face.device)
    long = person.scalp == "full"
    px_per_mm = _px_per_mm(face)
    hairs = float(density.sum()) / len(roots) * _skin_mm2(face) * (1.3 if long else 2.0)
    index = roots.pick_roots(density, _drawn_count(round(hairs), px_per_mm), random)
    root = _whorl_chart(roots).cpu().numpy()[index] + random.normal(0.0, 0.5, (len(index), 2))
    waves = roots.noise(26.0, 2, person.seed * 97 + 97).cpu().numpy()[index]
    loose = 0.22 + 1.1 * person.hair_curl
    heading = np.arctan2(root[:, 1], root[:, 0]) + 0.5 + (0.25 if long else 0.1) * waves
    heading += random.normal(0.0, loose, len(root))
    longest = (8.0, 18.0) if long and person.hair_curl < 0.5 else (2.0, 4.5)
    length = random.uniform(*longest, len(root)) * np.interp(
        density.cpu()[index], [0, 0.8], [0.25, 1]
    )
    bend = random.normal(0.0, 0.3 + 1.8 * person.hair_curl, len(root))
    chart = _whorl_chart(face).cpu().numpy()
    canvas = Canvas.around(root, 20.0, px_per_mm)
    strokes = hair_strokes(root, heading, length, bend)
    canvas.draw(strokes, _HAIR_MM, random.uniform(0.6, 1.0, len(root)))
    strands = _looked_up(face, canvas, chart, face.anatomy.table.is_material("skin"))
    # On the ears there are none; over the rest the shade of the hair below closes up.
    own = scalp_density(face, person)
    strands = strands * (1.0 - face.region("ears").clamp(max=1.0))
    # The chart of the skull stretches at the nape; hair that hangs down there is cut off.
    low = float(face.place("jaw_angle")[2])
    strands = strands * smoothstep(low - 10.0, low + 25.0, face.points_mm[:, 2])
    under = (0.9 if long else 0.72) * smoothstep(0.35, 1.0, own)
    return (strands + (1.0 - strands) * under).clamp(0.0, 1.0)


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
