"""`python -m backend train detail`: simulated or given studio textures in, the network out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import Progress

from ...atlas.texel_map import texel_map
from ...imaging.tensor_color import linear_from_srgb
from ...stages.detail.diffusion import save
from ...stages.detail.shipped import WEIGHTS, weights_sha256
from ...store.source_fingerprint import source_fingerprint
from ...store.stage_cache import fingerprint
from ...synthetic.corpus.anatomy import Anatomy
from ...synthetic.corpus.painter import StudioTexture, paint
from ...synthetic.corpus.person import draw_person
from ...synthetic.corpus.real_variation import vary
from ...synthetic.corpus.studio_folder import wrapped_textures
from ...synthetic.simulator import keep_freed_memory
from .. import texture_pool as texture_pool_code
from ..checkpoint import Origin, begun, read_checkpoint, write_checkpoint
from ..data_source import SIMULATED, DataSource, inspect
from ..distributed import accelerator_for_training, finished, main_process_progress
from ..folders import content_hash, read_atlas_pictures
from ..log import TrainingLog
from ..loop import Loop, Schedule
from ..texture_pool import (
    DEFAULT_ROUGHNESS,
    DEFAULT_SPECULAR_LEVEL,
    FIRST_TRAINING_SEED,
    load_simulator,
)
from . import filmed_persons as persons_code
from .detail_presets import PRESETS, Preset
from .detail_sheets import write_prediction_sheet
from .filmed_persons import Filmed, load_or_film_persons
from .learn import SEED, Learning, Nets
from .model_card import write_card

SAMPLES, RESULT = "samples", "samples/result.jpg"
HELD_OUT = range(3)  # persons that nothing is trained on


def train_detail(
    preset_name: str,
    studio: str,
    hdris: Path | None,
    cache: Path,
    out: Path | None,
    *,
    resume: bool = False,
    minutes: float | None = None,
) -> str:
    """Train in the folder `out`, else in one of the cache, and store the weights there, else among
    the sources; tells where, or how to go on.

    `studio`: "simulated" or a folder. Raises CorpusError and EnvironmentProblem for what cannot be
    used, NotFinite where training goes wrong.
    """
    stop_at_s = None if minutes is None else time.monotonic() + 60.0 * minutes
    preset, folder = PRESETS[preset_name], out or cache / f"detail_{preset_name}"
    given = inspect(SIMULATED, studio)
    accelerator = accelerator_for_training()
    origin = Origin.of(
        preset_name, preset, SEED, film_mark(preset.size, hdris), given.marks()[1],
        processes=accelerator.num_processes,
    )  # fmt: skip
    standing = begun(folder, origin, resume=resume)
    keep_freed_memory()
    progress, device = main_process_progress(accelerator), accelerator.device
    with accelerator.main_process_first():  # which fills the cache
        learnt, held_out = filmed_persons(preset, given, hdris, cache, device, progress)
    nets = Nets.of(preset, device)
    learning = Learning(nets, preset, learnt, accelerator)
    if standing is not None:
        read_checkpoint(folder, standing, nets, learning)

    def keep(step: int) -> None:
        write_checkpoint(folder, origin, nets, learning, step)

    def sheet(step: int) -> dict[str, float]:
        path = folder / SAMPLES / f"{learning.name}_{step:06d}.jpg"
        return write_prediction_sheet(path, nets.mean, held_out)

    loop = Loop(accelerator, keep, sheet, TrainingLog(folder), progress, stop_at_s)
    pace = Schedule(preset.steps, preset.log_every, preset.keep_every, preset.sheet_every)
    if not loop.run(learning, pace, standing.step if standing else 0):
        late = f"The time is up; go on with --resume. The training is kept in {folder}."
        return finished(accelerator, late)
    weights = out or WEIGHTS
    if accelerator.is_main_process:
        figures = write_prediction_sheet(folder / RESULT, nets.mean, held_out)
        net = nets.mean.cpu()
        save(net, weights, preset=preset_name, studio=origin.studio)
        facts = {
            "sha256": weights_sha256(weights),
            "parameters": sum(p.numel() for p in net.parameters()) / 1e6,
            "persons": given.told(preset.corpus, preset.real),
            "size": preset.size,
            "steps": preset.steps,
            "preset": preset_name,
        }
        write_card(weights, facts | figures)
    return finished(accelerator, str(weights))


def film_mark(size: int, hdris: Path | None) -> str:
    """Changes with all that a painted person's clip depends on."""
    lights = "" if hdris is None else content_hash(sorted(hdris.glob("*.hdr")))
    code = source_fingerprint(persons_code.__name__, texture_pool_code.__name__)
    return fingerprint(load_template().sha256, code, lights, size)


def filmed_persons(
    preset: Preset, given: DataSource, hdris: Path | None, cache: Path, device: torch.device,
    progress: Progress,
) -> tuple[list[Filmed], list[Filmed]]:  # fmt: skip
    """Those that are learnt from and the held-out ones; what is missing is filmed on `device`."""
    template = load_template()
    anatomy = Anatomy(texel_map(template, preset.size), template.vertices_m)
    real = _own_textures(given, anatomy, preset.size, device)  # first what may be refused
    clips = film_mark(preset.size, hdris)

    def filmed(
        seeds: Sequence[int], texture: Callable[[int], tuple[StudioTexture, bool]], *marks: str
    ) -> list[Filmed]:
        mark = fingerprint(clips, *marks)
        return load_or_film_persons(
            cache / f"detail_persons_{preset.size}_{mark}", seeds, texture,
            lambda: load_simulator(cache, device, preset.size, hdris, progress), progress,
        )  # fmt: skip

    first_real = FIRST_TRAINING_SEED + preset.corpus
    seeds = [*HELD_OUT, *range(FIRST_TRAINING_SEED, first_real)]
    found = filmed(seeds, lambda seed: (paint(draw_person(seed), anatomy, device), True))
    held_out, learnt = found[: len(HELD_OUT)], found[len(HELD_OUT) :]
    if real:

        def own(seed: int) -> tuple[StudioTexture, bool]:
            if given.studio_folder is not None:
                return vary(real, anatomy, seed), False
            return real[(seed - first_real) % len(real)], False

        count = preset.real if given.studio_folder is not None else max(preset.real, len(real))
        learnt += filmed(range(first_real, first_real + count), own, *given.marks())
    return learnt, held_out


def _own_textures(
    given: DataSource, anatomy: Anatomy, size: int, device: torch.device
) -> list[StudioTexture]:
    """A studio's own, of which only the colour is known: without relief, shining as usual."""
    if given.studio_folder is not None:
        return wrapped_textures(given.studio_folder, anatomy, device)
    if given.studio is None:
        return []
    colours = read_atlas_pictures(given.studio, size)
    usual = paint(draw_person(0), anatomy, device)
    flat = torch.zeros_like(usual.height_m)
    return [
        StudioTexture(
            linear_from_srgb(colour.to(device).float() / 255), flat + DEFAULT_ROUGHNESS,
            flat + DEFAULT_SPECULAR_LEVEL, flat, usual.moles, usual.iris_linear,
        )
        for colour in colours
    ]  # fmt: skip
