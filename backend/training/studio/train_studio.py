"""`python -m backend train studio`: simulated or given textures in, the studio network out."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from accelerate import Accelerator

from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import Progress

from ...stages.studio_texture.networks import StudioNet, save, weights_sha256
from ...stages.studio_texture.networks.studio_net import WEIGHTS
from ...synthetic.simulator import Simulator, keep_freed_memory
from ..checkpoint import Origin, find_resume_point
from ..data_source import SIMULATED, DataSource, inspect
from ..distributed import accelerator_for_training, finish, main_process_progress
from ..folders import read_atlas_pictures
from ..identity.embedding import LOSS, load
from ..identity.embedding import weights_sha256 as identity_sha256
from ..random_stream import stream
from ..texture_pool import FIRST_TRAINING_SEED, TexturePool, load_or_paint_bank, load_simulator
from .model_card import write_card
from .nets import Nets
from .pairs import AtlasFacts, Pairs, Sources, simulated_pairs
from .phases import TrainingContext
from .studio_presets import PHASES, PRESETS, Preset
from .studio_sheets import write_prediction_sheet
from .train_phases import Run, train

RESULT = "samples/result.jpg"
SEED = 1  # of the first weights and of all batches
# Painted persons of no training, whose figures stand in the model card; two rows of a sheet.
HELD_OUT, HELD_OUT_SEED = 16, 5


def train_studio(
    preset_name: str,
    phone: str,
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

    `phone`, `studio`: "simulated" or a folder. Raises CorpusError and EnvironmentProblem for what
    cannot be used, NotFinite where training goes wrong.
    """
    stop_at_s = None if minutes is None else time.monotonic() + 60.0 * minutes
    preset, folder = PRESETS[preset_name], out or cache / f"studio_{preset_name}"
    # First what may be refused.
    source = inspect(phone, studio)
    accelerator = accelerator_for_training()
    hashes = *source.content_hashes(), identity_sha256(LOSS)
    origin = Origin.of(preset_name, preset, SEED, *hashes, accelerator.num_processes)
    resume_point = find_resume_point(folder, origin, resume=resume)
    keep_freed_memory()
    device, progress = accelerator.device, main_process_progress(accelerator)
    torch.backends.cudnn.benchmark = device.type == "cuda"  # sizes never change
    identity = load(LOSS).to(device).requires_grad_(False)
    sources = _sources(preset, source, hdris, cache, accelerator, progress)
    nets = Nets.of(preset.shape, SEED, device)
    context = TrainingContext(nets, preset, sources, identity, SEED, accelerator)
    net = train(Run(context, origin, folder, progress, stop_at_s), resume_point)
    if net is None:
        message = f"The time is up; go on with --resume. The training is kept in {folder}."
        return finish(accelerator, message)
    weights = out or WEIGHTS
    if accelerator.is_main_process:
        figures = write_prediction_sheet(folder / RESULT, net.to(device), sources)
        _store(net, weights, preset_name, origin)
        write_card(weights, card_facts(preset_name, source, figures, weights_sha256(weights)))
    return finish(accelerator, str(weights))


def _store(net: StudioNet, weights: Path, preset_name: str, origin: Origin) -> None:
    save(
        net, weights, preset=preset_name, phone=origin.phone, studio=origin.studio,
        identity_sha256=origin.identity,
    )  # fmt: skip


def card_facts(
    preset_name: str, source: DataSource, figures: dict[str, float], sha256: str
) -> dict[str, object]:
    """What the model card says; `figures` as of `write_prediction_sheet`."""
    preset = PRESETS[preset_name]
    return {
        "sha256": sha256,
        "size": preset.shape.size,
        "phone": SIMULATED if source.phone is None else f"{len(source.phone)} filmed",
        "studio": source.describe(preset.corpus, preset.real),
        "steps": " + ".join(str(preset.steps(phase)) for phase in PHASES),
        "preset": preset_name,
        "held_out": HELD_OUT,
        **figures,
    }


def _sources(
    preset: Preset, source: DataSource, hdris: Path | None, cache: Path, accelerator: Accelerator,
    progress: Progress,
) -> Sources:  # fmt: skip
    device = accelerator.device
    large, size = preset.simulated, preset.shape.size
    phone = None if source.phone is None else read_atlas_pictures(source.phone, size).to(device)
    own = source.own_textures(preset.real, FIRST_TRAINING_SEED + preset.corpus, large, device)
    with accelerator.main_process_first():  # which fills the cache
        simulator = load_simulator(cache, device, large, hdris, progress)
    held_out = _painted(range(HELD_OUT), large, cache, accelerator, progress)
    trained = range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + preset.corpus)
    skins = _painted(trained, large, cache, accelerator, progress)
    skins = skins if own is None else skins.concatenate(own)

    def simulate(number: int) -> Pairs:
        progress(0, 1, f"simulating {preset.pairs} pairs")
        random = stream(device, SEED, "stock", number, accelerator.process_index)
        return simulated_pairs(simulator, skins, size, preset.pairs, random)

    return Sources(
        facts=AtlasFacts.of(load_template(), simulator, size),
        held_out=_held_out(simulator, held_out, size, device),
        simulate=simulate,
        pool_steps=preset.stock_steps,
        phone=phone,
        studio=None if own is None else own.downsample(size).albedo_srgb,
    )


def _held_out(
    simulator: Simulator, held_out: TexturePool, size: int, device: torch.device
) -> Pairs:
    return simulated_pairs(simulator, held_out, size, HELD_OUT, stream(device, HELD_OUT_SEED))


def _painted(
    seeds: range, size: int, cache: Path, accelerator: Accelerator, progress: Progress
) -> TexturePool:
    """Painted at a size that the cache may hold already; on a GPU, there and then."""
    progress(0, 1, f"painting {len(seeds)} persons")
    device = accelerator.device
    if device.type == "cuda":
        return TexturePool.paint(seeds, size, device)
    with accelerator.main_process_first():
        bank = load_or_paint_bank(cache, seeds, max(size, 256))
    return TexturePool.from_bank(bank, device).downsample(size)
