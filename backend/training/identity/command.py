"""`python -m backend train identity`: corpus and simulator in, the two shipped networks out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from studio_avatar_addon.avatar.types import Progress

from ...terminal import TerminalProgress
from ..simulator import Simulator, keep_freed_memory
from ..stock import SkinStock, stored_bank, stored_simulator
from .album import Album, film_album
from .network import LOSS, SCORE, WEIGHTS, save
from .score import recognition
from .train import CPU, GPU, Preset, train_identity

PRESETS = {"cpu": CPU, "gpu": GPU}
SEEDS = {LOSS: 1, SCORE: 2}
# Persons below are nobody's training data: benchmarks draw from them.
FIRST_TRAINED = 1000
JUDGED = 96
SIZE = 256
BATCH = 16


def train_identities(preset_name: str, hdris: Path | None, cache: Path, out: Path | None) -> Path:
    """Train both networks and store them in `out`, else where they ship; returns the folder."""
    keep_freed_memory()
    preset, out, progress = PRESETS[preset_name], out or WEIGHTS, TerminalProgress()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    simulator = stored_simulator(cache, device, SIZE, hdris, progress)
    trained = range(FIRST_TRAINED, FIRST_TRAINED + preset.corpus)
    judged = filmed_persons(cache, simulator, range(JUDGED), preset, progress)
    album = filmed_persons(cache, simulator, trained, preset, progress)
    for name, seed in SEEDS.items():
        started = time.monotonic()
        net = train_identity(album, preset, seed, device, progress).cpu()
        score = recognition(net, judged)
        minutes = (time.monotonic() - started) / 60
        print(f"{name}: found {score.found:.3f}, equal error {score.equal_error:.4f}", flush=True)
        save(
            net, name, out, seed=seed, preset=preset_name, persons=len(trained),
            minutes=round(minutes, 1), found=score.found, equal_error=score.equal_error,
        )  # fmt: skip
    return out


def filmed_persons(
    cache: Path, simulator: Simulator, seeds: Sequence[int], preset: Preset, progress: Progress
) -> Album:
    """Persons of the corpus, each filmed `preset.album - 1` times."""
    progress(0, 1, f"painting {len(seeds)} persons")
    device = simulator.sphere.directions.device
    skins = SkinStock.of(stored_bank(cache, seeds, SIZE), device)
    progress(0, 1, f"filming {len(seeds)} persons")

    def film(persons: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return simulator.simulate(skins.take(persons.to(device)), generator).phone_srgb.cpu()

    return film_album(skins.albedo_srgb.cpu(), film, preset.album, 128, BATCH, seed=seeds[0])
