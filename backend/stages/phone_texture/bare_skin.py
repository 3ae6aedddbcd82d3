"""The blended views in; skin without what was before it, complete, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import Finding, FloatArray

from ...atlas.inpaint import complete, without_doubtful_rims, without_foreign
from ...atlas.texel_map import TexelMap, region, twin_coordinates
from .glasses_mask import find_rims
from .grain import skin_grain
from .hair_mask import Hair, find_hair, with_cropped_scalp

MUCH_HAIR = 0.10  # of the forehead


@dataclass(frozen=True)
class BareSkin:
    log_rgb: NDArray[np.float32]  # (n, 3) log light
    seen: NDArray[np.float32]  # (n,) in [0, 1]; the rest is made up
    hair: Hair

    @property
    def findings(self) -> tuple[Finding, ...]:
        if self.hair.over_forehead < MUCH_HAIR:
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
    seen: FloatArray,
    *,
    glasses: bool,
) -> BareSkin:
    """`neutral_m` (V, 3) the head; `log_rgb` (n, 3) in the light of `shading` (n, 3); `seen` (n,).

    What was not seen is continued as skin without light, and lit like the rest.
    """
    # The usual colour of a nostril holds its darkness.
    shading = shading * (1.0 - texels.interpolate(region(texels.template, "nostrils")))[:, None]
    albedo_log = log_rgb - shading
    seen = without_doubtful_rims(texels, seen)
    if glasses:
        seen = seen * (1.0 - find_rims(texels, albedo_log))
    # Before foreign colours go: black hair is as far from skin as a collar is.
    hair = find_hair(texels, albedo_log, seen)
    seen = without_foreign(texels, albedo_log, seen)
    seen = seen * (1.0 - hair.hides)
    whole = complete(texels, albedo_log, seen, twin_coordinates(texels))
    grain = skin_grain(texels, neutral_m, albedo_log, seen)
    albedo_log = whole.log_rgb + (whole.invented * grain)[:, None]
    albedo_log = with_cropped_scalp(texels, neutral_m, albedo_log, hair)
    return BareSkin((shading + albedo_log).astype(np.float32), seen.astype(np.float32), hair)
