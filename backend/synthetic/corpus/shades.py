"""A person and a face in; the lasting colour of its parts out: sockets, ears, nose, mouth, neck.

Thin skin shows blood and pigment gathers in folds and in what rubs or is shaded from drying; the
strengths are medians of what even-lit scans show, in log albedo, and vary from person to person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...imaging.smooth_step import smooth_step
from .face import Face
from .person import Person


@dataclass(frozen=True, eq=False)
class Shades:
    """Fields (n,) to be added."""

    melanin: torch.Tensor  # loss of log albedo in green by pigment
    blood: torch.Tensor  # log factor on the blood
    oxygen: torch.Tensor  # change of the oxygenation
    warm: torch.Tensor  # share of what thin skin takes from blue light beyond its blood
    ruddy: torch.Tensor  # share of thin skin whose deep blood shows even in dark skin


def shades_of(face: Face, person: Person) -> Shades:
    """Colour of the face's parts, beside the uneven pigment of all skin."""
    random = np.random.default_rng([person.seed, 43])
    ear, crease, corner, neck, light = random.lognormal(0.0, 0.25, 5)
    seed = person.seed * 97
    uneven = (1.0 + 0.22 * face.noise(6.0, 3, seed + 44)).clamp(0.4, 1.6)
    lids, under = _round_eyes(face, person)
    lids, under = lids * min(person.lid_shade, 1.7), under * min(person.under_eye, 2.2)
    # Dark skin hides its blood: there it is all pigment.
    dark = float(np.interp(person.skin_type, [1, 4], [0.0, 1.0]))
    # Sockets look darker in pictures than they are: what is in the skin is the smaller part.
    melanin = (0.15 + 0.15 * dark) * lids + (0.12 + 0.08 * dark) * under
    blood = 0.50 * lids + 0.50 * under
    ears = smooth_step(0.0, 1.0, face.region("ears"))
    # The template's region ends in a straight edge before the ear: colour comes in behind it. The
    # landmark of the tragus lies 22 mm before the ear itself.
    behind = face.points_mm[:, 1] - float(face.place("tragus")[1])
    behind = behind + 2.0 * face.noise(9.0, 2, seed + 46)
    ears = ears * (0.25 + 0.75 * smooth_step(19.0, 36.0, behind))
    deep = (face.hollows * 2.2).clamp(max=1.0)
    # The rim's thin skin is reddest; the concha is red too, and a little darker.
    rim = smooth_step(0.25, 0.02, face.hollows)
    blood += ear * ears * uneven * (0.60 + 0.30 * rim + 0.30 * deep)
    melanin += ears * (0.05 + 0.13 * crease * deep)
    open_skin = 1.0 - ears
    nose = face.bump("ala", 11.0) + face.bump("nose_tip", 14.0)
    # The wings' creases are dark in pictures by shadow; the skin in them is only a little redder.
    melanin += 0.08 * crease * open_skin * face.hollows * nose.clamp(max=1.0)
    blood += 0.8 * crease * open_skin * face.hollows * nose.clamp(max=1.0)
    mouth = face.bump("mouth_corner", 3.2) + 0.4 * face.bump("mouth_corner", 7.0)
    melanin += 0.13 * corner * mouth
    blood += 0.30 * corner * mouth
    fold = face.bump("lip_lower_middle", 6.0, (0.0, 0.0, -6.0))
    melanin += 0.05 * crease * fold
    below = smooth_step(0.0, 26.0, float(face.place("chin")[2]) + 4.0 - face.points_mm[:, 2])
    melanin += (0.13 + 0.08 * dark) * neck * below
    blood += 0.3 * neck * below * uneven
    bright = 0.13 * face.bump("forehead", 24.0) + 0.11 * face.bump("cheek", 14.0)
    melanin -= light * bright
    blood -= 0.15 * light * face.bump("forehead", 26.0)
    oxygen = 0.12 * ears - 0.12 * under - 0.06 * lids
    ruddy = ear * ears * uneven * (0.55 + 0.45 * rim)
    return Shades(melanin, blood, oxygen, ears + 0.4 * lids, ruddy)


def _round_eyes(face: Face, person: Person) -> tuple[torch.Tensor, torch.Tensor]:
    """Shares (n,): of lids and sockets, darkest at the upper lid and the nose; under the eyes."""
    upper = (face.upper_lid_mm < face.lower_lid_mm + 0.5).float()
    above = torch.exp(-0.5 * (face.upper_lid_mm / 8.0) ** 2) * upper
    near = torch.exp(-0.5 * (face.upper_lid_mm / 3.0) ** 2)
    inner = face.bump("inner_canthus", 6.5, (-3.0, 0.0, 5.0))
    lower = torch.exp(-0.5 * (face.lower_lid_mm / 3.5) ** 2)
    above = above * (1.0 + 0.5 * face.hollows)
    lids = 0.6 * torch.maximum(above, lower) + 0.30 * near + 0.35 * inner
    bag = torch.exp(-0.5 * ((face.lower_lid_mm - 6.0) / 4.0) ** 2)
    veil = bag * face.bump("under_eye", 11.0, (-8.0, 0.0, 2.0))
    patchy = (1.0 + 0.2 * face.noise(5.0, 3, person.seed * 97 + 45)).clamp(0.4, 1.6)
    return lids * patchy, veil * patchy
