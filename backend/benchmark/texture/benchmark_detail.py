"""Parts of the detail stage and of its training in; what each is worth on persons never seen, out.

Pieces of painted persons, filmed by the simulator at 2048 texels, beside their truth. The broad
band, which is stage 1's to get right, is given to all. "Hybrid": stage 1 keeps what was filmed;
"network": it is the studio network's own answer of 64 texels, enlarged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from studio_avatar_addon.avatar.files import write_json

from ...imaging.log_light import LUMINANCE
from ...imaging.tensor_blur import gaussian_blur
from ...imaging.tensor_color import linear_from_srgb, log_light
from ...job.cache_folder import cache_folder
from ...job.terminal import Silent
from ...stages.detail.conditions import (
    COLOUR_SCALE,
    HEIGHT_SCALE_M,
    broad_band,
    forward_differences,
    trust_of,
    upsample,
)
from ...stages.detail.diffusion import DetailNet, load
from ...stages.detail.surface_maps import COARSE_M, FINE_M, MAX_SWING, RELIEF_M
from ...synthetic.simulator import keep_freed_memory
from ...training.data_source import SIMULATED, inspect
from ...training.detail.crops import Crops
from ...training.detail.denoising import DetailTraining, Nets
from ...training.detail.detail_presets import CPU, Preset
from ...training.detail.detail_sheets import STUDIO_KINDS, held_out_crops, predict_detail, scores
from ...training.detail.filmed_persons import FilmedPerson, with_trust
from ...training.detail.train_detail import filmed_persons
from ..markdown_table import table_head, table_line

PROCESSOR = torch.device("cpu")
# Minutes on two cores: variants are told apart, not judged as products. No real skin, so that it
# runs without any.
BUDGET = replace(CPU, corpus=5, real=0, steps=400)
TEXEL_M = 0.00025  # of an atlas of 2048

FIGURES = {"gradients": "gradients", "psnr": "dB", "normals_deg": "normals off, deg"}

Figures = dict[str, float]


def benchmark_detail(heads: Path | None, out: Path | None = None) -> None:
    """Print a table; `out`: as JSON too. Needs no reference `heads`: all is painted.

    Raises EnvironmentProblem where the shipped weights are missing.
    """
    keep_freed_memory()
    source = inspect(SIMULATED, SIMULATED)
    cache = cache_folder() / "training"
    training, held_out = filmed_persons(BUDGET, source, None, cache, PROCESSOR, Silent())
    shipped = load().unet
    rows: dict[str, Figures] = {}

    def add(name: str, found: Figures, started: float) -> None:
        rows[name] = found
        print(f"{name}: {found} in {time.monotonic() - started:.0f} s", flush=True)
        if out:
            write_json(out, rows)

    started = time.monotonic()
    add(
        "stage 1 as it is",
        _score([with_uniform_trust(p, 0.0) for p in held_out], _conditions_alone),
        started,
    )
    add("the phone's gradients on it", _score(held_out, _conditions_alone), started)
    add("the same without relief", _score(held_out, _without_relief), started)
    add("shipped network", _score(held_out, partial(_product, shipped)), started)
    for name, (steps, start) in DRAWINGS.items():
        started = time.monotonic()
        how = partial(_draw_everywhere, shipped, steps=steps, start=start)
        add(name, _score(held_out, how), started)
    for name, change in VARIANTS.items():
        started = time.monotonic()
        net = _trained(BUDGET, [change(person) for person in training])
        changed = [change(person) for person in held_out]
        add(name, _score(changed, partial(_draw_everywhere, net, steps=1, start=1.0)), started)
    columns = [f"{kind}: {what}" for kind in STUDIO_KINDS for what in FIGURES.values()]
    lines = table_head("", *columns)
    lines += [table_line(name, *_cells(found)) for name, found in rows.items()]
    print("\n".join(lines))


def _cells(found: Figures) -> list[str]:
    cells = []
    for kind in STUDIO_KINDS:
        cells += [f"{found[f'{kind}_{name}']:.2f}" for name in FIGURES]
    return cells


def _score(persons: list[FilmedPerson], made: Callable[[Crops], tuple[Tensor, Tensor]]) -> Figures:
    """`made`: log light of the pieces and the height of their relief in metres."""
    found: Figures = {}
    for kind in STUDIO_KINDS:
        crops = held_out_crops(persons, kind, PROCESSOR)
        log_rgb, height_m = made(crops)
        found |= {f"{kind}_{k}": round(v, 4) for k, v in scores(log_rgb, crops).items()}
        found[f"{kind}_normals_deg"] = round(_normals_off_deg(height_m, crops), 3)
    return found


def with_uniform_trust(person: FilmedPerson, trust: float) -> FilmedPerson:
    """As if the phone's gradients were trusted so far everywhere: 0 leaves stage 1 as it is."""
    size = person.skin.shape[-1]
    phone, albedo = (
        log_light(linear_from_srgb(image[None].float() / 255))
        for image in (person.phone_srgb, person.albedo_srgb)
    )
    everywhere = torch.full_like(phone[:, :1], trust)
    hybrid = phone + upsample(person.hybrid_gain[None], size)
    network = upsample(person.network_answer[None], size)
    hybrid, network = (with_trust(own, phone, everywhere) for own in (hybrid, network))
    return replace(
        person,
        trust=(255 * everywhere[0, 0]).byte(),
        hybrid_log=hybrid[0],
        network_log=network[0],
        hybrid_broad=broad_band(hybrid)[0],
        network_broad=broad_band(network)[0],
        hybrid_broad_residual=broad_band(albedo - hybrid)[0],
        network_broad_residual=broad_band(albedo - network)[0],
    )


