"""How portraits are made, whoever is on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PortraitSettings:
    """`size_px`: width, height; all sizes show as much, at some 1 mm a pixel of the usual one."""

    size_px: tuple[int, int] = (420, 500)
    samples: int = 6  # a pixel: the denoiser takes the rest
    skins: int = 36  # persons painted; each serves many portraits
    skin_texels: int = 1024


USUAL_WIDTH_PX = PortraitSettings.size_px[0]
