"""Template and texture size in; which point of the head each texel shows, and its twin, out.

Everything that works in the atlas keeps its values as a list over the n texels that lie inside a
chart (`TexelMap.texel`); `TexelMap.scatter` spreads such a list over the square and continues
it into the gutters, so that neither filtering nor mipmaps meet black seams.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.frames import texel_from_uv
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ..geometry.raster import rasterize_uv


@dataclass(frozen=True, eq=False)
class TexelMap:
    """n chart texels of a `size` x `size` atlas and where they lie on the template's triangles."""

    template: HeadTemplate
    size: int
    texel: NDArray[np.int32]  # (n,) row * size + column, ascending
    triangle: NDArray[np.int32]  # (n,) into template.triangles
    barycentric: NDArray[np.float32]  # (n, 3)

    def __len__(self) -> int:
        return len(self.texel)

    @cached_property
    def material(self) -> NDArray[np.uint8]:
        """(n,) into MATERIALS."""
        return self.template.triangle_material[self.triangle]

    def is_material(self, *names: str) -> BoolArray:
        """(n,) True for texels of the named materials."""
        wanted = np.isin(np.arange(len(MATERIALS)), [MATERIALS.index(n) for n in names])
        return wanted[self.material]

    @cached_property
    def chart(self) -> BoolArray:
        """(N, N) True inside a chart."""
        inside = np.zeros(self.size * self.size, bool)
        inside[self.texel] = True
        return inside.reshape(self.size, self.size)

    @cached_property
    def nearest(self) -> NDArray[np.int32]:
        """(N, N) index into the list of the chart texel nearest to each texel of the square."""
        _, label = cv2.distanceTransformWithLabels(
            (~self.chart).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        index = np.zeros(len(self) + 1, np.int32)
        index[label.reshape(-1)[self.texel]] = np.arange(len(self), dtype=np.int32)
        return index[label]

    def interpolate(self, per_vertex: FloatArray) -> NDArray[np.float32]:
        """Values (V, C) or (V,) of the template's vertices at each texel: (n, C) or (n,)."""
        values = np.ascontiguousarray(per_vertex.reshape(len(per_vertex), -1), np.float32)
        out = _interpolate(self.template.triangles, self.triangle, self.barycentric, values)
        return out.reshape(len(self), *per_vertex.shape[1:])

    def to_vertices(
        self, values: FloatArray, weight: FloatArray
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weighted means (V, C) of texel `values` (n, C) around each vertex, and weights (V,)."""
        return _splat(
            self.template.triangles,
            self.triangle,
            self.barycentric,
            np.ascontiguousarray(values, np.float32),
            np.ascontiguousarray(weight, np.float32),
            len(self.template.vertices_m),
        )

    def scatter(self, values: NDArray, *, gutters: bool = True) -> NDArray:
        """Texel values (n, ...) as an image (N, N, ...); outside the charts the nearest, or 0."""
        if gutters:
            return values[self.nearest]
        out = np.zeros((self.size * self.size, *values.shape[1:]), values.dtype)
        out[self.texel] = values
        return out.reshape(self.size, self.size, *values.shape[1:])

    def gather(self, image: NDArray) -> NDArray:
        """The chart texels (n, ...) of an image (N, N, ...)."""
        return image.reshape(self.size * self.size, *image.shape[2:])[self.texel]

    def sample(self, image: NDArray, interpolation: int = cv2.INTER_LINEAR) -> NDArray:
        """An atlas image of another size (M, M, ...) at these texels: (n, ...)."""
        resized = cv2.resize(image, (self.size, self.size), interpolation=interpolation)
        return self.gather(resized)


def texel_map(template: HeadTemplate, size: int) -> TexelMap:
    """Which point of the template each texel of a `size` x `size` atlas shows."""
    raster = rasterize_uv(template.triangle_uv, size)
    texel = np.flatnonzero(raster.covered).astype(np.int32)
    return TexelMap(
        template=template,
        size=size,
        texel=texel,
        triangle=raster.triangle.reshape(-1)[texel],
        barycentric=raster.barycentric.reshape(-1, 3)[texel],
    )


def region(template: HeadTemplate, *names: str) -> NDArray[np.float32]:
    """Weights (V,) in [0, 1] of regions together, sides included ("ears": "ears_L", "ears_R")."""
    wanted = {f"{name}{side}" for name in names for side in ("", "_L", "_R")}
    rows = [i for i, known in enumerate(template.region_names) if known in wanted]
    return np.clip(template.region_weights[rows].sum(0), 0.0, 1.0).astype(np.float32)


def twin_coordinates(texels: TexelMap) -> NDArray[np.float32]:
    """Where each texel's twin on the other side lies: (n, 2) texel coordinates; NaN: nowhere."""
    template = texels.template
    twin_quad, twin_corner = _mirrored_quads(template)
    corner = np.array([[0, 1, 2], [0, 2, 3]])[texels.triangle % 2]  # (n, 3) corners of the quad
    quad = texels.triangle // 2
    uv = template.quad_uv[twin_quad[quad][:, None], twin_corner[quad[:, None], corner]]
    point = np.einsum("nk,nkc->nc", texels.barycentric, uv)
    coordinates = texel_from_uv(point, texels.size).astype(np.float32)
    coordinates[twin_quad[quad] < 0] = np.nan
    return coordinates


def sample_at(
    image: NDArray, coordinates: FloatArray, interpolation: int = cv2.INTER_LINEAR
) -> NDArray:
    """An image (H, W[, C]) at points (n, 2), x and y with pixel centres at + 0.5: (n[, C]).

    The border is continued; NaN reads the corner.
    """
    # OpenCV takes maps of at most 32767 rows: fold the list into a rectangle.
    width = 1024
    height = -(-len(coordinates) // width)
    folded = np.zeros((height * width, 2), np.float32)
    folded[: len(coordinates)] = np.nan_to_num(coordinates) - 0.5
    folded = folded.reshape(height, width, 2)
    out = cv2.remap(image, folded, None, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return out.reshape(height * width, *image.shape[2:])[: len(coordinates)]


def _mirrored_quads(template: HeadTemplate) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The quad (F,) on the other side, -1: none, and which of its corners mirrors each (F, 4)."""
    quads = template.quads.astype(np.int64)
    mirrored = template.mirror[quads]
    order = {tuple(sorted(q)): i for i, q in enumerate(quads.tolist())}
    twin = np.array([order.get(tuple(sorted(q)), -1) for q in mirrored.tolist()])
    corner = (quads[twin][:, None, :] == mirrored[:, :, None]).argmax(2)
    return twin, corner


@numba.njit(cache=True, nogil=True)
def _interpolate(triangles, triangle, barycentric, values):
    count, channels = len(triangle), values.shape[1]
    out = np.empty((count, channels), np.float32)
    for i in range(count):
        a, b, c = triangles[triangle[i]]
        wa, wb, wc = barycentric[i]
        for k in range(channels):
            out[i, k] = wa * values[a, k] + wb * values[b, k] + wc * values[c, k]
    return out


@numba.njit(cache=True, nogil=True)
def _splat(triangles, triangle, barycentric, values, weight, vertices):
    channels = values.shape[1]
    total = np.zeros(vertices, np.float32)
    out = np.zeros((vertices, channels), np.float32)
    for i in range(len(triangle)):
        if weight[i] <= 0.0:
            continue
        for corner in range(3):
            vertex = triangles[triangle[i], corner]
            share = weight[i] * barycentric[i, corner]
            total[vertex] += share
            for k in range(channels):
                out[vertex, k] += share * values[i, k]
    for vertex in range(vertices):
        if total[vertex] > 0.0:
            for k in range(channels):
                out[vertex, k] /= total[vertex]
    return out, total
