"""A person and an anatomy in; the studio texture of that person, without any light in it, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...imaging.smooth_step import smooth_step
from .anatomy import Anatomy
from .complexion import Layers, bare_albedo
from .face import Face, face_of
from .hair import Growth, Hair, grow_hair, growth_of
from .lips import lips_of
from .organs import organ_colors
from .person import Person
from .relief import pores, skin_height_m, skin_shine, wrinkles
from .skin_marks import Moles, place_marks

SIZES = (256, 4096)
_DARKEST, _BRIGHTEST = 0.002, 0.98
_MUCOSA_LOSS = np.array([0.9, 1.25, 1.25])  # of log albedo in the nostrils


@dataclass(frozen=True, eq=False)
class StudioTexture:
    """Square maps of one person, top row first, continued into the gutters; float32 tensors."""

    albedo: torch.Tensor  # (3, N, N) linear Rec.709 in (0, 1)
    roughness: torch.Tensor  # (N, N) perceptual, in [0, 1]
    specular: torch.Tensor  # (N, N) Principled's IOR level
    height_m: torch.Tensor  # (N, N) above the smooth surface
    moles: Moles
    iris_linear: tuple[float, float, float]

    @property
    def size(self) -> int:
        return self.roughness.shape[-1]


def paint(person: Person, anatomy: Anatomy, device: torch.device) -> StudioTexture:
    """Paint `person` on the head `anatomy`, whose table's size is the texture's.

    The same person, head and size give the same bits on a processor; another size shows the same
    details in the same places. Raises ValueError for a size out of SIZES.
    """
    size = anatomy.texels.size
    if not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"a texture has {SIZES[0]} to {SIZES[1]} texels a side, not {size}")
    face = face_of(anatomy, device)
    lips = lips_of(face, person)
    own, roots = growth_of(face, person), growth_of(face.roots, person)
    layers = Layers(
        lips=lips,
        beard=own.beard,
        wrinkles=wrinkles(face, person) * (1.0 - lips.share),
        pores=pores(face, person) * (1.0 - lips.share),
    )
    marks = place_marks(face, person, _free(face.roots, person, roots))
    hair = grow_hair(face, person, own, roots)
    linear = bare_albedo(face, person, layers, marks)
    linear = _with_make_up(face, person, layers, linear)
    # The region fades out over the wings; only its inside is mucosa, which is dark red.
    nostrils = smooth_step(0.4, 1.2, face.region("nostrils"))
    linear = linear * torch.exp(-face.tensor(_MUCOSA_LOSS)[:, None] * nostrils)
    linear = _with_hair(face, person, hair, linear)
    linear = torch.where(face.skin > 0, linear, organ_colors(face, person.iris_linear))
    height = skin_height_m(
        face, person, layers.pores, layers.wrinkles, lips.creases, lips.share, marks.height_um
    )
    shine = skin_shine(face, person, lips.share, hair.cover)
    return as_texture(face, linear, shine, height, marks.moles, person.iris_linear)


def as_texture(
    face: Face,
    linear: torch.Tensor,
    shine: tuple[torch.Tensor, torch.Tensor],
    height_m: torch.Tensor,
    moles: Moles,
    iris_linear: tuple[float, float, float],
) -> StudioTexture:
    """Texel values: `linear` (3, n), roughness and specular level (n,), `height_m` (n,)."""
    roughness, specular = shine
    return StudioTexture(
        albedo=printable(texture_image(face, linear)),
        roughness=texture_image(face, roughness),
        specular=texture_image(face, specular),
        height_m=texture_image(face, height_m * face.skin),
        moles=moles,
        iris_linear=iris_linear,
    )


def printable(albedo: torch.Tensor) -> torch.Tensor:
    """Albedo that 8 bits of sRGB and a logarithm can hold."""
    return albedo.clamp(_DARKEST, _BRIGHTEST)


def texture_image(face: Face, values: torch.Tensor) -> torch.Tensor:
    """Texel values (..., n) as an image (..., N, N), continued into the gutters."""
    nearest = torch.from_numpy(face.anatomy.texels.nearest.astype(np.int64)).to(face.device)
    return values[..., nearest]


def _free(roots: Face, person: Person, growth: Growth) -> torch.Tensor:
    """(roots,) in [0, 1]: skin that shows, without hair or lip, on face and neck."""
    hidden = 1.5 * roots.lips + growth.scalp + roots.region("nostrils")
    hidden += roots.bump("outer_canthus", 3.0)
    if person.beard not in ("none", "stubble"):
        hidden += growth.beard
    lids = smooth_step(4.0, 1.5, torch.minimum(roots.upper_lid_mm, roots.lower_lid_mm))
    return (1.0 - hidden - lids).clamp(0.0, 1.0)


def _with_make_up(face: Face, person: Person, layers: Layers, linear: torch.Tensor) -> torch.Tensor:
    """Lipstick, blush, eye shadow and liner over (3, n), and the line of the lashes' roots."""
    worn = person.make_up
    # Lipstick wears off first where the lips meet, and stays in the creases.
    worn_off = 1.0 - 0.35 * layers.lips.wet + 0.10 * layers.lips.creases.clamp(-1.0, 1.0)
    worn_off = worn_off + 0.10 * face.noise(4.0, 3, person.seed * 97 + 72)
    cover = (0.85 * worn.lipstick * layers.lips.share * worn_off).clamp(0.0, 0.9)
    linear = _laid_over(linear, cover, worn.lipstick_linear, face)
    cheek = face.bump("cheek", 14.0, (8.0, 0.0, 3.0)) * worn.blush
    rose = torch.tensor([0.05, 0.32, 0.24], device=face.device)
    linear = linear * torch.exp(-rose[:, None] * cheek)
    lid = torch.exp(-0.5 * (face.upper_lid_mm / 5.0) ** 2) * (face.upper_lid_mm < face.lower_lid_mm)
    linear = _laid_over(linear, worn.shadow * lid, worn.shadow_linear, face)
    return _laid_over(linear, _lash_line(face, person), (0.020, 0.013, 0.010), face)


