"""A person and a face in; the pigments of bare skin and lips, and their albedo, out.

Strengths of the uneven pigment are given in log albedo and divided by what one unit of log melanin
does to this person's skin, so that light and dark skin vary alike, as real skin does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...imaging.smooth_step import smooth_step
from .biophysics import skin_albedo, skin_table
from .face import Face
from .lips import Lips, lip_pigment
from .person import MELANIN_BY_TYPE, Person
from .shades import Shades, shades_of
from .skin_marks import Marks

_DARKEST_MISSES = (1.04, 0.912, 1.042)  # grid / two layers at type VI
# Deviation of log albedo from coarse and from fine uneven pigment, at strength 1.
_COARSE, _FINE = 0.130, 0.062


@dataclass(frozen=True, eq=False)
class Layers:
    """What lies on and in the skin; shares (n,) in [0, 1]."""

    lips: Lips
    beard: torch.Tensor  # where beard grows
    wrinkles: torch.Tensor  # depth
    pores: torch.Tensor  # depth


def bare_albedo(face: Face, person: Person, layers: Layers, marks: Marks) -> torch.Tensor:
    """Linear albedo (3, n) of skin and lips, without hair and make-up."""
    seed = person.seed * 97
    shades = shades_of(face, person)
    red, red_blood, red_loss = lip_pigment(face, person, layers.lips)
    lined = 0.19 * layers.pores + 0.16 * layers.wrinkles + _weave(face, person)
    skin = 1.0 - layers.lips.share
    melanin = _melanin(face, person, seed) + (shades.melanin * skin + lined) / _reach(person)
    melanin = _evened(face, melanin, layers) + red
    blood = _blood(face, person, seed) + shades.blood * skin
    blood = blood + 0.3 * (layers.wrinkles + layers.pores)
    blood = _evened(face, blood, layers) + red_blood
    oxygen = person.oxygenation + shades.oxygen
    oxygen = oxygen + layers.lips.share * (0.9 - oxygen)
    spread = person.melanin * _melanin_factor(melanin, person) * marks.melanin_factor
    spread = spread + marks.melanin_added * (1.0 - 0.7 * layers.lips.share)
    flow = person.blood * blood.exp() * marks.blood_factor
    linear = skin_table(person.eumelanin, face.device)(spread, flow, oxygen)
    linear = linear * torch.exp(-red_loss) * _tint(face, person, layers, shades)
    return linear * _residual(person, face.device)[:, None]


def _evened(face: Face, field: torch.Tensor, layers: Layers) -> torch.Tensor:
    """The field without its median over the face, so that the person keeps the tone drawn for it;
    weaker on the lips, which have lines instead."""
    return (field - field[face.bare].median()) * (1.0 - 0.65 * layers.lips.share)


def _reach(person: Person) -> float:
    """What one unit of log melanin takes from the log albedo in green."""
    pigments = np.full(2, person.eumelanin), np.full(2, person.blood), np.full(2, 0.75)
    albedo = skin_albedo(person.melanin * np.array([0.9, 1.1]), *pigments)[:, 1]
    return max(float(np.log(albedo[0] / albedo[1]) / np.log(1.1 / 0.9)), 0.1)


def _melanin(face: Face, person: Person, seed: int) -> torch.Tensor:
    """Log factor (n,) on the person's melanin."""
    coarse = 0.90 * face.noise(70.0, 2, seed + 1, 0.5) + 0.50 * face.noise(17.0, 2, seed + 2)
    fine = 0.85 * face.noise(5.5, 4, seed + 3, 0.7) + 0.32 * face.noise(1.6, 3, seed + 4, 0.85)
    # Uneven pigment comes in patches; evenly rough skin looks like plaster.
    patches = (1.0 + 0.35 * face.noise(22.0, 2, seed + 5)).clamp(0.35, 1.9)
    fine = fine + 0.75 * _clusters(face, 4.6, seed + 6)
    albedo = person.mottle * _melanin_share(person) * (_COARSE * coarse + _FINE * patches * fine)
    sunny = face.bump("forehead", 34.0) + 0.7 * face.bump("nose_bridge", 16.0)
    sunny += 0.5 * face.bump("cheek", 24.0)
    shaded = face.bump("mouth_corner", 11.0) + 0.6 * face.bump("chin_boss", 14.0)
    albedo += 0.075 * person.sun * sunny + 0.05 * person.lip_dark * shaded
    return albedo / _reach(person)


def _weave(face: Face, person: Person) -> torch.Tensor:
    """Loss of log albedo (n,) by the skin's finest relief, cells of half a millimetre with darker
    furrows, which only large textures hold."""
    seed = person.seed * 97
    rough = 0.032 * (0.7 + 0.3 * min(person.pores, 2.0))
    wave = 0.85 * face.noise(0.75, 1, seed + 8) + face.noise(0.48, 1, seed + 9)
    return rough * torch.maximum(wave, -0.5 * wave.square())


