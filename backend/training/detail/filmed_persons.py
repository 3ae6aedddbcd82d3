"""Studio textures in; what a clip and the studio stage make of them, at full size, out.

Filming takes half a minute a person at this size, so each is filmed once and kept, some 100 MB.
Learning then draws pieces of the files, which the system reads as they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional

from studio_avatar_addon.avatar.files import whole_file
from studio_avatar_addon.avatar.types import Progress

from ...imaging.log_light import LUMINANCE
from ...imaging.tensor_blur import gaussian_blur
from ...imaging.tensor_color import linear_from_srgb, log_light, srgb_from_linear
from ...stages.detail.conditions import (
    BROAD_GRID,
    HEIGHT_SCALE_M,
    Shares,
    broad_band,
    downsample,
    estimate_trust,
    upsample,
)
from ...stages.detail.poisson import add_trusted_gradients
from ...synthetic.corpus.painter import StudioTexture
from ...synthetic.simulator import Simulator, Skins
from ...synthetic.simulator.batch_noise import smooth_field, uniform
from ..random_stream import stream
from ..texture_pool import to_uint8

# The studio stage's low band is blurred by this much, in texels of BROAD_GRID.
GAIN_SIGMA = 1.5
NETWORK_SIZE = 64  # texels of what the studio network draws by itself
# How wrong the studio stage is about light: smooth errors of log light, and a share of the shading.
ERROR_SD, ERROR_CELLS, TINT_SHARE = 0.10, (3, 24), 0.25
SHADING_LEAK_RANGE = (-0.1, 0.5)
# Relief is what is finer than this, in texels of BROAD_GRID: some 2 mm; the rest is the fit's.
RELIEF_SIGMA = 1.0
HEIGHT_STEP = 1 / 32  # of HEIGHT_SCALE_M


@dataclass(frozen=True, eq=False)
class FilmedPerson:
    """One person; N x N texels unless told; coarse maps of M = BROAD_GRID texels, float32.

    Stage 1 is the phone texture with its low band corrected (hybrid), or the studio network's own
    smooth answer.
    """

    phone_srgb: Tensor  # (3, N, N) uint8
    albedo_srgb: Tensor  # (3, N, N) uint8
    height: Tensor  # (N, N) int16, in HEIGHT_STEP; relief alone
    trust: Tensor  # (N, N) uint8
    skin: Tensor  # (N, N) uint8, 0 or 1
    hybrid_gain: Tensor  # (3, M, M) log light that hybrid adds to the phone texture
    network_answer: Tensor  # (3, M, M) log light
    hybrid_log: Tensor  # (3, N, N) float16 log light of stage 1 with the phone's trusted gradients
    network_log: Tensor
    hybrid_broad: Tensor  # (3, M, M) its broad band
    network_broad: Tensor
    hybrid_broad_residual: Tensor  # (3, M, M) broad band of truth less that
    network_broad_residual: Tensor
    has_height: Tensor  # () 1.0, or 0.0 where a real texture has no relief of its own


def film(
    texture: StudioTexture, simulator: Simulator, random: torch.Generator, *, has_height: bool
) -> FilmedPerson:
    """One clip of one person."""
    skins = Skins(texture.albedo[None], texture.roughness[None], texture.specular[None])
    pair = simulator.simulate(skins, random)
    phone = log_light(_linear_of_bytes(pair.phone_srgb))
    albedo = log_light(texture.albedo[None])
    skin = simulator.atlas.skin
    error = _studio_error(downsample(pair.log_shading), random)
    gain = gaussian_blur(downsample(albedo) - downsample(phone), GAIN_SIGMA) + error
    network = functional.interpolate(albedo, (NETWORK_SIZE, NETWORK_SIZE), mode="area")
    network = upsample(network, BROAD_GRID) + error
    size = phone.shape[-1]
    hybrid, answer = phone + upsample(gain, size), upsample(network, size)
    shares = Shares(skin, pair.coverage[:, None])
    trust = estimate_trust(pair.phone_srgb, shares, phone, hybrid)
    hybrid_log, network_log = (with_trust(own, phone, trust) for own in (hybrid, answer))
    height = texture.height_m[None, None] / HEIGHT_SCALE_M
    height = (height - upsample(gaussian_blur(downsample(height), RELIEF_SIGMA), size)) * skin
    return FilmedPerson(
        phone_srgb=to_uint8(pair.phone_srgb)[0],
        albedo_srgb=to_uint8(srgb_from_linear(texture.albedo)),
        height=(height[0, 0] / HEIGHT_STEP).round().clamp(-32768, 32767).short(),
        trust=to_uint8(trust)[0, 0],
        skin=skin[0, 0].byte(),
        hybrid_gain=gain[0],
        network_answer=network[0],
        hybrid_log=hybrid_log[0].half(),
        network_log=network_log[0].half(),
        hybrid_broad=broad_band(hybrid_log)[0],
        network_broad=broad_band(network_log)[0],
        hybrid_broad_residual=broad_band(albedo - hybrid_log)[0],
        network_broad_residual=broad_band(albedo - network_log)[0],
        has_height=torch.tensor(float(has_height)),
    )


def with_trust(own: Tensor, phone: Tensor, trust: Tensor) -> Tensor:
    """As the stage has it: (1, 3, N, N)."""
    studio_log, phone_log = (t[0].permute(1, 2, 0).cpu().numpy() for t in (own, phone))
    result = add_trusted_gradients(studio_log, phone_log, trust[0, 0].cpu().numpy())
    return torch.from_numpy(result).permute(2, 0, 1)[None].to(own.device)


def _studio_error(log_shading: Tensor, random: torch.Generator) -> Tensor:
    """(1, 3, M, M) log light that stage 1 leaves in, or takes too much of."""
    size = log_shading.shape[-1]
    weights = log_shading.new_tensor(LUMINANCE)[:, None, None]
    shading = (log_shading * weights).sum(1, keepdim=True)
    left = (shading - shading.mean()) * uniform(random, (1, 1, 1, 1), *SHADING_LEAK_RANGE)
    low, high = ERROR_CELLS
    cells = int(torch.randint(low, high + 1, (1,), generator=random, device=random.device))
    strength = ERROR_SD * uniform(random, (1, 1, 1, 1), 0.0, 1.0)
    grey = smooth_field(random, (1, 1), cells, size)
    tint = TINT_SHARE * smooth_field(random, (1, 3), cells, size)
    return left + strength * (grey + tint)


def load_or_film_persons(
    folder: Path,
    seeds: Sequence[int],
    painted: Callable[[int], tuple[StudioTexture, bool]],
    simulator: Callable[[], Simulator],
    progress: Progress,
) -> list[FilmedPerson]:
    """Those of `seeds`, filmed now where `folder` does not hold them yet.

    `painted`: a person's texture, and whether it has relief of its own; `simulator` is made only
    where one is missing.
    """
    opened: Simulator | None = None
    for number, seed in enumerate(seeds):
        path = folder / f"{seed}.safetensors"
        if path.is_file():
            continue
        progress(number, len(seeds), "filming persons at full size")
        opened = opened or simulator()
        texture, has_height = painted(seed)
        device = opened.atlas.skin.device
        person = film(
            _to_device(texture, device), opened, stream(device, "film", seed), has_height=has_height
        )
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            safetensors.torch.save_file(_tensors(person), partial)
    progress(len(seeds), len(seeds), "")
    return [
        FilmedPerson(**safetensors.torch.load_file(folder / f"{seed}.safetensors"))
        for seed in seeds
    ]


def _linear_of_bytes(srgb: Tensor) -> Tensor:
    """Linear light of sRGB as 8 bits hold it."""
    return linear_from_srgb(to_uint8(srgb).float() / 255)


def _tensors(person: FilmedPerson) -> dict[str, Tensor]:
    return {f.name: getattr(person, f.name).cpu().contiguous() for f in fields(person)}


def _to_device(texture: StudioTexture, device: torch.device) -> StudioTexture:
    maps = {
        name: getattr(texture, name).to(device)
        for name in ("albedo", "roughness", "specular", "height_m")
    }
    return replace(texture, **maps)
