"""Heads, environments and views in; the light on every skin point, and its shine, in each view."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...imaging.smooth_step import smooth_step
from .environments import Environments
from .sphere import DIRECTIONS, Sphere, unpack
from .tables import NEIGHBOURS, HeadTables

# Openness is interpolated from directions 9 degrees apart; its edge lies halfway.
EDGE = 0.14
# Principled's IOR level at which a surface mirrors 4 % of what meets it head on.
DEFAULT_SPECULAR = 0.5
DEFAULT_F0 = 0.04


@dataclass(frozen=True, eq=False)
class CameraVisibility:
    """B heads' n skin points from V cameras."""

    to_camera: torch.Tensor  # (B, n, V, 3) unit
    cosine: torch.Tensor  # (B, n, V) of the normal towards the camera; may be negative
    openness: torch.Tensor  # (B, n, V) in [0, 1], whether the camera sees the point


@dataclass(frozen=True, eq=False)
class Irradiance:
    """What falls on B heads' n points in V lights."""

    linear: torch.Tensor  # (B, n, V, 3) over pi: what a white, matte point would show
    sun_direction: torch.Tensor  # (B, V, 3) the sun, in the head frame
    sun_cosine: torch.Tensor  # (B, n, V) the normal's cosine to it, in [0, 1]
    sun_visibility: torch.Tensor  # (B, n, V) in [0, 1]: whether the point sees it, with a soft edge


@dataclass(frozen=True, eq=False)
class ViewLight:
    """What B heads' n points get in V views, linear."""

    irradiance: torch.Tensor  # (B, n, V, 3) over pi: what a white, matte point would show
    shine: torch.Tensor  # (B, n, V, 3) mirrored at USUAL_SPECULAR