def _melanin_factor(log_factor: torch.Tensor, person: Person) -> torch.Tensor:
    """The factor (n,) on melanin: in light skin what is lost is proportional to the amount, and an
    exponential's tail would be stains."""
    straight = float(np.interp(person.skin_type, [0, 3], [1.0, 0.25]))
    more = (1.0 + straight * log_factor.clamp(min=0.0)) ** (1.0 / straight)
    return more * log_factor.clamp(max=0.0).exp()


def _clusters(face: Face, wavelength_mm: float, seed: int) -> torch.Tensor:
    """Spots that stand in groups (n,), deviation about 1: islands of a noise, where another one
    lets them be."""
    grouped = smooth_step(-0.7, 1.1, face.noise(4.5 * wavelength_mm, 2, seed + 7))
    islands = smooth_step(0.2, 1.5, face.noise(wavelength_mm, 3, seed, 0.65))
    return 3.4 * (islands * grouped - 0.11)


def _melanin_share(person: Person) -> float:
    """How much of the unevenness is pigment; the rest is blood, which dark skin hides."""
    return float(np.interp(person.skin_type, [0, 2, 4], [0.55, 0.75, 1.0]))


def _blood(face: Face, person: Person, seed: int) -> torch.Tensor:
    """Log factor (n,) on the person's blood."""
    field = 0.20 * face.noise(34.0, 2, seed + 21) + 0.12 * face.noise(9.0, 3, seed + 22)
    field += 0.22 * face.noise(2.6, 4, seed + 23, 0.75) + 0.16 * _clusters(face, 6.5, seed + 25)
    field = person.mottle * field
    flush = 0.55 * face.bump("cheek", 17.0, (6.0, 0.0, -4.0)) + 0.55 * face.bump("nose_tip", 10.0)
    flush += 0.5 * face.bump("ala", 6.0) + 0.22 * face.bump("chin_boss", 12.0)
    flush += 0.25 * face.bump("inner_canthus", 6.0)
    blotches = 1.0 + 0.30 * face.noise(7.0, 3, seed + 24).clamp(-2.0, 2.0)
    pale = 0.15 * face.bump("forehead", 30.0) + 0.2 * face.bump("under_eye", 9.0, (6.0, 0.0, -3.0))
    return field + person.flush * flush * blotches - pale


def _residual(person: Person, device: torch.device) -> torch.Tensor:
    """(3,) what the two layers miss of the grid's darkest tone, for they make it too green."""
    types = np.log(MELANIN_BY_TYPE[-2:])
    share = float(np.interp(np.log(person.melanin), types, [0.0, 1.0]))
    return torch.tensor(_DARKEST_MISSES, device=device) ** share


def _tint(face: Face, person: Person, layers: Layers, shades: Shades) -> torch.Tensor:
    """Factor (3, n): carotene, which the blood and melanin do not cover, and beard roots."""
    sallow = face.bump("forehead", 28.0) + 0.8 * face.bump("chin_boss", 18.0)
    sallow = person.sallow * (sallow + 0.6 * face.bump("under_eye", 10.0))
    sallow = sallow * (1.0 - layers.lips.share)
    sallow = sallow - sallow[face.bare].median()  # the tone stays the one drawn
    carotene = torch.tensor([0.0, 0.012, 0.075], device=face.device)
    # Hair roots lie deep: what comes back past them is bluer than what they take.
    roots = torch.tensor([0.42, 0.33, 0.27], device=face.device)
    grown = layers.beard * person.beard_shadow * (0.85 + 0.15 * face.noise(1.2, 2, person.seed))
    # Through the thin skin of the lips light goes to the deep blood and back, which the two layers
    # do not hold; melanin hides most of it.
    deep = torch.tensor([0.10, 0.27, 0.23], device=face.device) / (1.0 + 1.5 * person.melanin)
    red = person.lip_red * layers.lips.share * (0.55 + 0.10 * layers.lips.creases)
    thin = torch.tensor([0.0, 0.02, 0.12], device=face.device)
    carotene = carotene / (1.0 + 6.0 * person.melanin)
    loss = carotene[:, None] * sallow + thin[:, None] * shades.warm * (1.0 - layers.lips.share)
    loss = loss + roots[:, None] * 0.55 * grown + deep[:, None] * red
    # Melanin hides blood in the two layers, yet light that enters a thin ear passes it only twice.
    dark = float(np.interp(person.skin_type, [1, 5], [0.0, 1.0]))
    through = dark * torch.tensor([-0.08, 0.06, 0.09], device=face.device)
    loss = loss + through[:, None] * shades.ruddy * (1.0 - layers.lips.share)
    return torch.exp(-loss)
