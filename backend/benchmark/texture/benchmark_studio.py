"""Parts of the studio network's training in; what each is worth, at an equal small budget, out.

Each variant is trained from the same seed on the same persons for the same few steps, and asked
about painted persons and about the withheld real skins, neither of which it saw. PSNR is over the
skin at the network's size, so the figures compare variants with one another only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import load_template

from ...job.cache_folder import cache_folder
from ...job.terminal import Silent
from ...stages.studio_texture.networks import StudioNet
from ...synthetic.corpus.studio_folder import WITHHELD, open_studio_folder
from ...synthetic.simulator import keep_freed_memory
from ...training.checkpoint import Origin
from ...training.identity.embedding import LOSS, load, weights_sha256
from ...training.random_stream import stream
from ...training.studio.nets import Nets
from ...training.studio.pairs import AtlasFacts, Pairs, Sources, gather_batch, simulated_pairs
from ...training.studio.phases import TrainingContext
from ...training.studio.studio_presets import CPU, Preset
from ...training.studio.studio_sheets import psnr_db
from ...training.studio.train_phases import Run, train
from ...training.texture_pool import TexturePool, load_or_paint_bank, load_simulator
from ..head.reference import DEFAULT_HEADS
from ..markdown_table import table_head, table_line

# Any, but the same for all variants.
SEED, DEVICE = 1, torch.device("cpu")
# Persons to learn from, the seed of the first (the held-out ones have lower seeds), real skins,
# pairs, and held-out pairs of each kind: small, so that two cores can train all variants.
PERSONS, FIRST_PERSON, REAL, STOCK, HELD_OUT = 240, 1000, 48, 768, 24
BUDGET = replace(
    CPU, phone_steps=60, encoder_steps=240, studio_steps=40, pairs=STOCK, stock_steps=10**6
)  # fmt: skip
# Two streams of captures for the pairs that are asked about, apart from those of training.
PAINTED_SEED, REAL_SEED = 5, 7


@dataclass(frozen=True)
class Variant:
    """What differs from the whole."""

    preset: Callable[[Preset], Preset] = lambda preset: preset
    uses_shape: bool = True  # normals and openness among the encoder's inputs
    real_skins: bool = True
    features: bool = True  # the answer by the encoder's features, not by W+ alone


# The product's training, then each time without one part of it.
VARIANTS: Mapping[str, Variant] = {
    "whole": Variant(),
    "no encoder features": Variant(lambda p: replace(p, plain_share=1.0), features=False),
    "painted skin only": Variant(real_skins=False),
    "no pair loss in the last phase": Variant(lambda p: replace(p, studio_pairs=0.0)),
    "nothing frozen": Variant(lambda p: replace(p, frozen_edge=0)),
    "frozen up to 16": Variant(lambda p: replace(p, frozen_edge=16)),
    "no normals and openness": Variant(uses_shape=False),
}


@dataclass(frozen=True, eq=False)
class Exam:
    """What all variants learn from and are asked."""

    painted: Pairs  # to learn from, by whether real skins are among them
    with_real: Pairs
    real_skins: torch.Tensor  # (P, 3, N, N) uint8
    held_out: Mapping[str, Pairs]
    facts: AtlasFacts


def benchmark_studio(heads: Path | None, out: Path | None = None) -> None:
    """Train every variant of VARIANTS and print the table; `out`: as JSON too.

    Raises EnvironmentProblem without the reference heads and real skins (`heads`: their folder).
    """
    data = (heads or DEFAULT_HEADS).parent
    if not (data / "skins").is_dir():
        raise EnvironmentProblem(
            f"There are no real skins in {data}.", "Name the reference heads beside them: --heads."
        )
    keep_freed_memory()
    folder = cache_folder() / "training" / "studio_ablations"
    exam = _exam(data, cache_folder() / "training")
    rows = []
    for name, variant in VARIANTS.items():
        started = time.monotonic()
        net = _trained(variant, exam, folder / name.replace(" ", "_"))
        found = {
            kind: _test_psnr_db(net, variant, pairs, exam) for kind, pairs in exam.held_out.items()
        }
        rows.append((name, found))
        print(f"{name}: {found} in {time.monotonic() - started:.0f} s", flush=True)
        if out:
            write_json(out, dict(rows))
    lines = table_head("variant", *(f"{kind} dB" for kind in exam.held_out))
    lines += [table_line(name, *(f"{v:.2f}" for v in found.values())) for name, found in rows]
    print("\n".join(lines))


def _exam(data: Path, cache: Path) -> Exam:
    size, large = BUDGET.shape.size, BUDGET.simulated
    mesh = data / "heads" / "makehuman" / "base.obj"
    skins = data / "skins" / "makehuman"
    seeds = range(FIRST_PERSON, FIRST_PERSON + PERSONS)
    painted = TexturePool.from_bank(load_or_paint_bank(cache, seeds, 2 * large), DEVICE).downsample(
        large
    )
    real = TexturePool.from_folder(open_studio_folder(skins, mesh), range(REAL), large, DEVICE)
    unseen = TexturePool.from_bank(
        load_or_paint_bank(cache, range(HELD_OUT), 2 * large), DEVICE
    ).downsample(large)
    withheld = TexturePool.from_folder(
        open_studio_folder(skins, mesh, WITHHELD), range(HELD_OUT), large, DEVICE
    )
    simulator = load_simulator(cache, DEVICE, large, None, Silent())

    def pairs(stock: TexturePool, count: int, *names: object) -> Pairs:
        return simulated_pairs(simulator, stock, size, count, stream(DEVICE, SEED, *names))

    return Exam(
        painted=pairs(painted, STOCK, "painted"),
        with_real=pairs(painted.concatenate(real), STOCK, "with real"),
        real_skins=real.downsample(size).albedo_srgb,
        held_out={
            "painted": pairs(unseen, HELD_OUT, PAINTED_SEED),
            "real": pairs(withheld, HELD_OUT, REAL_SEED),
        },
        facts=AtlasFacts.of(load_template(), simulator, size),
    )


def _trained(variant: Variant, exam: Exam, folder: Path) -> StudioNet:
    preset = variant.preset(BUDGET)
    learned = exam.with_real if variant.real_skins else exam.painted
    sources = Sources(
        facts=_facts(variant, exam),
        held_out=exam.held_out["painted"],
        simulate=lambda _: learned,
        pool_steps=preset.stock_steps,
        studio=exam.real_skins if variant.real_skins else None,
    )
    identity = load(LOSS).requires_grad_(False)
    nets = Nets.of(preset.shape, SEED, DEVICE)
    origin = Origin.of("ablation", preset, SEED, "simulated", "ablation", weights_sha256(LOSS))
    context = TrainingContext(nets, preset, sources, identity, SEED, Accelerator(cpu=True))
    net = train(Run(context, origin, folder, Silent()), None)
    assert net is not None  # nothing stops it early
    return net


def _facts(variant: Variant, exam: Exam) -> AtlasFacts:
    if variant.uses_shape:
        return exam.facts
    blind = torch.zeros_like
    return replace(exam.facts, normal=blind(exam.facts.normal), openness=blind(exam.facts.openness))


@torch.no_grad()
def _test_psnr_db(net: StudioNet, variant: Variant, pairs: Pairs, exam: Exam) -> float:
    batch = gather_batch(pairs, _facts(variant, exam), torch.arange(len(pairs)))
    made = net(batch.inputs, features=variant.features)
    return round(float(np.float64(psnr_db(made, batch.studio_srgb, exam.facts.skin))), 3)
