"""Frames and the room's light in; what the frames would show if all were lit alike, out.

When the head turns before a still camera the light turns over it, and a blend of the views would
mix lights: a shadow's edge from one, a bright cheek from another. Each view is therefore brought
to the mean of all the lights first (an offset in log light).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray, RoomLight

from ...atlas.texel_map import TexelMap
from ...imaging.log_light import LUMINANCE
from ..frame_sampling.frame_sampler import FrameSampler
from ..frame_sampling.texel_views import TexelView
from ..room_light.skin_points import SkinPoints

# Log light by which a view may be brightened at no loss of trust; noise and errors grow with it.
TRUSTED_GAIN, GAIN_SPREAD = 0.3, 0.7


@dataclass(frozen=True)
class CommonLight:
    """Brings the chosen frames to the mean of the lights of `RoomLight`."""

    points: SkinPoints
    light: RoomLight

    @classmethod
    def of(cls, light: RoomLight, template: HeadTemplate) -> CommonLight:
        return cls(SkinPoints.of(template), light)

    @property
    def differs(self) -> bool:
        """Whether the views have different lights or exposures."""
        return self.light.moves_with == "camera" or bool(self.light.exposure_log.any())

    def sample(
        self, frame: FrameSampler, texels: TexelMap, warp: FloatArray | None
    ) -> tuple[TexelView, NDArray[np.float32]]:
        """As `FrameSampler.sample`, in the common light: n texels and their log light (n, 3)."""
        view, log_rgb = frame.sample(texels, warp)
        if self.differs:
            gain = texels.sample(self.to_common(frame.k), cv2.INTER_CUBIC)
            log_rgb += gain
            excess = np.maximum(gain @ LUMINANCE - TRUSTED_GAIN, 0.0) / GAIN_SPREAD
            view.weight[:] *= np.exp(-(excess**2))
        return view, log_rgb

    def to_common(self, k: int) -> NDArray[np.float32]:
        """(GRID, GRID, 3) what brings chosen frame k to the common light."""
        shading = self.light.log_shading[k].astype(np.float32) + self.light.exposure_log[k]
        return self.points.scatter(self.light.common - shading)

    def shading(self, texels: TexelMap) -> NDArray[np.float32]:
        """(n, 3) log shading of an atlas's texels in the common light."""
        return texels.sample(self.points.scatter(self.light.common), cv2.INTER_CUBIC)
