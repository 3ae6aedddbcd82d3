"""What is known about a texture in; the detail that it lacks out, in a few steps from noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor
from torch.nn import functional

from ..conditions import OUTPUT_CHANNELS, Conditions
from .network import STRIDE, DetailNet

# What is drawn is what stage 1 lacks, and its noise is small beside a texture. A later start, from
# nothing lacking with some noise, would take a smooth stage 1 for smooth skin.
STEPS, START = 4, 1.0
TILE = 2048  # texels a side of what the network sees at once, its surroundings apart
MIN_TILE = 256


def scheduler() -> DDIMScheduler:
    """The noise of training and of use: Nichol and Dhariwal's cosine, DDIM's steps."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        timestep_spacing="trailing",
    )


@dataclass(frozen=True, eq=False)
class Prediction:
    """(B, DRAWN, H, W) each: the first step's answer, which from pure noise is what is likely, and
    the last one's, one detail that there might be."""

    expected: Tensor
    drawn: Tensor

    def beside(self, trust: Tensor) -> Tensor:
        """(B, DRAWN, H, W) where `trust` (B, 1, H, W) tells how well the person was seen: colour is
        made up only where they were not; relief, which nobody filmed, everywhere."""
        colour = self.drawn[:, :3] + trust * (self.expected - self.drawn)[:, :3]
        return torch.cat([colour, self.drawn[:, 3:]], 1)


class DetailPipeline(DiffusionPipeline):
    def __init__(self, unet: DetailNet, scheduler: DDIMScheduler) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        conditions: Conditions,
        progress: Callable[[int, int, str], None],
        *,
        seed: int = 0,
        steps: int = STEPS,
        start: float = START,
        tile: int = TILE,
    ) -> Prediction:
        """What the network draws, on the conditions' device; the same for the same `seed`,
        whatever the tiles.

        `start`: share of the way from pure noise. Raises OutOfMemory as the device does.
        """
        height, width = conditions.texels.shape[2:]
        whole = _padded(conditions)
        shape = (len(whole.texels), OUTPUT_CHANNELS, *whole.texels.shape[2:])
        # Drawn on the processor: a GPU's numbers are others.
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        self.scheduler.set_timesteps(round(steps / start))
        timesteps = self.scheduler.timesteps[-steps:]
        noise = noise.to(whole.texels.device)
        drawn = self.scheduler.add_noise(torch.zeros_like(noise), noise, timesteps[:1])
        expected = drawn
        for number, timestep in enumerate(timesteps):
            progress(number, steps, "drawing detail")
            clean = self._clean(drawn, timestep, whole, tile)
            expected = clean if number == 0 else expected
            drawn = self.scheduler.step(clean, timestep, drawn, eta=0.0).prev_sample
        progress(steps, steps, "")
        return Prediction(expected[..., :height, :width], drawn[..., :height, :width])

    def _clean(self, noised: Tensor, timestep: Tensor, conditions: Conditions, tile: int) -> Tensor:
        """The network's answer, tile by tile, each with all that it can see round it."""
        clean = torch.empty_like(noised)
        at = timestep.to(noised.device).expand(len(noised))
        for rows, row_seen in _tiles(noised.shape[2], tile, self.unet.reach):
            for columns, column_seen in _tiles(noised.shape[3], tile, self.unet.reach):
                seen = noised[:, :, row_seen, column_seen]
                answer = self.unet(seen, at, conditions.piece(row_seen, column_seen))
                inner = _within(rows, row_seen), _within(columns, column_seen)
                clean[:, :, rows, columns] = answer[:, :, inner[0], inner[1]]
        return clean


def _tiles(length: int, tile: int, reach: int) -> Iterator[tuple[slice, slice]]:
    """Pieces of `length`, each with the piece that is seen for it."""
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        yield slice(start, stop), slice(max(start - reach, 0), min(stop + reach, length))


def _within(piece: slice, seen: slice) -> slice:
    return slice(piece.start - seen.start, piece.stop - seen.start)


def _padded(conditions: Conditions) -> Conditions:
    """To sizes that STRIDE divides; the border is continued."""
    height, width = conditions.texels.shape[2:]
    edges = (0, -width % STRIDE, 0, -height % STRIDE)
    if not any(edges):
        return conditions
    texels, broad, place = (
        functional.pad(m, edges, mode="replicate")
        for m in (conditions.texels, conditions.broad, conditions.place)
    )
    return Conditions(texels, broad, place, conditions.octave)
