"""The blended views in; skin without what was before it, complete, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import Finding, FloatArray

from ...atlas.inpaint import erode_doubtful_edges, inpaint
from ...atlas.texel_map import TexelMap, region, twin_coordinates
from .cropped_hair import draw_cropped_hair
from .filmed_hair import FilmedHair
from .glasses_mask import find_rims
from .grain import synthesize_grain

HAIR_THRESHOLD = 0.10  # of the forehead


@dataclass(frozen=True)
class BareSkin:
    log_rgb: NDArray[np.float32]  # (n, 3) log light
    coverage: NDArray[np.float32]  # (n,) in [0, 1]; the rest is made up
    hair: FilmedHair

    @property
    def findings(self) -> tuple[Finding, ...]:
        if self.hair.over_forehead < HAIR_THRESHOLD:
            return ()
        return (
            Finding(
                "hair_over_forehead",
                f"Hair hides {self.hair.over_forehead:.0%} of the forehead: skin is made up there. "
                "Film again with the hair held back.",
            ),
        )


def bare_skin(
    texels: TexelMap,
    neutral_m: FloatArray,
    log_rgb: FloatArray,
    shading: FloatArray,
    coverage: FloatArray,
    hair: FilmedHair,
    *,
    glasses: bool,
) -> BareSkin:
    """`neutral_m` (V, 3) the head; `log_rgb` (n, 3) in the light of `shading` (n, 3);
    `coverage` (n,) in [0, 1].

    What was not seen is continued as skin without light, and lit like the rest.
    """
    # The typical colour of a nostril holds its darkness.
    shading = shading * (1.0 - texels.interpolate(region(texels.template, "nostrils")))[:, None]
    albedo_log = log_rgb - shading
    coverage = erode_doubtful_edges(texels, coverage)
    if glasses:
        coverage = coverage * (1.0 - find_rims(texels, albedo_log))
    coverage = coverage * (1.0 - hair.hidden)
    filled = inpaint(texels, albedo_log, coverage, twin_coordinates(texels))
    grain = synthesize_grain(texels, neutral_m, albedo_log, coverage)
    albedo_log = filled.log_rgb + (filled.invented * grain)[:, None]
    albedo_log = draw_cropped_hair(texels, neutral_m, albedo_log, hair)
    return BareSkin((shading + albedo_log).astype(np.float32), coverage.astype(np.float32), hair)
