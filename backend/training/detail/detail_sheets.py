"""A network and persons that it never saw in; what it draws of them, in pictures and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ...imaging.image_files import pixels_8bit, write_jpeg
from ...imaging.log_light import LUMINANCE
from ...imaging.tensor_blur import gaussian_blur
from ...imaging.tensor_color import light_from_log, srgb_from_linear
from ...job.terminal import Silent
from ...stages.detail.conditions import COLOUR_SCALE, forward_differences, trust_of
from ...stages.detail.diffusion import DetailNet, DetailPipeline, scheduler
from ...stages.detail.diffusion.pipeline import START, STEPS, Prediction
from .crops import Crops, Window, crop_at
from .filmed_persons import FilmedPerson

CROP = 384  # texels a side of a crop in the sheet: five fill its width
# Corners of crops in an atlas of 2048 texels: brow and eye, lips, cheek, ear, scalp.
CORNERS = ((830, 560), (1130, 830), (930, 460), (900, 60), (120, 830))
QUALITY = 92
# Gradients are compared at some .5 mm: what is finer, no phone sees.
GRADIENT_SIGMA = 2.0  # texels
STUDIO_KINDS = ("hybrid", "network")
HEIGHT_GREY = 0.12  # brightness a unit of height


@torch.no_grad()
def write_prediction_sheet(
    path: Path, net: DetailNet, persons: Sequence[FilmedPerson]
) -> dict[str, float]:
    """A sheet of crops, a column each: stage 1, detail restored, truth, its height, true height.

    Returns PSNR of sRGB over skin, and correlation of the gradients of log luminance, of stage 1
    and of the answer, for both kinds of stage 1.
    """
    rows, found = [], {}
    for kind in STUDIO_KINDS:
        crops = held_out_crops(persons, kind, next(net.parameters()).device)
        drawn = predict_detail(net, crops).beside(trust_of(crops.conditions))
        before = crops.blended_log + crops.broad_residual
        after = before + COLOUR_SCALE * drawn[:, :3]
        for name, result in (("before", before), ("after", after)):
            found |= {f"{kind}_{name}_{k}": v for k, v in scores(result, crops).items()}
        rows += [_srgb(before), _srgb(after), _srgb(crops.albedo_log)]
        rows += [_grey(drawn[:, 3:]), _grey(crops.drawn[:, 3:])]
    picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    write_jpeg(path, pixels_8bit(picture.permute(1, 2, 0).cpu().numpy()), QUALITY)
    return found


@torch.no_grad()
def predict_detail(
    net: DetailNet, crops: Crops, steps: int = STEPS, start: float = START
) -> Prediction:
    """What the network draws on the crops: (B, DRAWN, c, c), from the noise level `start`."""
    pipeline = DetailPipeline(net, scheduler())
    return pipeline(crops.conditions, Silent(), steps=steps, start=start)


def held_out_crops(persons: Sequence[FilmedPerson], kind: str, device: torch.device) -> Crops:
    """Of always the same places; `kind` of STUDIO_KINDS."""
    size = persons[0].skin.shape[-1]
    return Crops.concatenate(
        [
            crop_at(
                persons[number % len(persons)],
                Window(row * size // 2048, column * size // 2048, min(CROP, size // 4), 0),
                device, use_network=kind == "network",
            )
            for number, (row, column) in enumerate(CORNERS)
        ]
    )  # fmt: skip


def scores(made_log: Tensor, crops: Crops) -> dict[str, float]:
    """PSNR in dB and correlation of gradients of log light (B, 3, c, c) with the truth.

    The broad band is the true one, since that is stage 1's to get right.
    """
    skin = crops.weight[:, :1]
    error = (_srgb(made_log) - _srgb(crops.albedo_log)).square().mean(1, keepdim=True)
    psnr = -10.0 * ((error * skin).sum() / skin.sum()).clamp(min=1e-10).log10()
    ours, theirs = (_gradients(i, skin) for i in (made_log, crops.albedo_log))
    gradients = (ours * theirs).mean() / (ours.square().mean() * theirs.square().mean()).sqrt()
    return {"psnr": float(psnr), "gradients": float(gradients)}


def _gradients(log_rgb: Tensor, skin: Tensor) -> Tensor:
    weights = log_rgb.new_tensor(LUMINANCE)[:, None, None]
    luminance = (log_rgb * weights).sum(1, keepdim=True)
    return forward_differences(gaussian_blur(luminance, GRADIENT_SIGMA)) * skin


def _srgb(log_rgb: Tensor) -> Tensor:
    return srgb_from_linear(light_from_log(log_rgb).clamp(0.0, 1.0))


def _grey(height: Tensor) -> Tensor:
    return (0.5 + HEIGHT_GREY * height).clamp(0.0, 1.0).expand(-1, 3, -1, -1)
