"""Networks in; pictures of what they draw, and how near it is to unseen persons' truth, out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...imaging.image_files import pixels_8bit, write_jpeg
from ...stages.studio_texture.networks import Generator, StudioNet
from ..random_stream import stream
from .pairs import Sources, gather_batch
from .phases import draw_wplus

ACROSS = 8  # textures a row
QUALITY = 90  # JPEG
MIN_SQUARED_ERROR = 1e-10  # of a squared error, so that its logarithm is finite


@torch.no_grad()
def write_sample_sheet(path: Path, generator: Generator, device: torch.device) -> None:
    """A sheet of ACROSS x 4 textures of always the same latents."""
    random = stream(device, "sheet")
    wplus = draw_wplus(generator, ACROSS * 4, 0.0, random)
    _write(path, list(generator.synthesis(wplus, noise=random).split(ACROSS)))


@torch.no_grad()
def write_prediction_sheet(path: Path, net: StudioNet, sources: Sources) -> dict[str, float]:
    """A sheet of the held-out persons, a column each: phone texture, answer, answer by W+ alone,
    truth. Returns the PSNR of the first three over the skin, in dB."""
    held_out = sources.held_out
    batch = gather_batch(
        held_out, sources.facts, torch.arange(len(held_out), device=held_out.head.device)
    )
    phone, truth = batch.inputs.phone_srgb, batch.studio_srgb
    whole, by_wplus = net(batch.inputs), net(batch.inputs, features=False)
    _write(path, [row[:ACROSS] for row in (phone, whole, by_wplus, truth)])
    compared = {"psnr_phone": phone, "psnr": whole, "psnr_wplus": by_wplus}
    return {
        name: psnr_db(generated, truth, sources.facts.skin) for name, generated in compared.items()
    }


def psnr_db(generated: Tensor, truth: Tensor, skin: Tensor) -> float:
    """Mean PSNR over the skin (N, N) of textures (B, 3, N, N) against the truth, in [0, 1]."""
    error = ((generated.clamp(0, 1) - truth).square().mean(1) * skin).sum((1, 2)) / skin.sum()
    return float((-10.0 * error.clamp(min=MIN_SQUARED_ERROR).log10()).mean())


def _write(path: Path, rows: list[Tensor]) -> None:
    picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    pixels = pixels_8bit(picture.float().permute(1, 2, 0).cpu().numpy())
    write_jpeg(path, np.ascontiguousarray(pixels), QUALITY)
