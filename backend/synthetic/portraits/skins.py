"""Seeds in; a bank of painted skins without scalp hair, and where hair would grow on them, out.

<seed>/base_color.png, roughness.png   the scalp bare, brows and beard as painted
       growth.npz                      shares of 255: `atlas_<kind>` (512, 512) and `roots_<kind>`
                                       (R,), over the roots that `Face.roots` strews, by GROWTHS
skins.json                             what the bank is: version and size

Painting takes some ten seconds a person, so that one bank serves all portraits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import Progress

from ...atlas.texel_map import TexelMap, texel_map
from ...imaging.image_files import linear_from_srgb, pixels_8bit, read_image_8bit
from ..corpus.anatomy import Anatomy
from ..corpus.bank import corpus_version
from ..corpus.biophysics import skin_albedo
from ..corpus.face import Face, face_of
from ..corpus.hair import growth_of
from ..corpus.painter import paint
from ..corpus.person import Person, draw_person
from ..corpus.skin_maps import skin_maps, write_maps

# The painter's scalps: a whole hairline, one with bays, and a rim round a bald head; and the beard.
GROWTHS = ("full", "receding", "bald", "beard")
GROWTH_TEXELS = 512
WORKERS = 2
_INDEX = "skins.json"


@dataclass(frozen=True, eq=False)
class Skin:
    """One painted person."""

    person: Person
    folder: Path
    mean_linear: tuple[float, float, float]  # of cheeks and neck
    neck_linear: NDArray[np.float32]  # (3,) where the neck ends
    atlas_growth: dict[str, NDArray[np.uint8]]  # (512, 512) by GROWTHS
    root_growth: dict[str, NDArray[np.float32]]  # (R,) in [0, 1] by GROWTHS

    @property
    def maps(self) -> dict[str, str]:
        """Files by map name."""
        return {name: str(self.folder / f"{name}.png") for name in ("base_color", "roughness")}

    @property
    def tone_angle_deg(self) -> float:
        """Individual typology angle: above 41 is light skin, below 10 dark."""
        red, green, blue = self.mean_linear
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
        lightness = 116.0 * np.cbrt(luminance) - 16.0
        yellow = 200.0 * (np.cbrt(luminance) - np.cbrt(z))
        return float(np.degrees(np.arctan2(lightness - 50.0, yellow)))


def build_skins(folder: Path, seeds: Sequence[int], texels: int, progress: Progress) -> None:
    """Paint what is missing of the bank in `folder`, a person for each seed, in two processes.

    A bank of another version of the painter, or of another size, is painted again.
    """
    version = {"version": corpus_version(), "texels": texels}
    index = folder / _INDEX
    known = json.loads(index.read_text("utf-8")) if index.is_file() else None
    folder.mkdir(parents=True, exist_ok=True)
    missing = [
        seed for seed in seeds if known != version or not _growth_file(folder, seed).is_file()
    ]
    for seed in missing if known != version else ():
        _growth_file(folder, seed).unlink(missing_ok=True)
    write_json(index, version)
    if missing:
        with ProcessPoolExecutor(min(WORKERS, len(missing)), get_context("spawn")) as processes:
            many = len(missing)
            made = processes.map(_paint_skin, [folder] * many, missing, [texels] * many)
            for done, seed in enumerate(made, start=1):
                progress(done, len(missing), f"painted skin {seed}")


def read_skin(folder: Path, seed: int) -> Skin:
    """The bank's person of that seed."""
    stored = read_arrays(_growth_file(folder, seed))
    return Skin(
        person=draw_person(seed),
        folder=folder / str(seed),
        mean_linear=_triple(stored["mean_linear"]),
        neck_linear=stored["neck_linear"],
        atlas_growth={kind: stored[f"atlas_{kind}"] for kind in GROWTHS},
        root_growth={kind: stored[f"roots_{kind}"].astype(np.float32) / 255.0 for kind in GROWTHS},
    )


@cache
def root_table() -> TexelMap:
    """Where the R roots lie on the template's triangles, the same for every person and head."""
    return _face(GROWTH_TEXELS).roots.anatomy.texels


def _growth_file(folder: Path, seed: int) -> Path:
    return folder / str(seed) / "growth.npz"


def _paint_skin(folder: Path, seed: int, texels: int) -> int:
    torch.set_num_threads(1)
    person = draw_person(seed)
    # The painter has no scalp without any hair: its rim is painted in the skin's own colour.
    pigments = (person.melanin, person.eumelanin, person.blood, person.oxygenation)
    bare = skin_albedo(*(np.array(pigment) for pigment in pigments))
    shaved = replace(person, scalp="bald", hair_linear=_triple(bare))
    face = _face(texels)
    out = folder / str(seed)
    out.mkdir(parents=True, exist_ok=True)
    maps = skin_maps(paint(shaved, face.anatomy, face.device), face.anatomy)
    write_maps({name: maps[name] for name in ("base_color", "roughness")}, out)
    growth = {}
    coarse = _face(GROWTH_TEXELS)
    for kind in GROWTHS:
        atlas = pixels_8bit(_growth(coarse, person, kind))
        growth[f"atlas_{kind}"] = coarse.anatomy.texels.scatter(atlas, gutters=False)
        growth[f"roots_{kind}"] = pixels_8bit(_growth(coarse.roots, person, kind))
    write_arrays(_growth_file(folder, seed), **growth, **_means(out, face))
    return seed


def _growth(face: Face, person: Person, kind: str) -> NDArray[np.float32]:
    """(n,) share of hair of a kind of GROWTHS, whatever the person's own is."""
    if kind == "beard":
        return growth_of(face, replace(person, beard="full")).beard.numpy()
    return growth_of(face, replace(person, scalp=kind)).scalp.numpy()


def _means(out: Path, face: Face) -> dict[str, NDArray[np.float32]]:
    """Mean linear colours of cheeks and neck, and of the neck's lower end."""
    texels = face.anatomy.texels
    linear = linear_from_srgb(texels.gather(read_image_8bit(out / "base_color.png")) / 255.0)
    skin = texels.is_material("skin")
    cheeks = skin & (face.anatomy.region("cheeks") > 0.5)
    lowest = skin & (face.anatomy.points[:, 2] < face.anatomy.points[skin, 2].min() + 12.0)
    return {
        "mean_linear": linear[cheeks].mean(0).astype(np.float32),
        "neck_linear": linear[lowest].mean(0).astype(np.float32),
    }


def _triple(values: NDArray) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


@cache
def _face(size: int) -> Face:
    template = load_template()
    return face_of(Anatomy(texel_map(template, size), template.vertices_m), torch.device("cpu"))
