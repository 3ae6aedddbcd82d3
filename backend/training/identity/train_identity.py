"""`python -m backend train identity`: corpus and simulator in, two networks out."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from studio_avatar_addon.avatar.types import Progress

from ...job.terminal import TerminalProgress
from ...synthetic.corpus.studio_folder import StudioFolder
from ...synthetic.simulator import Simulator, keep_freed_memory
from ..texture_pool import FIRST_TRAINING_SEED, TexturePool, load_or_paint_bank, load_simulator
from .album import Album, film_album
from .contrastive import CPU, GPU, train_identity
from .embedding import LOSS, SCORE, WEIGHTS, Shape, save
from .score import measure_recognition

PRESETS = {"cpu": CPU, "gpu": GPU}
SEEDS = {LOSS: 1, SCORE: 2}  # of initial weights and batches
# Persons of no training, on whom the networks are scored: one wrong answer is a per cent.
SCORED_PERSONS = 96
SIZE = 256  # texels a side of what is filmed; the networks read half of it
BATCH = 16  # filmed at a time
SCORED_SEED, ALBUM_SEED = 5, 6  # of heads, lights and clips


def train_identities(
    preset_name: str, studio: StudioFolder | None, hdris: Path | None, cache: Path, out: Path | None
) -> Path:
    """Train both networks and store them in `out`, else among the sources; returns the folder.

    Variations of the real textures of `studio` join the painted persons.
    """
    keep_freed_memory()
    preset, out, progress = PRESETS[preset_name], out or WEIGHTS, TerminalProgress()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    simulator = load_simulator(cache, device, SIZE, hdris, progress)
    training_seeds = range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + preset.corpus)
    real_seeds = range(training_seeds.stop, training_seeds.stop + preset.real)
    # First what may be refused.
    real = None if studio is None else TexturePool.from_folder(studio, real_seeds, SIZE, device)
    progress(0, 1, f"painting {preset.corpus} persons")
    skins = TexturePool.from_bank(load_or_paint_bank(cache, training_seeds, SIZE), device)
    skins = skins if real is None else skins.concatenate(real)
    scored_skins = TexturePool.from_bank(
        load_or_paint_bank(cache, range(SCORED_PERSONS), SIZE), device
    )
    scored_album = film_pool(simulator, scored_skins, preset.album, SCORED_SEED, progress)
    album = film_pool(simulator, skins, preset.album, ALBUM_SEED, progress)
    for name, seed in SEEDS.items():
        started = time.monotonic()
        net = train_identity(album, preset, seed, device, progress).cpu()
        score = measure_recognition(net, scored_album)
        minutes = (time.monotonic() - started) / 60
        print(f"{name}: found {score.found:.3f}, equal error {score.equal_error:.4f}", flush=True)
        save(
            net, name, out, seed=seed, preset=preset_name, persons=album.persons,
            minutes=round(minutes, 1), found=score.found, equal_error=score.equal_error,
        )  # fmt: skip
    return out


def film_pool(
    simulator: Simulator, skins: TexturePool, views: int, seed: int, progress: Progress
) -> Album:
    """Each of `skins` in the studio and filmed `views - 1` times."""
    progress(0, 1, f"filming {len(skins)} persons")
    device = skins.albedo_srgb.device
    generator = torch.Generator(device).manual_seed(seed)

    def film(persons: torch.Tensor) -> torch.Tensor:
        """One phone texture (B, 3, N, N) sRGB of each of `persons` (B,)."""
        return simulator.simulate(skins.take(persons.to(device)), generator).phone_srgb.cpu()

    return film_album(skins.albedo_srgb.cpu(), film, views, Shape().texels, BATCH)
