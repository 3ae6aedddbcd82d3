"""A phone texture and what its head looks like in; what the network takes for its skin, out."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray, TextureSet

from ..images import linear_from_srgb
from ..log_light import log_light
from ..room_light.surroundings import Surroundings
from .networks import PhoneInputs, StudioNet, clipped_share


def ask_network(
    net: StudioNet,
    phone: TextureSet,
    around: Surroundings,
    device: torch.device,
    *,
    features: bool = True,
) -> NDArray[np.float32]:
    """Log albedo (S, S, 3), an atlas of the network's size. Without `features` by W+ alone, as the
    paper does."""
    inputs = phone_inputs(phone, around, net.shape.size, device)
    with torch.no_grad():
        drawn = net.to(device)(inputs, features=features)
    return log_light(linear_from_srgb(_as_image(drawn[0].float()).clip(0.0, 1.0)))


def phone_inputs(
    phone: TextureSet, around: Surroundings, size: int, device: torch.device
) -> PhoneInputs:
    """One texture, as small as the network wants it, in the form that training simulates."""
    seen = around.visibility
    maps = around.points.image(np.concatenate([seen.normals, seen.openness[:, None]], 1))
    maps = cv2.resize(maps, (size, size), interpolation=cv2.INTER_AREA)
    normal = maps[..., :3] / np.maximum(np.linalg.norm(maps[..., :3], axis=2, keepdims=True), 1e-6)

    def smaller(image: FloatArray) -> NDArray[np.float32]:
        return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)

    srgb = _as_tensor(smaller(phone.base_color_srgb), device)
    coverage = _as_tensor(smaller(phone.coverage)[..., None], device)[:, 0]
    openness = _as_tensor(maps[..., 3:].clip(0.0, 1.0), device)[:, 0]
    clipped = clipped_share(srgb, coverage)
    return PhoneInputs(srgb, coverage, clipped, _as_tensor(normal, device), openness)


def _as_tensor(image: FloatArray, device: torch.device) -> torch.Tensor:
    """(H, W, C) to (1, C, H, W)."""
    tensor = torch.from_numpy(np.ascontiguousarray(image, np.float32))
    return tensor.permute(2, 0, 1)[None].to(device)


def _as_image(tensor: torch.Tensor) -> NDArray[np.float32]:
    """(C, H, W) to (H, W, C)."""
    return np.ascontiguousarray(tensor.permute(1, 2, 0).cpu().numpy())