def _lash_line(face: Face, person: Person) -> torch.Tensor:
    """Cover (n,) by the roots of lashes and by liner: soft, broken, fading out to the nose."""
    worn, seed = person.make_up, person.seed * 97
    drawn = float(np.random.default_rng([person.seed, 55]).uniform(0.45, 1.0))
    blur = 0.5 * face.texel_mm

    def line(away_mm: torch.Tensor, wide_mm: float) -> torch.Tensor:
        wide = float(np.hypot(wide_mm, blur))
        return wide_mm / wide * torch.exp(-((away_mm / wide) ** 2))

    single = (0.75 + 0.35 * face.noise(1.6, 2, seed + 77)).clamp(0.2, 1.0)
    uneven = (0.85 + 0.2 * face.noise(5.0, 2, seed + 78)).clamp(0.4, 1.0)
    outward = 1.0 - 0.75 * face.bump("inner_canthus", 7.0)
    lashes = person.lashes * single
    upper = 0.45 * lashes * line(face.upper_lid_mm, 0.6)
    liner = 0.7 * worn.liner * uneven * line(face.upper_lid_mm, drawn)
    lower = 0.25 * lashes * line(face.lower_lid_mm, 0.45)
    return torch.maximum(torch.maximum(upper, liner), lower) * outward


def _with_hair(face: Face, person: Person, hair: Hair, linear: torch.Tensor) -> torch.Tensor:
    # Brows are a mix of lighter and darker hairs; in one colour they look painted on.
    mixed = 0.5 * face.noise(1.1, 2, person.seed * 97 + 98).clamp(-1.5, 1.5)
    for cover, colour, shade in (
        (hair.brows, person.brow_linear, mixed),
        (hair.beard.cover, person.beard_linear, hair.tufts + hair.beard.tone),
        (hair.scalp.cover, person.hair_linear, hair.tufts + hair.scalp.tone),
    ):
        tinted = shade.exp() * torch.tensor(colour, device=face.device)[:, None]
        linear = linear + 0.95 * cover * (tinted - linear)
    return linear


def _laid_over(
    linear: torch.Tensor, cover: torch.Tensor, colour: tuple[float, float, float], face: Face
) -> torch.Tensor:
    paint_linear = torch.tensor(colour, device=face.device)[:, None]
    return linear + cover * (paint_linear - linear)
