"""How long, how large and how fast: nothing in, the presets of the command out."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...stages.studio_texture.networks import StudioShape

PHASES = ("phone", "encoder", "studio")


@dataclass(frozen=True)
class PairWeights:
    """Of the losses on pairs of phone and studio texture."""

    pixels: float = 1.0  # absolute difference of sRGB
    perceptual: float = 0.8
    identity: float = 0.1
    offset: float = 2e-4  # squared distance from the mean of w


@dataclass(frozen=True)
class KeepWeights:
    """Of the losses that hold what G_studio draws to what G_phone draws of the same W+."""

    perceptual: float = 0.1  # small: it would keep the phone's light too
    identity: float = 0.5


@dataclass(frozen=True)
class Adversarial:
    learning_rate: float = 2e-3
    r1: float = 0.4  # gamma; about 0.0002 texels / batch
    r1_every: int = 16
    path: float = 2.0
    path_every: int = 4
    mixing: float = 0.5  # share of batches of two latents each
    # Augmentation rises while the discriminator is surer than this of real textures (mean sign).
    surest: float = 0.6
    augment_images: int = 500_000  # over which it may rise from none to all
    augment_most: float = 0.8  # beyond, what it does would show in the generator


@dataclass(frozen=True)
class Preset:
    shape: StudioShape
    simulated: int  # texels a side of simulated pairs, before they are made as small as the network
    corpus: int  # painted persons
    real: int  # variations of a studio's own textures, where its folder names a mesh
    pairs: int  # kept in memory at a time
    stock_steps: int  # before they are simulated anew
    batch: int
    phone_steps: int
    encoder_steps: int
    studio_steps: int
    encoder_rate: float  # of learning
    studio_rate: float  # of G_studio; the adversary's own is in `adversarial`
    mean_images: int  # over which the running mean of weights forgets half
    log_every: int
    keep_every: int  # steps between checkpoints
    sheet_every: int
    joint: bool = False  # in the encoder's phase G_phone learns too: it had no time to by itself
    plain_share: float = 0.25  # of batches with W+ alone, so that it stays of use
    frozen_edge: int = 8  # G_studio keeps G_phone's layers up to it: they carry who it is; 0: none
    adversarial: Adversarial = field(default_factory=Adversarial)
    pair_weights: PairWeights = field(default_factory=PairWeights)
    adversarial_weight: float = 0.1  # of the studio phase's, beside the losses on pairs
    studio_pairs: float = 1.0  # weight of those
    keep_weights: KeepWeights = field(default_factory=KeepWeights)

    def steps(self, phase: str) -> int:
        return getattr(self, f"{phase}_steps")


# The adversarial part takes far more than a processor can give: the losses on pairs do the work.
CPU = Preset(
    shape=StudioShape(
        size=64, latent=64, mapping_layers=4, base=2048, most=64, encoder_base=2048,
        encoder_most=96,
    ),
    simulated=128, corpus=480, real=96, pairs=2048, stock_steps=3000, batch=8,
    phone_steps=600, encoder_steps=3000, studio_steps=600, encoder_rate=3e-3, studio_rate=1e-3,
    mean_images=2000, log_every=20, keep_every=200, sheet_every=400, joint=True,
    adversarial=Adversarial(r1=0.1, r1_every=16, path_every=8),
)  # fmt: skip
# One card of 8 to 16 GB, a night.
WORKSTATION = Preset(
    shape=StudioShape(),
    simulated=256, corpus=1500, real=300, pairs=4096, stock_steps=4000, batch=16,
    phone_steps=60_000, encoder_steps=30_000, studio_steps=20_000, encoder_rate=5e-4,
    studio_rate=1e-3, mean_images=10_000, log_every=50, keep_every=1000, sheet_every=2000,
    adversarial=Adversarial(r1=0.8),
)  # fmt: skip
# One large card, in pieces of half an hour (`--minutes 28 --resume`).
GPU = Preset(
    shape=StudioShape(base=16384, encoder_base=8192),
    simulated=256, corpus=2000, real=600, pairs=8192, stock_steps=4000, batch=64,
    phone_steps=30_000, encoder_steps=15_000, studio_steps=15_000, encoder_rate=5e-4,
    studio_rate=1e-3, mean_images=20_000, log_every=50, keep_every=500, sheet_every=1000,
    adversarial=Adversarial(r1=0.2),
)  # fmt: skip
PRESETS = {"cpu": CPU, "workstation": WORKSTATION, "gpu": GPU}
