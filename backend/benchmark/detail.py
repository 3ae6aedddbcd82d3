"""Parts of the detail stage and of its training in; what each is worth on persons never seen, out.

Pieces of painted persons, filmed by the simulator at 2048 texels, beside their truth. The broad
band, which is stage 1's to get right, is given to all. "Hybrid": stage 1 keeps what was filmed;
"network": it is the studio network's own answer of 64 texels, enlarged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import write_json

from ..detail.conditions import COLOUR_SCALE, HEIGHT_SCALE_M, SLOPE_SCALE, blurred, differences
from ..detail.diffusion import DetailNet, load
from ..detail.maps import COARSE_M, FINE_M, LARGEST_SWING, RELIEF_M
from ..detail.poisson import with_gradients
from ..detail.restore import REACH_2048
from ..log_light import LUMINANCE
from ..on_demand import cache_folder
from ..training.detail.command import filmed_persons
from ..training.detail.crops import Pieces
from ..training.detail.learn import Learning, Nets
from ..training.detail.persons import Filmed
from ..training.detail.presets import CPU, Preset
from ..training.detail.sheets import STUDIO_KINDS, drawn_of, held_out_pieces, scores
from ..training.given import SIMULATED, look_at
from ..training.simulator import keep_freed_memory
from .avatar.table import table_head, table_line
from .capture_run import Silent
from .reference import DEFAULT_HEADS

BUDGET = replace(CPU, corpus=8, real=0, steps=400)
TEXEL_M = 0.00025  # of an atlas of 2048

Figures = dict[str, float]


def benchmark_detail(heads: Path | None, out: Path | None = None) -> None:
    """Print a table; `out`: as JSON too. Raises EnvironmentProblem where weights are missing.

    `heads`: the folder of the reference heads, beside the panoramas that light what is trained.
    """
    hdris = (heads or DEFAULT_HEADS).parent / "hdri"
    if not hdris.is_dir():
        raise EnvironmentProblem(
            f"There are no panoramas in {hdris}.", "Name the reference heads beside them: --heads."
        )
    keep_freed_memory()
    given, device = look_at(SIMULATED, SIMULATED), torch.device("cpu")
    cache = cache_folder() / "training"
    learnt, asked = filmed_persons(BUDGET, given, hdris, cache, device, Silent())
    shipped = load().unet
    rows: dict[str, Figures] = {}

    def add(name: str, found: Figures, started: float) -> None:
        rows[name] = found
        print(f"{name}: {found} in {time.monotonic() - started:.0f} s", flush=True)
        if out:
            write_json(out, rows)

    started = time.monotonic()
    for name, made in PLAIN.items():
        add(name, _judged(asked, made), started)
    for name, told in DRAWINGS.items():
        started = time.monotonic()
        add(name, _judged(asked, lambda pieces, how=told: _by(shipped, pieces, *how)), started)
    for name, sees in VARIANTS.items():
        started = time.monotonic()
        net = _trained(BUDGET, [sees(person) for person in learnt])
        blind = [sees(person) for person in asked]
        add(name, _judged(blind, lambda pieces, made=net: _by(made, pieces)), started)
    columns = [f"{kind}, {figure}" for kind in STUDIO_KINDS for figure in ("gradients", "dB")]
    lines = table_head("", *columns, "normals off, deg")
    lines += [table_line(name, *_cells(found)) for name, found in rows.items()]
    print("\n".join(lines))


def _cells(found: Figures) -> list[str]:
    cells = []
    for kind in STUDIO_KINDS:
        cells += [f"{found[f'{kind}_gradients']:.3f}", f"{found[f'{kind}_psnr']:.1f}"]
    return [*cells, f"{found['normals_deg']:.2f}" if "normals_deg" in found else ""]


def _judged(
    persons: list[Filmed], made: Callable[[Pieces], tuple[Tensor, Tensor | None]]
) -> Figures:
    """`made`: log light of the pieces and the height of their relief in metres, if told."""
    found: Figures = {}
    for kind in STUDIO_KINDS:
        pieces = held_out_pieces(persons, kind)
        log_rgb, height_m = made(pieces)
        found |= {f"{kind}_{k}": round(v, 4) for k, v in scores(log_rgb, pieces).items()}
        if height_m is not None:
            found["normals_deg"] = round(_normals_off_deg(height_m, pieces), 3)
    return found


def _stage_one(pieces: Pieces) -> Tensor:
    return pieces.studio_log + pieces.apart


def _with_the_phone_s(pieces: Pieces, own: Tensor) -> Tensor:
    """`own` (B, 3, c, c) with the phone's trusted gradients, as the detail stage puts them on."""
    trust = 0.5 + 0.5 * pieces.conditions.texels[:, 9:]
    filmed = pieces.conditions.texels[:, 3:9] * SLOPE_SCALE
    across, down = ((1.0 - trust).repeat(1, 6, 1, 1) * differences(own) + filmed).chunk(2, 1)
    made = [
        torch.from_numpy(
            with_gradients(own[b, c].numpy(), across[b, c].numpy(), down[b, c].numpy(), REACH_2048)
        )
        for b in range(len(own))
        for c in range(3)
    ]
    return torch.stack(made).view_as(own)


