"""Real textures in; unlike ones with another tone, another's marks, or two persons' mixed, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ...imaging.smooth_step import smooth_step
from .anatomy import Anatomy
from .biophysics import skin_table
from .face import Face, face_of
from .painter import StudioTexture, printable, texture_image
from .person import draw_person
from .skin_marks import place_marks

# Loss of log albedo (red, green, blue) per unit of each pigment.
_MELANIN, _BLOOD = np.array([0.31, 0.43, 0.58]), np.array([0.10, 0.42, 0.33])
_MELANIN_SD, _BLOOD_SD = 0.28, 0.22
_ALIKE = 0.5  # difference of log albedo


def vary(textures: Sequence[StudioTexture], anatomy: Anatomy, seed: int) -> StudioTexture:
    """One of real `textures` on `anatomy`, half of the time mixed with another, in a shifted tone
    and with the marks of the made-up person of that seed. `seed` is 0 or more."""
    random = np.random.default_rng([seed, 71])
    chosen = textures[int(random.integers(len(textures)))]
    face = face_of(anatomy, chosen.albedo.device)
    tone = _log_tone(chosen, face)
    # Light and dark do not mix: lips and hair of the one would be stains on the other.
    alike = [
        other
        for other in textures
        if other is not chosen and float((_log_tone(other, face) - tone).abs().max()) < _ALIKE
    ]
    if alike and random.random() < 0.5:
        chosen = blended(chosen, alike[int(random.integers(len(alike)))], anatomy, seed)
    melanin, blood = random.normal(0.0, (_MELANIN_SD, _BLOOD_SD))
    return with_marks(toned(chosen, anatomy, float(melanin), float(blood)), anatomy, seed)


def toned(texture: StudioTexture, anatomy: Anatomy, melanin: float, blood: float) -> StudioTexture:
    """Skin with so much more of each pigment, in units of `_MELANIN` and `_BLOOD`."""
    face = face_of(anatomy, texture.albedo.device)
    skin = texture_image(face, face.skin)
    loss = face.tensor(melanin * _MELANIN + blood * _BLOOD)[:, None, None] * skin
    return replace(texture, albedo=printable(texture.albedo * torch.exp(-loss)))


def with_marks(texture: StudioTexture, anatomy: Anatomy, seed: int) -> StudioTexture:
    """Moles, freckles, spots, scars and vessels of the person of that seed laid on the skin."""
    face = face_of(anatomy, texture.albedo.device)
    person = draw_person(seed)
    roots = face.roots
    free = (roots.region("face") + roots.region("neck") - 1.5 * roots.lips).clamp(0.0, 1.0)
    marks = place_marks(face, person, free * (1.0 - roots.region("scalp")).clamp(min=0.0))
    table = skin_table(person.eumelanin, face.device)
    plain = torch.full_like(marks.melanin_added, person.melanin)
    flow = torch.full_like(plain, person.blood)
    oxygen = torch.full_like(plain, person.oxygenation)
    marked = table(
        plain * marks.melanin_factor + marks.melanin_added, flow * marks.blood_factor, oxygen
    )
    ratio = torch.where(face.skin > 0, marked / table(plain, flow, oxygen), 1.0)
    return replace(
        texture,
        albedo=printable(texture.albedo * texture_image(face, ratio)),
        height_m=texture.height_m + texture_image(face, marks.height_um * 1e-6 * face.skin),
        moles=marks.moles,
    )


def blended(
    first: StudioTexture, second: StudioTexture, anatomy: Anatomy, seed: int
) -> StudioTexture:
    """The first person's tone and hair with the second's face, in places more, in others less.

    The second is brought to the first's tone before, or light and dark would lie in patches.
    """
    face = face_of(anatomy, first.albedo.device)
    share = smooth_step(-1.5, 1.5, face.noise(70.0, 2, seed * 97 + 7)) * face.region("face")
    share = share * face.skin * (1.0 - face.region("scalp").clamp(max=1.0))
    log, other = first.albedo.log(), second.albedo.log()
    shift = _log_tone(first, face) - _log_tone(second, face)
    mixed = torch.lerp(log, other + shift[:, None, None], texture_image(face, share))
    return replace(first, albedo=printable(mixed.exp()))


def _log_tone(texture: StudioTexture, face: Face) -> torch.Tensor:
    """(3,) median log albedo of the bare face."""
    return texture.albedo[:, texture_image(face, face.bare)].log().median(dim=1).values
