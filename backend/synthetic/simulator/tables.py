"""Heads drawn from the template in; what coarse points of their skin see of room and head out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.template import MATERIALS, SEE_THROUGH, HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import TexelMap, texel_map
from ...geometry.normals import vertex_normals
from ...stages.room_light.visibility import NOTHING, Visibility, cast_visibility, even_directions
from ...store.source_fingerprint import source_fingerprint
from .sphere import DIRECTIONS, pack

# Side of the coarse atlas whose skin texels are the points: light on skin is smooth but for cast
# shadows. Costs grow with its square.
GRID = 96
PATCHES = 256  # of skin that throw light on the points: a bounce is broad
NEIGHBOURS = 6  # points over which skin spreads light
# Gaussian by which skin spreads light, red, green, blue; between the published radii' extremes.
SUBSURFACE_M = (0.0030, 0.0009, 0.0006)


@dataclass(frozen=True, eq=False)
class HeadTables:
    """H heads; n skin points, the same places on each, of a GRID x GRID atlas; on one device."""

    template_sha256: str
    points_m: torch.Tensor  # (H, n, 3) float32 head frame
    normals: torch.Tensor  # (H, n, 3) float32
    bits: torch.Tensor  # (H, n, D / 8) uint8: open sky towards the directions of `sphere`
    exchange: torch.Tensor  # (H, n, PATCHES) uint8: share of the hemisphere that a patch fills, ...
    exchange_unit: torch.Tensor  # (H,) float32: ... in this unit
    patch_mean: torch.Tensor  # (PATCHES, n) float32, rows sum to 1
    neighbour: torch.Tensor  # (n, NEIGHBOURS) int32 nearest points
    spread: torch.Tensor  # (n, 3) float32 share of its light that skin takes from the neighbours

    def __len__(self) -> int:
        return len(self.bits)

    def to(self, device: torch.device) -> HeadTables:
        moved = {
            field.name: getattr(self, field.name).to(device)
            for field in fields(self)
            if field.name != "template_sha256"
        }
        return HeadTables(self.template_sha256, **moved)


@cache
def tables_version() -> str:
    """A mark (16 hex digits) of the code that bakes."""
    return source_fingerprint(__name__)


def bake_tables(template: HeadTemplate, identities: FloatArray) -> HeadTables:
    """Tables of heads with identity parameters (H, P) in standard deviations; seconds a head."""
    texels = texel_map(template, GRID)
    skin = texels.is_material("skin")
    rest = texels.interpolate(template.vertices_m)[skin]
    patch = kmeans2(rest.astype(np.float64), PATCHES, minit="++", seed=1)[1]
    baked = [_bake(template, texels, skin, patch, identity) for identity in identities]
    points, normals, bits, exchange, unit = (np.stack(part) for part in zip(*baked, strict=True))
    counts = np.maximum(np.bincount(patch, minlength=PATCHES), 1)
    mean = (patch == np.arange(PATCHES)[:, None]) / counts[:, None]
    distance, neighbour = cKDTree(rest).query(rest, NEIGHBOURS + 1)
    return HeadTables(
        template_sha256=template.sha256,
        points_m=torch.from_numpy(points),
        normals=torch.from_numpy(normals),
        bits=torch.from_numpy(bits),
        exchange=torch.from_numpy(exchange),
        exchange_unit=torch.from_numpy(unit),
        patch_mean=torch.from_numpy(mean.astype(np.float32)),
        neighbour=torch.from_numpy(neighbour[:, 1:].astype(np.int32)),
        spread=torch.from_numpy(_spread(distance[:, 1:])),
    )


def save_tables(tables: HeadTables, path: Path) -> None:
    """Write an `npz` with a mark of its version."""
    stored = {
        field.name: np.asarray(getattr(tables, field.name))
        if field.name == "template_sha256"
        else getattr(tables, field.name).cpu().numpy()
        for field in fields(tables)
    }
    write_arrays(path, version=np.array(tables_version()), **stored)


def load_tables(path: Path, template: HeadTemplate) -> HeadTables:
    """Read what `save_tables` wrote.

    Raises EnvironmentProblem where it is missing, damaged, or of another version or template.
    """
    remedy = "Bake the heads' tables again with `bake_tables` and save them there."
    try:
        stored = read_arrays(path)
        version = str(stored["version"])
        if version == tables_version():
            stored_template = str(stored["template_sha256"])
            tensors = {
                field.name: torch.from_numpy(stored[field.name])
                for field in fields(HeadTables)
                if field.name != "template_sha256"
            }
    except (OSError, ValueError, KeyError) as error:
        raise EnvironmentProblem(f"{path.name} cannot be read ({error}).", remedy) from error
    if version != tables_version():
        raise EnvironmentProblem(
            f"{path.name} has version {version}; this one reads {tables_version()}.", remedy
        )
    if stored_template != template.sha256:
        raise EnvironmentProblem(f"{path.name} was made for another head template.", remedy)
    return HeadTables(stored_template, **tensors)


def _bake(
    template: HeadTemplate,
    texels: TexelMap,
    skin: NDArray[np.bool_],
    patch: NDArray[np.int32],
    identity: FloatArray,
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Points, normals, bits, exchange and its unit of one head."""
    vertices = template.neutral_m(identity)
    normals = texels.interpolate(vertex_normals(vertices, template.triangles))[skin]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    points = texels.interpolate(vertices)[skin]
    clear = [MATERIALS.index(name) for name in SEE_THROUGH]
    opaque = template.triangles[~np.isin(template.triangle_material, clear)]
    visibility = cast_visibility(points, normals, vertices, opaque, even_directions(DIRECTIONS))
    is_open = (visibility.hit == NOTHING) & (visibility.cosine > 0.0)
    nearest = cKDTree(points).query(vertices[opaque].mean(1))[1]
    exchange = _exchange(visibility, patch[nearest])
    unit = max(float(exchange.max()) / 255.0, 1e-9)
    steps = np.rint(exchange / unit).astype(np.uint8)
    return points, normals, pack(is_open), steps, np.array(unit, np.float32)


def _exchange(visibility: Visibility, patch: NDArray[np.int32]) -> NDArray[np.float32]:
    """(n, PATCHES) share of each point's hemisphere; `patch` of each triangle."""
    row, direction = np.nonzero(visibility.hit != NOTHING)
    share = visibility.cosine[row, direction] * (4.0 / len(visibility.directions))
    cell = row * PATCHES + patch[visibility.hit[row, direction]]
    total = np.bincount(cell, share, minlength=len(visibility.hit) * PATCHES)
    return total.reshape(-1, PATCHES).astype(np.float32)


def _spread(distance_m: FloatArray) -> NDArray[np.float32]:
    """(n, 3) weight of the neighbours at (n, NEIGHBOURS) against the point's own, as Gaussians."""
    sigma = np.array(SUBSURFACE_M)
    near = np.exp(-0.5 * (distance_m[..., None] / sigma) ** 2).sum(1)
    return (near / (1.0 + near)).astype(np.float32)
