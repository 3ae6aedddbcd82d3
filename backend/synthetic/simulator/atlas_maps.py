"""Template and texture size in; what the simulator must know of every texel out, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.inpaint import NOT_BARE, RIM_PARTS
from ...atlas.solid_noise import solid_noise
from ...atlas.texel_map import TexelMap, region, texel_map, twin_coordinates
from ...stages.phone_texture.filmed_hair import LOWEST_M
from ...stages.phone_texture.painted_parts import FLAT, IN_MOUTH
from .tables import GRID

# Regions of one colour, that hair is told by; and those on which none is painted.
PLAIN = ("nose", "cheeks", "chin")
NEVER_HAIR = ("brows", "eyelids", "nose", "nostrils", "lips", "chin")
SCALP_THRESHOLD = 0.5  # of a soft region's weight: the middle of its edge


@dataclass(frozen=True, eq=False)
class AtlasMaps:
    """Of an atlas of N x N texels, on one device; images (1, 1, N, N) float32 unless told."""

    size: int
    skin: torch.Tensor  # 1 on skin
    bare: torch.Tensor  # in [0, 1]: plain skin of the face
    doubtful_rims: torch.Tensor  # parts whose rims the stage takes off
    scalp: torch.Tensor
    hair_candidate: torch.Tensor  # 1 where the stage looks for hair
    plain_texel: torch.Tensor  # (k,) int64 some of the face's plain texels
    forehead: torch.Tensor
    ears: torch.Tensor
    scalp_distance_m: torch.Tensor  # on the head at rest; negative inside
    height_m: torch.Tensor  # above the eyes, at rest
    lateral_from_eye_m: torch.Tensor  # away from the nearer eye's middle, towards the temple
    front: torch.Tensor  # 1 where the head's front is
    twin: torch.Tensor  # (1, N, N, 2) where the other side's texel lies, for grid_sample
    has_twin: torch.Tensor
    point_texel: torch.Tensor  # (n,) int64 coarse texel of each skin point
    nearest_point: torch.Tensor  # (GRID * GRID,) int64 skin point of each coarse texel
    painted: torch.Tensor  # 1 where the stage draws the same for everybody: teeth, gums, lashes ...
    painted_albedo: torch.Tensor  # (1, 3, N, N) linear, what it draws there
    in_mouth: torch.Tensor  # 1 on what the stage draws in less light

    @classmethod
    def of(cls, template: HeadTemplate, size: int, device: torch.device) -> AtlasMaps:
        """Of the template at rest, at `size` texels a side."""
        texels = texel_map(template, size)
        rest = texels.interpolate(template.vertices_m)
        skin = texels.is_material("skin")
        eyes = template.eye_centre_m
        twin = twin_coordinates(texels)
        has_twin = np.isfinite(twin[:, 0])

        def image(values: np.ndarray) -> torch.Tensor:
            """Texel values (n,) or (n, C) as an image (1, C, N, N)."""
            atlas_image = np.ascontiguousarray(texels.scatter(values.astype(np.float32)))
            layers = atlas_image[None] if atlas_image.ndim == 2 else atlas_image.transpose(2, 0, 1)
            return torch.from_numpy(np.ascontiguousarray(layers))[None].to(device)

        def part(*names: str) -> torch.Tensor:
            """Weights (1, 1, N, N) of regions, on skin."""
            return image(texels.interpolate(region(template, *names)) * skin)

        height = rest[:, 2] - eyes[:, 2].mean()
        plain = skin & (texels.interpolate(region(template, *PLAIN)) > SCALP_THRESHOLD)
        painted, painted_albedo = _painted_texels(texels, rest)
        point_texel, nearest_point = _skin_points(template)
        position = np.where(has_twin[:, None], twin, 0.0) * (2.0 / size) - 1.0
        return cls(
            size=size,
            skin=image(skin),
            bare=image((1.0 - texels.interpolate(region(template, *NOT_BARE))) * skin),
            doubtful_rims=part(*RIM_PARTS),
            scalp=part("scalp"),
            hair_candidate=image(_hair_candidates(texels, height)),
            plain_texel=torch.from_numpy(texels.texel[plain][::4].astype(np.int64)).to(device),
            forehead=part("forehead"),
            ears=part("ears"),
            scalp_distance_m=image(_scalp_distance_m(texels, rest)),
            height_m=image(height),
            lateral_from_eye_m=image(np.abs(rest[:, 0]) - np.abs(eyes[:, 0]).mean()),
            front=image((rest[:, 1] < eyes[:, 1].mean()) * skin),
            twin=torch.from_numpy(texels.scatter(position.astype(np.float32)))[None].to(device),
            has_twin=image(has_twin * skin),
            point_texel=point_texel.to(device),
            nearest_point=nearest_point.to(device),
            painted=image(painted),
            painted_albedo=image(painted_albedo),
            in_mouth=image(texels.is_material(*IN_MOUTH)),
        )

    def coarse_image(self, values: torch.Tensor) -> torch.Tensor:
        """Values of the skin points (B, n, C) as images (B, C, GRID, GRID) without holes."""
        return values[:, self.nearest_point].transpose(1, 2).unflatten(2, (GRID, GRID))

    def sample_at_points(self, image: torch.Tensor) -> torch.Tensor:
        """Images (B, C, N, N) at the skin points: (B, n, C)."""
        coarse = functional.interpolate(image, size=(GRID, GRID), mode="area")
        return coarse.flatten(2)[:, :, self.point_texel].transpose(1, 2)


def _hair_candidates(texels: TexelMap, height_m: FloatArray) -> NDArray[np.bool_]:
    """Where (n,) the stage looks for hair, given heights (n,) above the eyes."""

    def inside(*names: str) -> NDArray[np.bool_]:
        return texels.interpolate(region(texels.template, *names)) > SCALP_THRESHOLD

    above = (height_m > LOWEST_M) | inside("scalp") | inside("ears")
    return texels.is_material("skin") & ~inside(*NEVER_HAIR) & above


def _scalp_distance_m(texels: TexelMap, rest_m: FloatArray) -> FloatArray:
    """Distance (n,) of texels at (n, 3) from the scalp's edge, negative on the scalp."""
    skin = texels.is_material("skin")
    is_scalp = texels.interpolate(region(texels.template, "scalp")) > SCALP_THRESHOLD
    outside = cKDTree(rest_m[skin & is_scalp][::7]).query(rest_m)[0]
    inside = cKDTree(rest_m[skin & ~is_scalp][::7]).query(rest_m)[0]
    return np.where(is_scalp, -inside, outside)


def _painted_texels(
    texels: TexelMap, rest_m: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which texels (n,) the stage draws alike for everybody, and their linear albedo (n, 3)."""
    albedo = np.zeros((len(texels), 3), np.float32)
    for name, colour in FLAT.items():
        here = texels.is_material(name)
        mottle = 0.05 * solid_noise(rest_m[here], 0.0022, seed=len(name))
        albedo[here] = np.array(colour, np.float32) * np.exp(mottle)[:, None]
    return texels.is_material(*FLAT), albedo


def _skin_points(template: HeadTemplate) -> tuple[torch.Tensor, torch.Tensor]:
    """The coarse texels (n,) of the skin points, and of each coarse texel its nearest point."""
    texels = texel_map(template, GRID)
    texel = texels.texel[texels.is_material("skin")]
    position = np.stack(np.divmod(texel, GRID), 1)
    every_cell = np.stack(np.divmod(np.arange(GRID * GRID), GRID), 1)
    nearest = cKDTree(position).query(every_cell)[1]
    return torch.from_numpy(texel.astype(np.int64)), torch.from_numpy(nearest.astype(np.int64))