@dataclass(frozen=True, eq=False)
class Heads:
    """B of a bank's heads, and what all share."""

    tables: HeadTables
    index: torch.Tensor  # (B,) int64
    sphere: Sphere

    @property
    def points_m(self) -> torch.Tensor:
        """(B, n, 3) head frame."""
        return self.tables.points_m[self.index]

    @property
    def normals(self) -> torch.Tensor:
        """(B, n, 3) unit."""
        return self.tables.normals[self.index]

    @property
    def bits(self) -> torch.Tensor:
        """(B, n, D / 8) uint8: which of the sphere's directions are open sky."""
        return self.tables.bits[self.index]

    @property
    def openness(self) -> torch.Tensor:
        """(B, n) cosine-weighted share of the hemisphere that is open sky."""
        sums = unpack(self.bits) @ self.sphere.directions  # (B, n, 3)
        return (sums * self.normals).sum(2) * (4.0 / DIRECTIONS)

    def visibility_from(self, cameras_m: torch.Tensor) -> CameraVisibility:
        """Cameras (B, V, 3) in the head frame."""
        to_camera = cameras_m[:, None] - self.points_m[:, :, None]
        to_camera = to_camera / to_camera.norm(dim=3, keepdim=True)
        cosine = (self.normals[:, :, None] * to_camera).sum(3)
        return CameraVisibility(to_camera, cosine, self._visibility_along(to_camera))

    def irradiance(
        self, environments: Environments, environment_from_head: torch.Tensor, albedo: torch.Tensor
    ) -> Irradiance:
        """One bounce and the skin's blur included.

        Whether a point sees the sun is interpolated between the directions of `sphere`: its
        shadows' edges lie right to a few degrees only, and are about as soft.

        `environment_from_head` (B, V, 3, 3) environment from head; `albedo` (B, n, 3).
        """
        sun_direction = torch.einsum(
            "bvij,bi->bvj", environment_from_head, environments.sun_direction
        )
        direct, sun_visibility = self._direct_light(
            environments, environment_from_head, sun_direction
        )
        soft = EDGE + 3.0 * environments.sun_radius_rad[:, None, None]
        sun_visibility = smooth_step(0.0, 1.0, 0.5 + (sun_visibility - 0.5) / (2.0 * soft))
        sun_cosine = (self.normals @ sun_direction.transpose(1, 2)).clamp(min=0.0)
        direct += (sun_cosine * sun_visibility)[..., None] * environments.sun_light[:, None, None]
        reflected = (albedo[:, :, None] * direct).flatten(2)  # (B, n, V * 3)
        exchange = self.tables.exchange[self.index].float()
        unit = self.tables.exchange_unit[self.index][:, None, None]
        bounced = unit * (exchange @ (self.tables.patch_mean @ reflected))
        total = self._scatter_in_skin(direct + bounced.view_as(direct))
        return Irradiance(total, sun_direction, sun_cosine, sun_visibility)

    def shine(
        self,
        environments: Environments,
        environment_from_head: torch.Tensor,
        visibility: CameraVisibility,
        sun: Irradiance,
        roughness: torch.Tensor,
    ) -> torch.Tensor:
        """(B, n, V, 3) mirrored at USUAL_SPECULAR and perceptual `roughness` (B, n).

        The environment by the split sum (Karis 2013), the sun as a light from one direction.
        """
        normal = self.normals[:, :, None]
        mirror = 2.0 * visibility.cosine[..., None] * normal - visibility.to_camera
        outside = torch.einsum("bvij,bnvj->bnvi", environment_from_head, mirror)
        light = self.sphere.shine_towards(environments.radiance, outside, roughness)
        share = _specular_albedo(roughness[..., None], visibility.cosine.clamp(0.05, 1.0))
        glint = sun.sun_visibility * _sun_highlight(self.normals, visibility, sun, roughness)
        return (
            light * (share * self._visibility_along(mirror))[..., None]
            + glint[..., None] * environments.sun_light[:, None, None]
        )

    def _direct_light(
        self,
        environments: Environments,
        environment_from_head: torch.Tensor,
        sun_direction: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Direct light (B, n, V, 3) without the sun; how open (B, n, V) `sun_direction` is.

        Directions below a point's horizon are not open.
        """
        directions = self.sphere.directions
        outside = torch.einsum("bvij,dj->bvdi", environment_from_head, directions)
        light = self.sphere.light_towards(environments.radiance, outside)  # (B, V, D, 3)
        light = light.transpose(1, 2).flatten(2) * (4.0 / DIRECTIONS)  # (B, D, V * 3)
        # The cosine is linear in the normal: its three axes are summed apart.
        columns = [light * directions[:, axis : axis + 1] for axis in range(3)]
        columns.append(self.sphere.shares_towards(sun_direction))
        sums = unpack(self.bits) @ torch.cat(columns, 2)
        along, sun_visibility = sums.split([3 * light.shape[2], sun_direction.shape[1]], 2)
        direct = (along.unflatten(2, (3, -1)) * self.normals[..., None]).sum(2)
        return direct.unflatten(2, (-1, 3)), sun_visibility

    def _visibility_along(self, rays: torch.Tensor) -> torch.Tensor:
        is_open = self.sphere.visibility_towards(self.bits, rays)
        return smooth_step(0.5 - EDGE, 0.5 + EDGE, is_open)

    def _scatter_in_skin(self, light: torch.Tensor) -> torch.Tensor:
        """Light (B, n, V, 3) as skin spreads it: the nearest points stand for the surroundings."""
        around = light[:, self.tables.neighbour[:, 0].long()]
        for number in range(1, NEIGHBOURS):
            around = around + light[:, self.tables.neighbour[:, number].long()]
        return light + self.tables.spread[:, None] * (around / NEIGHBOURS - light)


def _sun_highlight(
    normals: torch.Tensor, visibility: CameraVisibility, sun: Irradiance, roughness: torch.Tensor
) -> torch.Tensor:
    """(B, n, V) GGX of a light from one direction, with Schlick's masking and Fresnel terms."""
    half = visibility.to_camera + sun.sun_direction[:, None]
    half = half / half.norm(dim=3, keepdim=True).clamp(min=1e-6)
    cosine = (normals[:, :, None] * half).sum(3).clamp(0.0, 1.0)
    alpha = (roughness**2)[..., None]
    # Over pi, as the sun's light is given.
    distribution = alpha**2 / (cosine**2 * (alpha**2 - 1.0) + 1.0) ** 2
    view_cosine, sun_cosine, k = visibility.cosine.clamp(0.05, 1.0), sun.sun_cosine, 0.5 * alpha
    masking = 0.25 / ((view_cosine * (1.0 - k) + k) * (sun_cosine * (1.0 - k) + k))
    grazing = 1.0 - (half * visibility.to_camera).sum(3).clamp(0.0, 1.0)
    fresnel = DEFAULT_F0 + (1.0 - DEFAULT_F0) * grazing**5
    return distribution * masking * fresnel * sun_cosine


def _specular_albedo(roughness: torch.Tensor, view_cosine: torch.Tensor) -> torch.Tensor:
    """Share of an even light that is mirrored at USUAL_F0: Lazarov's fit, as Karis gives it."""
    x, y = 1.0 - roughness, 0.0425 - 0.0275 * roughness
    bend = torch.minimum(x * x, torch.exp2(-9.28 * view_cosine)) * x + y
    scale = -1.04 * bend + (1.04 - 0.572 * roughness)
    offset = 1.04 * bend + (-0.04 + 0.022 * roughness)
    return (DEFAULT_F0 * scale + offset).clamp(min=0.0)
