"""A person and a face in; where brows, beard and scalp hair cover its texels out.

Roots are strewn by density over the skin itself, so borders are made of single hairs and the same
person has the same hairs at every size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .beard import beard_cover, beard_density
from .brows import brow_cover
from .face import Face
from .person import Person
from .scalp import scalp_cover, scalp_density
from .strands import Strands


@dataclass(frozen=True, eq=False)
class Hair:
    """Brows' cover (n,) in [0, 1], and the rest."""

    brows: torch.Tensor
    beard: Strands
    scalp: Strands
    tufts: torch.Tensor  # (n,) how much lighter scalp and beard are, in log albedo

    @property
    def cover(self) -> torch.Tensor:
        """(n,) in [0, 1]: by whatever hair covers most."""
        return torch.maximum(self.brows, torch.maximum(self.beard.cover, self.scalp.cover))


@dataclass(frozen=True, eq=False)
class Growth:
    """Shares (n,) in [0, 1]: how densely hair grows, whatever is left standing of it."""

    beard: torch.Tensor
    scalp: torch.Tensor


def growth_of(face: Face, person: Person) -> Growth:
    """Beard and scalp of a person."""
    beardless = person.beard == "none" and person.beard_shadow == 0.0
    beard = torch.zeros(len(face), device=face.device)
    return Growth(beard if beardless else beard_density(face, person), scalp_density(face, person))


def grow_hair(face: Face, person: Person, own: Growth, roots: Growth) -> Hair:
    """Draw all hair of a person; `own` and `roots` are the growth on `face` and on its roots."""
    random = np.random.default_rng([person.seed, 51])
    tufts = 0.14 * face.noise(11.0, 2, person.seed * 97 + 95)
    tufts = (tufts + 0.2 * face.noise(3.0, 3, person.seed * 97 + 96, 0.8)).clamp(-0.45, 0.45)
    return Hair(
        brow_cover(face, person, random),
        beard_cover(face, person, own.beard, roots.beard, random),
        scalp_cover(face, person, own.scalp, roots.scalp, random),
        tufts,
    )
