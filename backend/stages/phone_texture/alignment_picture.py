"""Views before and after their warps in; what the warps did to the blend out, side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import TexelMap, region
from ...imaging.image_files import srgb_from_linear
from ...imaging.log_light import light_from_log
from ..frame_sampling.texel_views import TexelView

REGIONS = ("brows", "nose", "lips", "chin")
MIN_SHARE, UNCOVERED = 0.01, 0.03  # weight that counts as covered; linear grey of the rest


class AlignmentPicture:
    """The plain means of the views, over the n texels of an atlas."""

    def __init__(self, texels: TexelMap) -> None:
        self._table = texels
        self._total = np.zeros((2, len(texels), 3), np.float32)
        self._share = np.full((2, len(texels)), 1e-6, np.float32)

    def add(self, after: bool, view: TexelView, log_rgb: FloatArray) -> None:
        """One view's log light (n, 3), before or `after` its warp."""
        self._total[int(after)] += view.weight[:, None] * log_rgb
        self._share[int(after)] += view.weight

    def draw(self) -> NDArray[np.float32]:
        """(H, 2 W, 3) sRGB in [0, 1]: the face's middle, before on the left, after on the right."""
        texels = self._table
        inside = texels.interpolate(region(texels.template, *REGIONS)) > 0.5
        # What is folded in behind lids and lips lies elsewhere in the atlas.
        row, column = np.divmod(texels.texel[inside], texels.size)
        (top, left), (bottom, right) = np.percentile(
            np.stack([row, column], 1), (2, 98), axis=0
        ).astype(int)
        means = light_from_log(self._total / self._share[..., None])
        means[self._share < MIN_SHARE] = UNCOVERED
        sides = [texels.scatter(mean)[top:bottom, left:right] for mean in means]
        return np.clip(srgb_from_linear(np.concatenate(sides, axis=1)), 0.0, 1.0)
