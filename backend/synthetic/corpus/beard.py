"""A person and a face in; where beard grows, and how what is left standing covers the skin, out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

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


def beard_density(face: Face, person: Person) -> torch.Tensor:
    """Share (n,) of beard growth, whatever is left standing of it: lip, chin, jaw, upper neck."""
    at, high = face.anatomy.chart_place, person.beard_line_mm
    random = np.random.default_rng([person.seed, 52])
    # Every man's own: how the line sags over the cheek, how wide it runs to the ear, how far down.
    # The landmark of the tragus lies 22 mm before the ear itself.
    sag, wide, low = random.normal(0.0, (3.0, 2.5, 7.0))
    soft, thin_cheek = random.uniform(5.0, 10.0), random.uniform(0.0, 0.65)
    left = np.array([
        at("subnasale", 0.0, -1.0),
        at("ala", 2.0, -3.0),
        at("mouth_corner", 8.0, 6.0 + 0.3 * high),
        at("mouth_corner", 22.0, 0.8 * high - sag),
        0.45 * at("mouth_corner", 0.0, -12.0 + high - sag) + 0.55 * at("tragus", 0.0, -14.0 + high),
        at("tragus", 2.0 - wide, 2.0 + high),
        at("tragus", 8.0 - wide, 30.0),
        at("tragus", 26.0, 30.0),
        at("tragus", 24.0, -20.0),
        at("jaw_angle", 22.0, -8.0 + 0.6 * low),
        0.8 * at("jaw_angle") * [1.0, 0.0] + at("chin", 0.0, -14.0 + low),
        at("chin", 0.0, -28.0 + low),
    ])  # fmt: skip
    seed = person.seed * 97
    wander = 0.10 * face.noise(15.0, 2, seed + 82)
    area = smooth_step(0.12, 1.0, face.inside([left], soft) + wander)
    thick = torch.maximum(face.bump("chin_boss", 24.0), face.bump("mouth_corner", 18.0))
    thick = torch.maximum(thick, face.bump("jaw_angle", 20.0, (-8.0, 0.0, -8.0)))
    patchy = 1.0 - thin_cheek * (1.0 - thick) + 0.16 * face.noise(9.0, 2, seed + 81)
    # Hair begins at the border of the lips' red, sparse for a millimetre or two.
    bare = smooth_step(-1.2, 0.8, face.lip_inside_mm) + face.region("ears")
    bare += 0.6 * face.bump("subnasale", 3.5, (0.0, -3.0, -4.0))
    bare += float(random.uniform(0.1, 0.6)) * face.bump("mouth_corner", 4.5, (-9.0, 0.0, -12.0))
    front = smooth_step(34.0, 8.0, face.points_mm[:, 1])
    return (area * patchy * front * (1.0 - bare.clamp(max=1.0))).clamp(0.0, 1.0)


def beard_cover(
    face: Face,
    person: Person,
    area: torch.Tensor,
    root_density: torch.Tensor,
    random: np.random.Generator,
) -> Strands:
    """The beard of the person's style: millimetres of stubble or longer hair."""
    if person.beard == "none":
        return Strands.none(face)
    roots = face.roots
    density = root_density * _style(roots, person)
    grown = smooth_step(0.0, 0.85, density)
    long = person.beard != "stubble"
    px_per_mm = px_per_mm_of(face)
    covered_mm2 = float(grown.sum()) / len(roots) * skin_mm2(face)
    hairs = covered_mm2 * person.beard_density * (1.7 if long else 1.1)
    index = roots.pick_roots(grown**1.3, drawn_count(round(hairs), px_per_mm), random)
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
    canvas.draw(strokes, HAIR_MM, random.uniform(0.45, 0.95, len(root)))
    where = face.anatomy.texels.is_material("skin") & (face.anatomy.points[:, 1] < 60.0)
    # In an ageing beard white hairs stand among dark ones.
    mixed = 0.3 + 0.45 * greyness(person.beard_linear)
    clumps = 0.2 * roots.noise(5.0, 2, person.seed * 97 + 84).cpu().numpy()[index]
    toned = blank_tones(canvas)
    draw_tones(toned, strokes, HAIR_MM, random.normal(0.0, mixed, len(root)) + clumps)
    tone = looked_up_tones(face, toned, face.anatomy.chart, where)
    strands = looked_up(face, canvas, face.anatomy.chart, where)
    strands = _even_below_the_jaw(face, person, canvas, strands, where)
    strands = strands * smooth_step(2.5 if long else 0.6, -0.4, face.lip_inside_mm)
    # Shade of the hair below, which single strands leave open.
    closed = float(long) * 0.6 * person.beard_density
    under = closed * smooth_step(0.1, 1.0, area * _style(face, person)) ** 1.3
    return Strands((strands + (1.0 - strands) * under).clamp(0.0, 1.0), tone)


def _even_below_the_jaw(
    face: Face, person: Person, canvas: Canvas, strands: torch.Tensor, where: NDArray[np.bool_]
) -> torch.Tensor:
    """Strands (n,) with their mean, unevenly, where skin faces down: the chart's cylinder would
    draw them out to streaks there."""
    down = smooth_step(-0.68, -0.92, face.tensor(face.anatomy.normals[:, 2]))
    mean = Canvas(canvas.low_mm, canvas.px_per_mm, canvas.image.copy())
    mean.soften(2.0)
    there = where & (down > 0.0).cpu().numpy()
    grain = 1.0 + 0.3 * face.noise(2.4, 3, person.seed * 97 + 85, 0.9)
    even = looked_up(face, mean, face.anatomy.chart, there) * grain.clamp(0.2, 2.0)
    return strands + down * (even - strands)


def _style(face: Face, person: Person) -> torch.Tensor:
    """Share (n,) of the beard that the person lets grow."""
    points = face.points_mm
    mouth, below = face.place("mouth_corner"), face.place("lip_lower_middle")
    random = np.random.default_rng([person.seed, 54])
    reach, width = random.uniform(5.0, 13.0), random.uniform(-5.0, 9.0)
    edge = 1.8 * face.noise(5.0, 3, person.seed * 97 + 83)
    upper = smooth_step(-3.0, 2.5, points[:, 2] - float(mouth[2]) + edge)
    outer = float(mouth[0]) + reach
    near = smooth_step(outer + 4.0, outer - 5.0, points[:, 0].abs() + edge)
    moustache = upper * near
    if person.beard == "moustache":
        return moustache
    if person.beard == "goatee":
        narrow = float(mouth[0]) + width
        round_chin = smooth_step(narrow + 6.0, narrow - 3.0, points[:, 0].abs() + edge)
        chin = round_chin * smooth_step(float(below[2]) + 6.0, float(below[2]) - 4.0, points[:, 2])
        beside = near * smooth_step(4.0, -2.0, (points[:, 2] - float(mouth[2])).abs() - 14.0)
        outer = smooth_step(float(mouth[0]) - 4.0, float(mouth[0]) + 1.0, points[:, 0].abs())
        return torch.maximum(torch.maximum(moustache, chin), beside * outer)
    return torch.ones(len(face), device=face.device)
