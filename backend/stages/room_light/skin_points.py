"""The coarse points of the skin at which light is computed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...atlas.texel_map import TexelMap, region, texel_map
from ...imaging.smooth_step import smooth_step

GRID = 192  # texels a side: shading is smooth, and each point casts a ray in every direction
SMOOTHING = 1.3  # texels of it
SEAM = (3.0, 14.0)  # texels of it from a border up to which the surface counts, wholly and at all
MIN_OPENNESS = 0.02  # weight of closed points in `smooth`: above 0, so that its mean is defined
# Regions that are not plain skin: they would be taken for shadow.
NOT_PLAIN = ("lips", "brows", "eyelids", "nostrils", "scalp", "ears", "neck")


@dataclass(frozen=True)
class SkinPoints:
    """n skin texels of a GRID x GRID atlas."""

    texels: TexelMap
    skin: BoolArray  # over the table's texels: the n of them

    @classmethod
    def of(cls, template: HeadTemplate) -> SkinPoints:
        texels = texel_map(template, GRID)
        return cls(texels, texels.is_material("skin"))

    def scatter(self, values: NDArray) -> NDArray[np.float32]:
        """Point values (n, ...) as an atlas image (GRID, GRID, ...), continued to the gutters."""
        everywhere = np.zeros((len(self.texels), *values.shape[1:]), np.float32)
        everywhere[self.skin] = values
        # Other materials share the atlas: let the nearest skin stand in for them.
        nearest = np.maximum(np.cumsum(self.skin) - 1, 0)
        everywhere[~self.skin] = values[nearest[~self.skin]]
        return self.texels.scatter(everywhere)

    def without_seams(self, values: FloatArray) -> NDArray[np.float32]:
        """Values (n, C), beside the atlas's borders those of the head's surface, which has none:
        blurs in the atlas leave the two sides of a cut unlike."""
        everywhere = np.zeros((len(self.texels), values.shape[1]), np.float32)
        everywhere[self.skin] = values
        at_vertices, _ = self.texels.to_vertices(everywhere, self.skin.astype(np.float32))
        surface = self.texels.interpolate(at_vertices)[self.skin]
        inside = self.texels.scatter(self.skin.astype(np.uint8), gutters=False)
        padded = cv2.copyMakeBorder(1 - inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
        _, label = cv2.connectedComponents(padded)  # eyes and mouth are no cuts
        outside = (label == label[0, 0]).astype(np.uint8)
        away = cv2.distanceTransform(1 - outside, cv2.DIST_L2, 5)[1:-1, 1:-1]
        here = 1.0 - smooth_step(*SEAM, self.texels.gather(away)[self.skin])
        return values + here[:, None] * (surface - values)

    def plain(self, openness: FloatArray) -> NDArray[np.float32]:
        """(n,) 1 where skin should be of one colour; `openness` (n,) as in `RoomLight`."""
        outside = self.texels.interpolate(region(self.texels.template, *NOT_PLAIN))[self.skin]
        return (1.0 - outside) * np.clip(openness * 2.0 - 0.4, 0.0, 1.0)

    def smooth(self, values: FloatArray, openness: FloatArray) -> NDArray[np.float32]:
        """Values (n, C) without lines finer than the skin blurs light: the open points count most.

        So the depth of a pocket, the slit between the lips above all, takes its rim's value.
        """
        weight = np.maximum(openness, MIN_OPENNESS).astype(np.float32)
        total = cv2.GaussianBlur(self.scatter(values * weight[:, None]), (0, 0), SMOOTHING)
        share = cv2.GaussianBlur(self.scatter(weight), (0, 0), SMOOTHING)
        return self.texels.gather(total / share[..., None])[self.skin]