def _by(
    net: DetailNet, pieces: Pieces, steps: int = 4, start: float = 1.0, blend: bool = False
) -> tuple[Tensor, Tensor]:
    drawn = drawn_of(net, pieces, steps, start)
    made = _stage_one(pieces) + COLOUR_SCALE * drawn[:, :3]
    made = _with_the_phone_s(pieces, made) if blend else made
    return made, HEIGHT_SCALE_M * drawn[:, 3]


def _by_luminance(pieces: Pieces) -> tuple[Tensor, Tensor]:
    """Dark lines taken for furrows, as a draft has it."""
    made = _with_the_phone_s(pieces, _stage_one(pieces))
    luminance = (made * made.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    band = blurred(luminance, FINE_M / TEXEL_M) - blurred(luminance, COARSE_M / TEXEL_M)
    return made, RELIEF_M * LARGEST_SWING * torch.tanh(band / LARGEST_SWING)[:, 0]


def _normals_off_deg(height_m: Tensor, pieces: Pieces) -> float:
    """Mean angle between the normals of a relief (B, c, c) and the true one's, over skin."""
    true = HEIGHT_SCALE_M * pieces.drawn[:, 3]
    skin = pieces.weight[:, 3] > 0.5

    def normals(height: Tensor) -> Tensor:
        slopes = differences(height[:, None]) / TEXEL_M
        return functional.normalize(torch.cat([-slopes, torch.ones_like(slopes[:, :1])], 1), dim=1)

    cosine = (normals(height_m) * normals(true)).sum(1).clamp(-1.0, 1.0)
    return float(torch.rad2deg(torch.acos(cosine))[skin].mean())


def _trained(preset: Preset, persons: list[Filmed]) -> DetailNet:
    nets = Nets.of(preset, torch.device("cpu"))
    learning = Learning(nets, preset, persons, Accelerator(cpu=True))
    for number in range(preset.steps):
        learning.step(number)
    return nets.mean


PLAIN: Mapping[str, Callable[[Pieces], tuple[Tensor, Tensor | None]]] = {
    "stage 1 as it is, without relief": lambda pieces: (
        _stage_one(pieces),
        torch.zeros_like(pieces.drawn[:, 3]),
    ),
    "the phone's gradients alone, dark taken for deep": _by_luminance,
}
# Of the shipped network: steps, from what share of the noise, and whether the phone's trusted
# gradients are put back.
DRAWINGS: Mapping[str, tuple[int, float, bool]] = {
    "shipped network, 4 steps, and the phone's gradients": (4, 1.0, True),
    "shipped network, 4 steps": (4, 1.0, False),
    "1 step": (1, 1.0, False),
    "50 steps": (50, 1.0, False),
    "4 steps from half the noise": (4, 0.5, False),
}
# What of a person is kept from a network trained from one seed for BUDGET.
VARIANTS: Mapping[str, Callable[[Filmed], Filmed]] = {
    "small budget: whole": lambda person: person,
    "small budget: no trust, all is believed": lambda p: replace(
        p, trust=torch.full_like(p.trust, 255)
    ),
    "small budget: no gradients": lambda p: replace(p, trust=torch.zeros_like(p.trust)),
}
