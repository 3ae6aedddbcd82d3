"""What every training draws from: painted persons, heads and lights, kept between runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import Progress

from ..atlas.texel_map import texel_map
from ..imaging.tensor_color import linear_from_srgb, srgb_from_linear
from ..synthetic.corpus.anatomy import Anatomy
from ..synthetic.corpus.bank import Bank, build_bank, corpus_version
from ..synthetic.corpus.painter import StudioTexture, paint
from ..synthetic.corpus.person import draw_person
from ..synthetic.corpus.real_variation import vary
from ..synthetic.corpus.studio_folder import StudioFolder, wrapped_textures
from ..synthetic.simulator import (
    Environments,
    HeadTables,
    Simulator,
    Skins,
    bake_tables,
    concatenate,
    draw_environments,
    load_tables,
    read_hdris,
    save_tables,
)
from ..synthetic.simulator.tables import tables_version

# Seeds of persons. Those below are nobody's training data: benchmarks draw from them.
FIRST_TRAINING_SEED = 1000
# How many heads are baked and environments drawn: variety against minutes of baking at first use.
HEADS, ENVIRONMENTS = 24, 512
HEADS_SEED, ENVIRONMENTS_SEED = 100, 200
# Identity parameters beyond this many standard deviations make caricatures.
MAX_IDENTITY_SD = 2.0
# Panoramas of a given folder are repeated to a fourth of the made-up environments' number: real
# light is worth more than made-up light, but few panoramas would be learnt by heart.
HDRI_DIVISOR = 4
# Principled's, of textures that bring none: the middle of what `corpus.relief` paints on faces.
DEFAULT_ROUGHNESS, DEFAULT_SPECULAR_LEVEL = 0.45, 0.35


@dataclass(frozen=True, eq=False)
class TexturePool:
    """P studio textures, 8 bits each, on one device."""

    albedo_srgb: torch.Tensor  # (P, 3, N, N) uint8
    roughness: torch.Tensor  # (P, N, N) uint8, of 255
    specular: torch.Tensor  # (P, N, N) uint8, of 255

    def __len__(self) -> int:
        return len(self.albedo_srgb)

    @classmethod
    def from_bank(cls, bank: Bank, device: torch.device) -> TexturePool:
        """All persons of a painted bank."""
        return cls._stack(bank.texture(i, device) for i in range(len(bank)))

    @classmethod
    def from_folder(
        cls, folder: StudioFolder, seeds: Sequence[int], size: int, device: torch.device
    ) -> TexturePool:
        """Variations of the folder's textures, with marks of the painted persons of `seeds`.

        Raises CorpusError as `wrapped_textures`.
        """
        template = load_template()
        anatomy = Anatomy(texel_map(template, size), template.vertices_m)
        real = wrapped_textures(folder, anatomy, device)
        return cls._stack(vary(real, anatomy, seed) for seed in seeds)

    @classmethod
    def paint(cls, seeds: Sequence[int], size: int, device: torch.device) -> TexturePool:
        """The persons of `seeds`, painted now on a device that does so fast."""
        template = load_template()
        anatomy = Anatomy(texel_map(template, size), template.vertices_m)
        return cls._stack(paint(draw_person(seed), anatomy, device) for seed in seeds)

    @classmethod
    def from_colours(cls, albedo_srgb: torch.Tensor) -> TexturePool:
        """Textures (P, 3, N, N) uint8 sRGB without other maps: they shine as most skin does."""
        full = torch.full_like(albedo_srgb[:, 0], 255)
        roughness, specular = (
            to_uint8(full / 255 * v) for v in (DEFAULT_ROUGHNESS, DEFAULT_SPECULAR_LEVEL)
        )
        return cls(albedo_srgb, roughness, specular)

    @classmethod
    def _stack(cls, textures: Iterable[StudioTexture]) -> TexturePool:
        maps = [
            (to_uint8(srgb_from_linear(t.albedo)), to_uint8(t.roughness), to_uint8(t.specular))
            for t in textures
        ]
        return cls(*map(torch.stack, zip(*maps, strict=True)))

    def concatenate(self, other: TexturePool) -> TexturePool:
        """The textures of `self`, then those of `other`, which are of the same size."""
        return TexturePool(
            torch.cat([self.albedo_srgb, other.albedo_srgb]),
            torch.cat([self.roughness, other.roughness]),
            torch.cat([self.specular, other.specular]),
        )

    def downsample(self, size: int) -> TexturePool:
        """At `size` texels a side, which divides the present one."""
        maps = (self.albedo_srgb, self.roughness[:, None], self.specular[:, None])
        albedo, roughness, specular = (
            to_uint8(functional.interpolate(m.float() / 255, (size, size), mode="area"))
            for m in maps
        )
        return TexturePool(albedo, roughness[:, 0], specular[:, 0])

    def take(self, index: torch.Tensor) -> Skins:
        """Those of `index` (B,) int64, as floats: linear (B, 3, N, N), and (B, N, N) maps."""
        return Skins(
            linear_from_srgb(self.albedo_srgb[index].float() / 255),
            self.roughness[index].float() / 255,
            self.specular[index].float() / 255,
        )


def load_or_paint_bank(folder: Path, seeds: Sequence[int], size: int) -> Bank:
    """The persons of `seeds`, painted now where `folder` does not hold them yet."""
    return build_bank(folder / f"bank_{size}_{corpus_version()}", seeds, size)


def load_or_bake_tables(folder: Path, template: HeadTemplate, heads: int = HEADS) -> HeadTables:
    """Tables of random heads, baked now where `folder` does not hold them yet."""
    path = folder / f"heads_{heads}_{tables_version()}_{template.sha256[:12]}.npz"
    if not path.is_file():
        random = np.random.default_rng(HEADS_SEED)
        drawn = random.normal(size=(heads, len(template.identity_names)))
        folder.mkdir(parents=True, exist_ok=True)
        save_tables(bake_tables(template, np.clip(drawn, -MAX_IDENTITY_SD, MAX_IDENTITY_SD)), path)
    return load_tables(path, template)


def load_environments(hdris: Path | None) -> Environments:
    """Made-up environments, and those of a folder of panoramas."""
    generator = torch.Generator().manual_seed(ENVIRONMENTS_SEED)
    drawn = draw_environments(generator, ENVIRONMENTS)
    if hdris is None:
        return drawn
    real = read_hdris(hdris)
    repeated = torch.arange(len(real)).repeat(max(ENVIRONMENTS // HDRI_DIVISOR // len(real), 1))
    return concatenate([drawn, real.take(repeated)])


def load_simulator(
    folder: Path, device: torch.device, size: int, hdris: Path | None, progress: Progress
) -> Simulator:
    """The simulator with the heads of `folder` and all lights."""
    template = load_template()
    progress(0, 1, "baking what heads see of the room")
    tables = load_or_bake_tables(folder, template)
    progress(1, 1, "")
    return Simulator.on(device, template, tables, load_environments(hdris), size)


def to_uint8(values: torch.Tensor) -> torch.Tensor:
    """Values (...) in [0, 1], beyond which they are clipped, as uint8 of 255."""
    return (values.clamp(0, 1) * 255).round().byte()
