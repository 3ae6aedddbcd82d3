"""Sizes of the networks, stored as JSON beside their weights."""

from __future__ import annotations

from dataclasses import dataclass

MIN_SIZE, MAX_SIZE = 32, 512  # texels: below, features have no place; above, no test has been


@dataclass(frozen=True)
class StudioShape:
    """Shared by generator, discriminator and encoder. Raises ValueError where it cannot be."""

    size: int = 256  # edge of the texture in texels
    latent: int = 256  # length of z and of each vector of W+
    mapping_layers: int = 6
    base: int = 8192  # channels times edge, ...
    most: int = 256  # ... but never more channels than these
    encoder_base: int = 4096  # the same for the encoder
    encoder_most: int = 256
    feature_sizes: tuple[int, ...] = (32, 64)  # edges at which the encoder changes features

    def __post_init__(self) -> None:
        if not MIN_SIZE <= self.size <= MAX_SIZE or self.size & (self.size - 1):
            raise ValueError(f"A texture of {self.size} texels is no power of two from 32 to 512.")
        unknown = set(self.feature_sizes) - set(self.edges[1:])
        if unknown:
            raise ValueError(f"The generator has no features of {sorted(unknown)} texels.")

    @property
    def edges(self) -> tuple[int, ...]:
        """4, 8, ... up to `size`."""
        return tuple(4 << i for i in range(self.size.bit_length() - 2))

    @property
    def layers(self) -> int:
        """Vectors of W+: one for each convolution of the generator, one for the last colours."""
        return 2 * len(self.edges)

    def channels(self, edge: int) -> int:
        return min(self.base // edge, self.most)

    def encoder_channels(self, edge: int) -> int:
        return min(self.encoder_base // edge, self.encoder_most)
