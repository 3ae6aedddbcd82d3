"""A phone texture and what its head looks like in; what the network takes for its skin, out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, TextureSet

from ...imaging.image_files import linear_from_srgb
from ...imaging.log_light import log_light
from ..room_light.surroundings import Surroundings
from .latent_refinement import Target, refine_latents
from .networks import PhoneInputs, StudioNet, clipping_mask


@dataclass(frozen=True)
class PhysicalEstimate:
    """What physics makes of the observed skin, as images of the atlas."""

    albedo_log: FloatArray  # (N, N, 3) up to a colour
    weight: FloatArray  # (N, N) how well it is known


def predict(
    net: StudioNet,
    phone: TextureSet,
    surroundings: Surroundings,
    device: torch.device,
    *,
    features: bool = True,
    physical: PhysicalEstimate | None = None,
    refine_seconds: float = 0.0,
) -> NDArray[np.float32]:
    """Log albedo (S, S, 3), an atlas of the network's size. Without `features` by W+ alone, as the
    paper does. The latents are refined towards the `physical` estimate for `refine_seconds`."""
    size = net.shape.size
    inputs, net = phone_inputs(phone, surroundings, size, device), net.to(device)
    with torch.no_grad():
        code = net.encoder(inputs)
        wplus = net.generator.mapping.mean + code.offset
    changes = code.changes if features else None
    if physical is not None and refine_seconds > 0.0:
        target = Target(
            *(
                _as_tensor(_downsample(m, size), device)
                for m in (physical.albedo_log, physical.weight)
            )
        )
        wplus = refine_latents(net, wplus, changes, target, refine_seconds)
    with torch.no_grad():
        generated = net.generator.synthesis(wplus, changes)
    return log_light(linear_from_srgb(_as_image(generated[0].float()).clip(0.0, 1.0)))


def phone_inputs(
    phone: TextureSet, surroundings: Surroundings, size: int, device: torch.device
) -> PhoneInputs:
    """One texture, as small as the network wants it, in the form that training simulates."""
    visibility = surroundings.visibility
    maps = surroundings.points.scatter(
        np.concatenate([visibility.normals, visibility.openness[:, None]], 1)
    )
    maps = cv2.resize(maps, (size, size), interpolation=cv2.INTER_AREA)
    normal = maps[..., :3] / np.maximum(np.linalg.norm(maps[..., :3], axis=2, keepdims=True), 1e-6)

    srgb = _as_tensor(_downsample(phone.base_color_srgb, size), device)
    coverage = _as_tensor(_downsample(phone.coverage, size), device)[:, 0]
    openness = _as_tensor(maps[..., 3:].clip(0.0, 1.0), device)[:, 0]
    clipped = clipping_mask(srgb, coverage)
    return PhoneInputs(srgb, coverage, clipped, _as_tensor(normal, device), openness)


def _downsample(image: FloatArray, size: int) -> NDArray[np.float32]:
    """(N, N[, C]) to (S, S, C)."""
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return small.reshape(size, size, -1)


def _as_tensor(image: FloatArray, device: torch.device) -> torch.Tensor:
    """(H, W, C) to (1, C, H, W)."""
    tensor = torch.from_numpy(np.ascontiguousarray(image, np.float32))
    return tensor.permute(2, 0, 1)[None].to(device)


def _as_image(tensor: torch.Tensor) -> NDArray[np.float32]:
    """(C, H, W) to (H, W, C)."""
    return np.ascontiguousarray(tensor.permute(1, 2, 0).cpu().numpy())
