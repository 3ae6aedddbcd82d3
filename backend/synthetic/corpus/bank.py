"""Seeds in; a folder of painted persons, quick to read while training, out; and back.

bank.json            what it is: version, size, seeds
<seed>.npy           (N, N, 7) uint8: sRGB albedo, roughness, specular, height as two bytes
<seed>_moles.npy     (m, 4) float32: position and radius in metres
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.files import whole_file
from studio_avatar_addon.avatar.template import load_template

from ...atlas.texel_map import texel_map
from ...imaging.image_files import linear_from_srgb, pixels_8bit
from ...store.source_fingerprint import source_fingerprint
from ...store.stage_cache import fingerprint
from .anatomy import Anatomy
from .errors import CorpusError
from .painter import StudioTexture, paint
from .person import draw_person
from .person_sheets import texture_srgb
from .skin_marks import Moles

INDEX = "bank.json"
WORKERS = 2
# What decides how a person looks; a change of the rest leaves stored banks good.
_HEIGHT_STEP_M = 1e-7
_REBUILD = "Delete that folder; it is made again when it is needed."


@dataclass(frozen=True)
class BankIndex:
    """What a bank's folder holds."""

    version: str  # `corpus_version` of the code and template that built it
    size: int
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Bank:
    """Stored persons, read one by one."""

    folder: Path
    index: BankIndex

    def __len__(self) -> int:
        return len(self.index.seeds)

    def texture(self, i: int, device: torch.device) -> StudioTexture:
        """Person i, with albedo as exact as 8 bits of sRGB are."""
        seed = self.index.seeds[i]
        try:
            maps = np.load(self.folder / f"{seed}.npy", allow_pickle=False)
            moles = np.load(self.folder / f"{seed}_moles.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise CorpusError(
                f"Person {seed} of the bank {self.folder} cannot be read ({error}).", _REBUILD
            ) from error
        values = torch.from_numpy(maps[..., :5].astype(np.float32) / 255.0).to(device)
        height = np.ascontiguousarray(maps[..., 5:]).view("<i2")[..., 0]
        linear = linear_from_srgb(maps[..., :3].astype(np.float32) / 255.0).astype(np.float32)
        return StudioTexture(
            albedo=torch.from_numpy(linear).to(device).permute(2, 0, 1).clamp(0.0005, 0.9995),
            roughness=values[..., 3],
            specular=values[..., 4],
            height_m=torch.from_numpy(height.astype(np.float32) * _HEIGHT_STEP_M).to(device),
            moles=Moles(moles[:, :3], moles[:, 3]),
            iris_linear=draw_person(seed).iris_linear,
        )


@cache
def corpus_version() -> str:
    """A mark (16 hex digits) of the code that paints and of the head template it paints on."""
    return fingerprint(load_template().sha256, source_fingerprint(__name__))


def build_bank(out: Path, seeds: Sequence[int], size: int) -> Bank:
    """Paint the persons of `seeds` at `size` texels into the folder `out`, in two processes.

    Persons that are there already are kept, so an interrupted build goes on. Raises CorpusError
    where `out` holds a bank of another version or size.
    """
    index = BankIndex(corpus_version(), size, tuple(seeds))
    if (out / INDEX).is_file():
        known = open_bank(out).index
        if known.size != size:
            raise CorpusError(f"The bank {out} has {known.size} texels a side.", _REBUILD)
    out.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in seeds if not (out / f"{seed}_moles.npy").is_file()]
    if missing:
        with ProcessPoolExecutor(WORKERS, get_context("spawn")) as processes:
            list(processes.map(_store, [out] * len(missing), missing, [size] * len(missing)))
    if missing or not (out / INDEX).is_file():  # other processes may be reading it
        with whole_file(out / INDEX) as partial:
            partial.write_text(json.dumps(asdict(index), indent=1), "utf-8")
    return Bank(out, index)


def open_bank(folder: Path) -> Bank:
    """Raises CorpusError where there is no bank, or one that other code or a template built."""
    try:
        stored = json.loads((folder / INDEX).read_text("utf-8"))
        index = BankIndex(str(stored["version"]), int(stored["size"]), tuple(stored["seeds"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"The folder {folder} holds no bank of textures.", _REBUILD) from error
    if index.version != corpus_version():
        raise CorpusError(
            f"The bank {folder} was built by another version of the corpus.", _REBUILD
        )
    return Bank(folder, index)


def _store(out: Path, seed: int, size: int) -> None:
    torch.set_num_threads(1)
    texture = paint(draw_person(seed), _anatomy(size), torch.device("cpu"))
    height = np.clip(np.rint(texture.height_m.numpy() / _HEIGHT_STEP_M), -32768, 32767)
    shine = torch.stack([texture.roughness, texture.specular], -1).numpy()
    bytes_of_height = height.astype("<i2")[..., None].view(np.uint8)
    maps = np.concatenate([texture_srgb(texture), pixels_8bit(shine), bytes_of_height], -1)
    moles = np.column_stack([texture.moles.position_m, texture.moles.radius_m])
    _save(out / f"{seed}.npy", maps)
    _save(out / f"{seed}_moles.npy", moles.astype(np.float32))


def _save(path: Path, array: NDArray) -> None:
    packed = BytesIO()
    np.save(packed, array, allow_pickle=False)
    with whole_file(path) as partial:
        partial.write_bytes(packed.getbuffer())


@cache
def _anatomy(size: int) -> Anatomy:
    template = load_template()
    return Anatomy(texel_map(template, size), template.vertices_m)
