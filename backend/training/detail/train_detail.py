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
from ...stages.detail.diffusion import DetailNet, save
from ...stages.detail.shipped_weights import WEIGHTS, weights_sha256
from ...store.source_fingerprint import source_fingerprint
from ...store.stage_cache import fingerprint
from ...synthetic.corpus.anatomy import Anatomy
from ...synthetic.corpus.painter import StudioTexture, paint
from ...synthetic.corpus.person import draw_person
from ...synthetic.corpus.real_variation import vary
from ...synthetic.corpus.studio_folder import wrapped_textures
from ...synthetic.simulator import keep_freed_memory
from .. import texture_pool as texture_pool_code
from ..checkpoint import Origin, find_resume_point, read_checkpoint, write_checkpoint
from ..data_source import SIMULATED, DataSource, inspect
from ..distributed import accelerator_for_training, finish, main_process_progress
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
from .denoising import SEED, DetailTraining, Nets
from .detail_presets import PRESETS, Preset
from .detail_sheets import write_prediction_sheet
from .filmed_persons import FilmedPerson, load_or_film_persons
from .model_card import write_card

SAMPLES, RESULT = "samples", "samples/result.jpg"
HELD_OUT_SEEDS = range(3)  # persons that nothing is trained on


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
    the sources; returns where, or how to go on.

    `studio`: "simulated" or a folder. Raises CorpusError and EnvironmentProblem for what cannot be
    used, NotFinite where training goes wrong.
    """
    stop_at_s = None if minutes is None else time.monotonic() + 60.0 * minutes
    preset, folder = PRESETS[preset_name], out or cache / f"detail_{preset_name}"
    source = inspect(SIMULATED, studio)
    accelerator = accelerator_for_training()
    hashes = film_mark(preset.size, hdris), source.content_hashes()[1]
    origin = Origin.of(preset_name, preset, SEED, *hashes, processes=accelerator.num_processes)
    resume_point = find_resume_point(folder, origin, resume=resume)
    keep_freed_memory()
    progress, device = main_process_progress(accelerator), accelerator.device
    with accelerator.main_process_first():  # which fills the cache
        persons, held_out = filmed_persons(preset, source, hdris, cache, device, progress)
    nets = Nets.of(preset, device)
    training = DetailTraining(nets, preset, persons, accelerator)
    if resume_point is not None:
        read_checkpoint(folder, resume_point, nets, training)
    loop = _loop(training, origin, folder, held_out, progress, stop_at_s)
    schedule = Schedule(preset.steps, preset.log_every, preset.keep_every, preset.sheet_every)
    if not loop.run(training, schedule, resume_point.step if resume_point else 0):
        message = f"The time is up; go on with --resume. The training is kept in {folder}."
        return finish(accelerator, message)
    weights = out or WEIGHTS
    if accelerator.is_main_process:
        figures = write_prediction_sheet(folder / RESULT, nets.mean, held_out)
        net = nets.mean.cpu()
        save(net, weights, preset=preset_name, studio=origin.studio)
        write_card(weights, _card_facts(preset_name, source, net, weights) | figures)
    return finish(accelerator, str(weights))


def _loop(
    training: DetailTraining, origin: Origin, folder: Path, held_out: list[FilmedPerson],
    progress: Progress, stop_at_s: float | None,
) -> Loop:  # fmt: skip
    """The loop that keeps checkpoints, logs and sheets in `folder`."""
    return Loop(
        training.accelerator,
        save_checkpoint=lambda step: write_checkpoint(
            folder, origin, training.nets, training, step
        ),
        sheet=lambda step: write_prediction_sheet(
            folder / SAMPLES / f"{training.name}_{step:06d}.jpg", training.nets.mean, held_out
        ),
        log=TrainingLog(folder),
        progress=progress,
        stop_at_s=stop_at_s,
    )


def _card_facts(
    preset_name: str, source: DataSource, net: DetailNet, weights: Path
) -> dict[str, object]:
    """What the model card says besides figures of held-out persons."""
    preset = PRESETS[preset_name]
    return {
        "sha256": weights_sha256(weights),
        "parameters": sum(p.numel() for p in net.parameters()) / 1e6,
        "persons": source.describe(preset.corpus, preset.real),
        "size": preset.size,
        "steps": preset.steps,
        "preset": preset_name,
    }


def film_mark(size: int, hdris: Path | None) -> str:
    """Changes with all that a painted person's clip depends on."""
    lights = "" if hdris is None else content_hash(sorted(hdris.glob("*.hdr")))
    code = source_fingerprint(persons_code.__name__, texture_pool_code.__name__)
    return fingerprint(load_template().sha256, code, lights, size)


def filmed_persons(
    preset: Preset, source: DataSource, hdris: Path | None, cache: Path, device: torch.device,
    progress: Progress,
) -> tuple[list[FilmedPerson], list[FilmedPerson]]:  # fmt: skip
    """Persons to train on and held-out ones; what the cache lacks is filmed on `device`."""
    template = load_template()
    anatomy = Anatomy(texel_map(template, preset.size), template.vertices_m)
    real = _own_textures(source, anatomy, preset.size, device)  # first what may be refused
    clips = film_mark(preset.size, hdris)

    def load_films(
        seeds: Sequence[int],
        texture: Callable[[int], tuple[StudioTexture, bool]],
        *content_hashes: str,
    ) -> list[FilmedPerson]:
        mark = fingerprint(clips, *content_hashes)
        return load_or_film_persons(
            cache / f"detail_persons_{preset.size}_{mark}", seeds, texture,
            lambda: load_simulator(cache, device, preset.size, hdris, progress), progress,
        )  # fmt: skip

    first_real = FIRST_TRAINING_SEED + preset.corpus
    seeds = [*HELD_OUT_SEEDS, *range(FIRST_TRAINING_SEED, first_real)]
    found = load_films(seeds, lambda seed: (paint(draw_person(seed), anatomy, device), True))
    held_out, training_persons = found[: len(HELD_OUT_SEEDS)], found[len(HELD_OUT_SEEDS) :]
    if real:

        def own(seed: int) -> tuple[StudioTexture, bool]:
            if source.studio_folder is not None:
                return vary(real, anatomy, seed), False
            return real[(seed - first_real) % len(real)], False

        count = preset.real if source.studio_folder is not None else max(preset.real, len(real))
        training_persons += load_films(
            range(first_real, first_real + count), own, *source.content_hashes()
        )
    return training_persons, held_out


def _own_textures(
    source: DataSource, anatomy: Anatomy, size: int, device: torch.device
) -> list[StudioTexture]:
    """A studio's own, of which only the colour is known: without relief, shining as most skin."""
    if source.studio_folder is not None:
        return wrapped_textures(source.studio_folder, anatomy, device)
    if source.studio is None:
        return []
    colours = read_atlas_pictures(source.studio, size)
    painted = paint(draw_person(0), anatomy, device)
    flat = torch.zeros_like(painted.height_m)
    return [
        StudioTexture(
            linear_from_srgb(colour.to(device).float() / 255), flat + DEFAULT_ROUGHNESS,
            flat + DEFAULT_SPECULAR_LEVEL, flat, painted.moles, painted.iris_linear,
        )
        for colour in colours
    ]  # fmt: skip
