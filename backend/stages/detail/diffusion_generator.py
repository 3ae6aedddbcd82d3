"""Phone and studio texture in; what the diffusion model draws of the skin's fine structure out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio_avatar_addon.avatar.types import FloatArray, Progress

from .conditions import (
    COLOUR_SCALE,
    HEIGHT_SCALE_M,
    Conditions,
    broad_band,
    conditions_of,
    texel_coordinates,
    upsample,
)
from .detail_generator import GeneratedDetail, Note
from .diffusion import DetailPipeline
from .diffusion.pipeline import MIN_TILE, START, STEPS, TILE, Prediction

# No phone shows what is finer than this atlas's texels, .25 mm, and painted skin has it from no
# measurement: larger textures get the drawing of this size, and their own gradients.
MAX_SIZE = 2048


@dataclass(frozen=True, eq=False)
class Diffusion:
    """A `DetailGenerator`, the same for the same seed; the defaults are the product's."""

    pipeline: DetailPipeline
    device: torch.device
    steps: int = STEPS
    start: float = START
    seed: int = 0

    def __call__(
        self, phone_log: FloatArray, blended_log: FloatArray, trust: FloatArray,
        progress: Progress, note: Note,
    ) -> GeneratedDetail:  # fmt: skip
        size = len(trust)
        phone, blended, trusted = (
            _tensor(_limit_size(image, MAX_SIZE))
            for image in (phone_log, blended_log, trust[..., None])
        )
        edge = phone.shape[-1]
        broad = upsample(broad_band(blended), edge)
        conditions = conditions_of(
            phone, blended, broad, trusted, texel_coordinates(edge, phone.device), edge
        )
        prediction = self._with_memory(conditions, progress, note).beside(trusted)
        colour = COLOUR_SCALE * prediction[:, :3]
        # The broad band is stage 1's: no shift of colour against it.
        colour = colour - upsample(broad_band(colour), edge)
        return GeneratedDetail(
            _resize(colour[0].permute(1, 2, 0).numpy(), size),
            _resize(HEIGHT_SCALE_M * prediction[0, 3].numpy(), size),
        )

    def _with_memory(self, conditions: Conditions, progress: Progress, note: Note) -> Prediction:
        """With ever smaller tiles, in the end on the processor."""
        device, tile = self.device, TILE
        while True:
            try:
                prediction = self.pipeline.to(device)(
                    conditions.to(device), progress, seed=self.seed, steps=self.steps,
                    start=self.start, tile=tile,
                )  # fmt: skip
                return Prediction(prediction.expected.cpu(), prediction.drawn.cpu())
            except RuntimeError as error:
                # Apple's devices have no error of their own for it.
                if "out of memory" not in str(error) or device.type == "cpu":
                    raise
                tile //= 2
            # Only now are the failed try's tensors gone.
            getattr(torch, device.type).empty_cache()
            if tile < MIN_TILE:
                device, tile = torch.device("cpu"), TILE
                note("The device's memory is too small for the detail, so the processor drew it.")


def _limit_size(image: FloatArray, size: int) -> NDArray[np.float32]:
    if len(image) <= size:
        return image.astype(np.float32)
    small = cv2.resize(image.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return small.reshape(size, size, -1)


def _resize(image: NDArray, size: int) -> NDArray[np.float32]:
    if len(image) == size:
        return np.ascontiguousarray(image, np.float32)
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _tensor(image: FloatArray) -> Tensor:
    """(N, N, C) to (1, C, N, N)."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
