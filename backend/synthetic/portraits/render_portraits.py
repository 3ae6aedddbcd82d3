"""Rendered portraits with exact labels: a folder, a count and a seed in, portraits out.

picture_%05d.png    what a phone shows, (H, W, 3) sRGB
coverage_%05d.png   (H, W, 4): shares of 255 of skin, hair, clothes, other; what is left: background
person_%05d.json    the traits
portraits.json      what set it is; the skins lie in skins/, procedural light in environments/

Portraits of the same set that are there already are kept, so that an interrupted run goes on. One
process of Blender renders all of them, while this one prepares the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import sha256_file, write_json
from studio_avatar_addon.avatar.types import Progress

from ...imaging.image_files import read_image, read_image_8bit, write_png
from ...store.source_fingerprint import source_fingerprint
from ...store.stage_cache import fingerprint
from ..render_capture import CHECKOUT, studio_fingerprint
from .develop import develop, label_map
from .panoramas import Panorama, procedural_panoramas, read_panoramas
from .portrait import PortraitSpec, compose
from .settings import PortraitSettings
from .skins import Skin, build_skins, read_skin
from .traits import Traits, draw_traits

SKINS_A_SET = 1000
STUDIO = "studio_avatar_addon.scene.portrait_studio"
INDEX, SKINS, ENVIRONMENTS = "portraits.json", "skins", "environments"
LOG = "studio.log"
_BEARDS_FROM_AGE = 16


@dataclass(frozen=True)
class Portrait:
    """A finished portrait's files and traits."""

    picture: Path
    coverage: Path
    facts: dict[str, Any]

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The picture (H, W, 3) sRGB and the coverage (H, W, 4) by skin, hair, clothes, other."""
        return read_image_8bit(self.picture), read_image(self.coverage).astype(np.uint8)

    def labels(self) -> NDArray[np.uint8]:
        """(H, W) as `develop.label_map` has it."""
        return label_map(self.read()[1])


def render_portraits(
    folder: Path, count: int, seed: int, hdris: Path | None, progress: Progress,
    settings: PortraitSettings | None = None,
) -> list[Portrait]:  # fmt: skip
    """The first `count` portraits of the set `seed` in `folder`; what is missing is made.

    `hdris`: a folder of panoramas to light by, else drawn ones. Raises EnvironmentProblem for a
    folder without any, and where Blender's package is missing or fails.
    """
    settings = settings or PortraitSettings()
    folder.mkdir(parents=True, exist_ok=True)
    panoramas = (
        read_panoramas(hdris) if hdris else procedural_panoramas(folder / ENVIRONMENTS, seed)
    )
    _begin(folder, seed, settings, panoramas)
    # No two sets share a person: what one teaches, another may judge.
    seeds = range(seed * SKINS_A_SET, seed * SKINS_A_SET + settings.skins)
    build_skins(folder / SKINS, seeds, settings.skin_texels, progress)
    read = lru_cache(maxsize=8)(lambda number: read_skin(folder / SKINS, number))
    bearded = tuple(_grows_beard(read(number)) for number in seeds)
    missing = [index for index in range(count) if not _facts_file(folder, index).is_file()]
    orders = [draw_traits(seed, index, len(seeds), bearded) for index in missing]
    if orders:
        with TemporaryDirectory() as work, _studio(folder / LOG) as studio:
            for done, traits in enumerate(orders, start=1):
                skin = read(seeds[traits.skin])
                _write_spec(Path(work), traits, compose(traits, skin, panoramas, settings))
                studio.order(_spec_file(Path(work), traits))
                if done > 1:  # while that one is rendered, the next is composed
                    _finish(studio, folder, Path(work), orders[done - 2])
                    progress(done - 1, len(orders), f"portrait {done - 1} of {len(orders)}")
            _finish(studio, folder, Path(work), orders[-1])
    return read_portraits(folder)


def read_portraits(folder: Path) -> list[Portrait]:
    """Whatever portraits are finished in `folder`, in their order."""
    return [
        Portrait(
            path.with_name(path.name.replace("person", "picture")).with_suffix(".png"),
            path.with_name(path.name.replace("person", "coverage")).with_suffix(".png"),
            json.loads(path.read_text("utf-8")),
        )
        for path in sorted(folder.glob("person_*.json"))
    ]


@dataclass(frozen=True)
class _Studio:
    """Blender's process, to which specs are named one by one."""

    process: subprocess.Popen[str]
    log: Path

    def order(self, spec: Path) -> None:
        if self.process.stdin is None or self.process.poll() is not None:
            raise self._problem()
        self.process.stdin.write(f"{spec}\n")
        self.process.stdin.flush()

    def wait_for_one(self) -> None:
        """Raises EnvironmentProblem where it ended instead."""
        for line in self.process.stdout or ():
            if line.startswith("rendered "):
                return
        raise self._problem()

    def _problem(self) -> EnvironmentProblem:
        lines = self.log.read_text("utf-8").strip().splitlines() or ["no message"]
        return EnvironmentProblem(
            f"Blender could not take the portrait: {lines[-1]}",
            f"Install the bpy package of requirements.lock; the whole log is {self.log}.",
        )


@contextmanager
def _studio(log: Path) -> Iterator[_Studio]:
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-m", STUDIO], cwd=CHECKOUT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=errors, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            yield _Studio(process, log)
        except BaseException:
            process.terminate()
            raise


def _begin(folder: Path, seed: int, settings: PortraitSettings, panoramas: list[Panorama]) -> None:
    """Say which set this is: by all that decides how it looks; remove what another one left."""
    mark = fingerprint(
        seed, asdict(settings), source_fingerprint(__name__), studio_fingerprint(),
        *(sha256_file(panorama.path) for panorama in panoramas),
    )  # fmt: skip
    index = folder / INDEX
    former = json.loads(index.read_text("utf-8")) if index.is_file() else {}
    if former.get("fingerprint") != mark:
        for kind in ("picture", "coverage", "person"):
            for path in folder.glob(f"{kind}_*"):
                path.unlink()
        write_json(index, {"fingerprint": mark, "seed": seed, "settings": asdict(settings)})


def _grows_beard(skin: Skin) -> bool:
    return not skin.person.female and skin.person.age_years >= _BEARDS_FROM_AGE


def _spec_file(work: Path, traits: Traits) -> Path:
    return (work / f"{traits.index:05d}.json").resolve()


def _write_spec(work: Path, traits: Traits, portrait: PortraitSpec) -> None:
    path = _spec_file(work, traits)
    write_arrays(path.with_suffix(".npz"), **portrait.arrays)
    write_json(path.with_suffix(".facts"), asdict(traits) | portrait.facts)
    write_json(path, portrait.spec)


def _finish(studio: _Studio, folder: Path, work: Path, traits: Traits) -> None:
    """Await, develop and store a portrait; its facts come last and mark it as whole."""
    studio.wait_for_one()
    path = _spec_file(work, traits)
    rendered = read_arrays(path.with_suffix(".rendered.npz"))
    facts = json.loads(path.with_suffix(".facts").read_text("utf-8"))
    coverage = rendered["coverage"]
    random = traits.random("development")
    picture = develop(rendered["linear"], coverage, facts["tone_angle_deg"], random)
    write_png(folder / f"picture_{traits.index:05d}.png", picture)
    write_png(folder / f"coverage_{traits.index:05d}.png", coverage)
    write_json(_facts_file(folder, traits.index), facts)
    for left in work.glob(f"{path.stem}.*"):
        left.unlink()


def _facts_file(folder: Path, index: int) -> Path:
    return folder / f"person_{index:05d}.json"
