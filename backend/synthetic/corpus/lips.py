"""A person and a face in; the red of the lips out: border, creases, pigment and blood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...imaging.smooth_step import smooth_step
from .face import Face
from .person import Person
from .texture_noise import fractal_noise

_NEAR_MM = 8.0
_BORDER_MM = (2.2, 3.6)  # softness of the border, from person to person


@dataclass(frozen=True, eq=False)
class Lips:
    """Fields (n,)."""

    share: torch.Tensor  # of red in [0, 1]
    creases: torch.Tensor  # depth, signed, deviation about 1, positive in a crease
    rim: torch.Tensor  # the pale roll of skin round the red, in [0, 1]
    wet: torch.Tensor  # the line between the lips, in [0, 1]


def lips_of(face: Face, person: Person) -> Lips:
    """Lips whose outline, fullness and creases are the person's own."""
    seed = person.seed * 97
    random = np.random.default_rng([person.seed, 41])
    soft, fuller = random.uniform(*_BORDER_MM), random.normal(0.1, 0.5)
    near = (face.lip_inside_mm > -_NEAR_MM).nonzero()[:, 0]
    points, step_mm = face.points_mm[near], face.step_mm[near]
    wavy = 0.35 * fractal_noise(points, 7.0, 2, seed + 71, step_mm)
    wavy += 0.18 * fractal_noise(points, 2.4, 2, seed + 74, step_mm)
    inside = face.lip_inside_mm[near] + fuller - 0.8 * person.wrinkles + wavy
    creases = _creases(points, face.lip_seam_z_mm[near], step_mm, seed)
    creases = creases * (0.8 + 0.5 * person.wrinkles)
    # Creases run out over the border, each a little way.
    share = smooth_step(-0.7 * soft, 0.7 * soft, inside + 0.02 * creases)
    rim = torch.exp(-0.5 * ((inside + 1.6) / 1.3) ** 2) * (1.0 - share)
    wide = float(np.hypot(1.1, 0.5 * face.texel_mm))
    wet = share * torch.exp(-((face.lip_seam_mm[near] / wide) ** 2))

    def everywhere(values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(face), device=face.device).index_copy(0, near, values)

    return Lips(everywhere(share), everywhere(creases), everywhere(rim), everywhere(wet))


def _creases(
    points: torch.Tensor, seam_z_mm: torch.Tensor, step_mm: torch.Tensor, seed: int
) -> torch.Tensor:
    """Fine creases (k,) across the lips: of unlike length and depth, fanning out to the corners."""
    across, up = points[:, 0], points[:, 2] - seam_z_mm
    fanned = across / (1.0 + 0.02 * up.abs())
    fanned = fanned + 0.25 * fractal_noise(points, 6.0, 2, seed + 75, step_mm)
    flat = torch.stack([fanned, 0.16 * up, 0.03 * across], 1)
    total = torch.zeros_like(across)
    for wave, weight, k in ((3.4, 0.6, 0), (1.7, 1.0, 1), (0.9, 0.7, 2)):
        # The zero lines of a noise are thin and wander; patches end them here and there.
        sharp = 1.0 - fractal_noise(flat, wave, 1, seed + 76 + k, step_mm).abs() / 0.45
        some = smooth_step(-0.9, 1.0, fractal_noise(points, 3.0, 2, seed + 80 + k, step_mm, 0.8))
        # Where texels cannot hold them the noise is 0 everywhere, which is no line.
        held = ((wave / step_mm - 1.6) / 1.6).clamp(0.0, 1.0)
        total += weight * held * (sharp.clamp(min=0.0) * some - 0.17)
    return (2.2 * total).clamp(-1.5, 2.8)


def lip_pigment(
    face: Face, person: Person, lips: Lips
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What lips add: log melanin (n,), log blood (n,), and loss of log albedo (n,).

    In dark skin brown and mauve, rosy inside the lower lip; the upper one is darker.
    """
    seed = person.seed * 97
    dark = float(np.interp(person.skin_type, [1, 3, 5], [0.0, 0.5, 1.0]))
    inner = torch.exp(-0.5 * (face.lip_seam_mm / 4.5) ** 2)
    rosy = dark * (0.45 + 0.75 * inner * (1.0 - face.upper_lip))
    own = 0.14 * person.lip_dark * (1.0 + 0.5 * face.upper_lip) + 0.05 + 0.10 * dark
    melanin = lips.share * (own - 0.50 * rosy)
    patchy = face.noise(5.0, 3, seed + 73)
    red = person.lip_red * (0.85 + 0.25 * inner + 0.15 * patchy)
    blood = lips.share * (red + 0.10 * lips.creases + 0.5 * lips.wet) - 0.22 * lips.rim
    loss = lips.share * (0.16 * face.upper_lip + 0.055 * lips.creases - 0.06 * (1.0 - inner))
    loss += 0.12 * lips.wet + 0.3 * lips.share * face.folds - 0.05 * lips.rim
    return melanin, blood, loss
