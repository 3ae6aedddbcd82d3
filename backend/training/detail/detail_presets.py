"""How long, how large and how fast: nothing in, the presets of the command out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    channels: tuple[int, int]
    blocks: tuple[int, int]
    size: int  # texels a side of the atlas that persons are filmed in
    corpus: int  # painted persons
    real: int  # variations of a studio's own textures
    crop: int  # texels a side of what is learnt from at a time
    batch: int
    steps: int
    rate: float  # of learning, at its highest
    mean_images: int  # over which the running mean of weights forgets half
    log_every: int
    keep_every: int  # steps between checkpoints
    sheet_every: int


CPU = Preset(
    channels=(48, 96), blocks=(2, 3), size=2048, corpus=36, real=12, crop=128, batch=12,
    steps=3000, rate=2e-3, mean_images=4000, log_every=20, keep_every=200, sheet_every=1000,
)  # fmt: skip
# One card of 8 to 16 GB, a night.
WORKSTATION = Preset(
    channels=(96, 192), blocks=(3, 4), size=2048, corpus=400, real=100, crop=256, batch=16,
    steps=100_000, rate=5e-4, mean_images=50_000, log_every=50, keep_every=1000, sheet_every=5000,
)  # fmt: skip
# One large card, in pieces of half an hour (`--minutes 28 --resume`).
GPU = Preset(
    channels=(96, 192), blocks=(3, 4), size=2048, corpus=300, real=100, crop=256, batch=64,
    steps=20_000, rate=1e-3, mean_images=50_000, log_every=50, keep_every=500, sheet_every=2000,
)  # fmt: skip
PRESETS = {"cpu": CPU, "workstation": WORKSTATION, "gpu": GPU}