def _conditions_alone(crops: Crops) -> tuple[Tensor, Tensor]:
    """What is told, and its dark lines taken for furrows, as a draft has it."""
    made = crops.blended_log + crops.broad_residual
    return made, _furrows_m(made)


def _furrows_m(made: Tensor) -> Tensor:
    luminance = (made * made.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    band = gaussian_blur(luminance, FINE_M / TEXEL_M) - gaussian_blur(luminance, COARSE_M / TEXEL_M)
    return RELIEF_M * MAX_SWING * torch.tanh(band / MAX_SWING)[:, 0]


def _without_relief(crops: Crops) -> tuple[Tensor, Tensor]:
    return crops.blended_log + crops.broad_residual, torch.zeros_like(crops.drawn[:, 3])


def _product(net: DetailNet, crops: Crops) -> tuple[Tensor, Tensor]:
    """As the stage has it: likely detail where trusted, drawn elsewhere, both kinds of relief."""
    trust = trust_of(crops.conditions)
    made, height_m = _add_detail(crops, predict_detail(net, crops).beside(trust))
    return made, height_m + trust[:, 0] * _furrows_m(made)


def _draw_everywhere(
    net: DetailNet, crops: Crops, steps: int, start: float
) -> tuple[Tensor, Tensor]:
    """The drawing everywhere, whatever was seen."""
    return _add_detail(crops, predict_detail(net, crops, steps, start).drawn)


def _add_detail(crops: Crops, drawn: Tensor) -> tuple[Tensor, Tensor]:
    made = crops.blended_log + crops.broad_residual + COLOUR_SCALE * drawn[:, :3]
    return made, HEIGHT_SCALE_M * drawn[:, 3]


def _normals_off_deg(height_m: Tensor, crops: Crops) -> float:
    """Mean angle between the normals of a relief (B, c, c) and the true one's, over skin."""
    true = HEIGHT_SCALE_M * crops.drawn[:, 3]
    skin = crops.weight[:, 3] > 0.5

    def normals(height: Tensor) -> Tensor:
        """Unit vectors (B, 3, c, c) of a height (B, c, c) in metres."""
        slopes = forward_differences(height[:, None]) / TEXEL_M
        return functional.normalize(torch.cat([-slopes, torch.ones_like(slopes[:, :1])], 1), dim=1)

    cosine = (normals(height_m) * normals(true)).sum(1).clamp(-1.0, 1.0)
    return float(torch.rad2deg(torch.acos(cosine))[skin].mean())


def _trained(preset: Preset, persons: list[FilmedPerson]) -> DetailNet:
    nets = Nets.of(preset, torch.device("cpu"))
    learning = DetailTraining(nets, preset, persons, Accelerator(cpu=True))
    for number in range(preset.steps):
        learning.step(number)
    return nets.mean


# Of the shipped network, drawn everywhere: steps, and from what share of the noise. One step tells
# what is likely.
DRAWINGS: Mapping[str, tuple[int, float]] = {
    "drawn everywhere, 1 step": (1, 1.0),
    "drawn everywhere, 4 steps": (4, 1.0),
    "drawn everywhere, 50 steps": (50, 1.0),
    "drawn everywhere, 4 steps from half the noise": (4, 0.5),
}
# What a network is told that is trained from one seed for BUDGET; judged by what it finds likely.
VARIANTS: Mapping[str, Callable[[FilmedPerson], FilmedPerson]] = {
    "small budget: whole": lambda person: person,
    "small budget: without trust, all gradients believed": lambda person: with_uniform_trust(
        person, 1.0
    ),
    "small budget: without gradients": lambda person: with_uniform_trust(person, 0.0),
}
