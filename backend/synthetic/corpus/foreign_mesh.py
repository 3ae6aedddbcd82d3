"""Another head's Wavefront mesh with UV in; for each texel of our atlas the place in its UV out.

Our template is laid on the other mesh, landmarks first, with the means of the benchmark's wrap;
each texel then takes the nearest place of the other surface.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...atlas.texel_map import TexelMap
from ...detector.landmark_indices import IBUG_51
from ...geometry.closest import Surface
from ...geometry.normals import vertex_normals
from ...geometry.similarity import IDENTITY, Similarity, align_to_surface, fit_similarity
from ...geometry.wavefront import WavefrontMesh, parse_wavefront
from ...registration.correspondence import FREE, material_vertices, template_landmarks_m
from ...registration.nonrigid import NonRigidRegistration, fit_modes, fit_vertices
from ...registration.reference_head import HEAD_FROM_Y_UP
from .errors import CorpusError

# MakeHuman's base mesh: the vertices at IBUG_51, where the detector sees them on 15
# views of the mesh in one of its own skins; the median of the views, 1.7 mm apart.
_MAKEHUMAN_VERTICES = 19158
_MAKEHUMAN_LANDMARKS = (
    261, 225, 206, 177, 181, 6957, 6953, 6954, 6982, 7023, 133, 5063, 5134, 297, 5136, 285, 316,
    7054, 11750, 6780, 1343, 1330, 72, 1321, 1350, 13360, 8022, 8046, 6812, 8023, 8021, 424, 5351,
    450, 455, 7215, 11953, 10404, 7235, 7241, 492, 486, 480, 498, 472, 474, 7227, 7190, 7227, 474,
    472,
)  # fmt: skip
_LANDMARKS_SUFFIX = ".landmarks.json"
_MARGIN_M = 0.03  # of the other mesh is kept round the template: a body's rest is in the way
_TRUSTED_M = 0.004
_SAME_WAY_COS = 0.2


@dataclass(frozen=True)
class ForeignMesh:
    """N vertices, M triangles; Y up, facing +Z turned to the head frame, any unit of length."""

    vertices: FloatArray  # (N, 3)
    triangles: NDArray[np.int32]  # (M, 3)
    triangle_uv: NDArray[np.float32]  # (M, 3, 2) origin bottom left
    landmark_vertices: NDArray[np.int64]  # (51,) at IBUG_51


@dataclass(frozen=True, eq=False)
class ForeignPlaces:
    """For each of n texels of an atlas a place in the other mesh's UV."""

    uv: NDArray[np.float32]  # (n, 2)
    trusted: BoolArray  # (n,) skin that has a counterpart


def read_foreign_mesh(path: Path) -> ForeignMesh:
    """Read a Wavefront file. Its landmarks stand beside it in `NAME.landmarks.json`, a list of the
    51 vertex numbers (from 0) at IBUG_51; MakeHuman's base mesh needs none.

    Raises CorpusError where the file is missing, damaged, has no UV, or no landmarks are known.
    """
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise CorpusError(
            f"The mesh {path} cannot be read ({error.strerror or error}).",
            "Name the Wavefront file (.obj) to which the textures belong.",
        ) from error
    try:
        mesh = parse_wavefront(text)
    except (ValueError, IndexError) as error:
        raise CorpusError(
            f"The mesh {path.name} is damaged ({error}).", "Export it as Wavefront (.obj) again."
        ) from error
    body = _without_clothes(mesh)
    triangles, triangle_uv = mesh.triangles[body], mesh.triangle_uv[body]
    if not len(mesh.uv) or not len(triangles) or (triangle_uv < 0).any():
        raise CorpusError(
            f"The mesh {path.name} has no UV coordinates.",
            "Unwrap it and export it with UV, or name the mesh to which the textures belong.",
        )
    if triangles.max() >= len(mesh.vertices) or triangle_uv.max() >= len(mesh.uv):
        raise CorpusError(
            f"The faces of the mesh {path.name} name vertices that it does not have.",
            "Export it as Wavefront (.obj) again.",
        )
    return ForeignMesh(
        mesh.vertices @ HEAD_FROM_Y_UP.T,
        triangles.astype(np.int32),
        mesh.uv[triangle_uv].astype(np.float32),
        _landmarks(path, len(mesh.vertices)),
    )


def _without_clothes(mesh: WavefrontMesh) -> BoolArray:
    """(M,) False for the triangles of MakeHuman's clothes and rig."""
    body = [not name.startswith(("helper", "joint")) for name in mesh.groups]
    return np.array(body)[mesh.group]


def _landmarks(path: Path, count: int) -> NDArray[np.int64]:
    beside = path.with_name(path.stem + _LANDMARKS_SUFFIX)
    if not beside.is_file() and count == _MAKEHUMAN_VERTICES:
        return np.array(_MAKEHUMAN_LANDMARKS)
    try:
        found = np.array(json.loads(beside.read_text("utf-8")), np.int64)
    except (OSError, ValueError, TypeError) as error:
        raise CorpusError(
            f"It is not known where the face's landmarks are on the mesh {path.name}.",
            f"Write the {len(IBUG_51)} vertex numbers as a list into {beside.name}.",
        ) from error
    if found.shape != (len(IBUG_51),) or found.min() < 0 or found.max() >= count:
        raise CorpusError(
            f"{beside.name} does not name {len(IBUG_51)} vertices of the mesh.",
            "Write one vertex number, from 0, for each landmark.",
        )
    return found


def foreign_places(texels: TexelMap, mesh: ForeignMesh) -> ForeignPlaces:
    """Lay the template on `mesh` and look up each texel. Some 10 s, and 10 s more at 1024 texels.

    Raises CorpusError where the landmarks do not lie as a face's do.
    """
    template = texels.template
    surface, uv, landmarks_m = _placed(template, mesh)
    registration = _registration(template, surface, landmarks_m)
    vertices = fit_vertices(registration, fit_modes(registration))
    points = texels.interpolate(vertices)
    places = surface.closest(points.astype(np.float64))
    normals = texels.interpolate(vertex_normals(vertices, template.triangles))
    facing = (normals * surface.normals[places.triangle]).sum(1)
    trusted = texels.is_material("skin") & (places.distance_m < _TRUSTED_M)
    trusted &= (facing > _SAME_WAY_COS) & ~surface.on_border(places)
    found = np.einsum("nk,nkc->nc", places.weights, uv[places.triangle])
    return ForeignPlaces(found.astype(np.float32), trusted)


def _placed(
    template: HeadTemplate, mesh: ForeignMesh
) -> tuple[Surface, NDArray[np.float32], FloatArray]:
    """The mesh's part round the template in the head frame, its UV (m, 3, 2), its landmarks."""
    own = template_landmarks_m(template)
    to_head = fit_similarity(mesh.vertices[mesh.landmark_vertices], own, np.ones(len(own)))
    off = np.linalg.norm(to_head(mesh.vertices[mesh.landmark_vertices]) - own, axis=1)
    if np.median(off) > 0.015:
        raise CorpusError(
            "The landmarks of the mesh do not lie as a face's do.",
            "Export the mesh with Y up, facing +Z, and check the landmarks' vertex numbers.",
        )
    low = template.vertices_m.min(0) - _MARGIN_M
    high = template.vertices_m.max(0) + _MARGIN_M

    def near(similar: Similarity) -> tuple[FloatArray, BoolArray]:
        placed = similar(mesh.vertices)
        inside = ((placed > low) & (placed < high)).all(1)
        return placed, inside[mesh.triangles].all(1)

    placed, kept = near(to_head)
    skin = material_vertices(template, "skin")
    moved = align_to_surface(
        template.vertices_m[skin].astype(np.float64),
        np.ones(int(skin.sum())),
        Surface(placed, mesh.triangles[kept]),
        IDENTITY,
    )
    to_head = to_head.then(moved.inverse)
    placed, kept = near(to_head)
    surface = Surface(placed, mesh.triangles[kept])
    return surface, mesh.triangle_uv[kept], placed[mesh.landmark_vertices]


def _registration(
    template: HeadTemplate, surface: Surface, landmarks_m: FloatArray
) -> NonRigidRegistration:
    names = list(IBUG_51)
    rows = sp.csr_array(
        (
            template.landmark_weights[names].astype(np.float64).ravel(),
            (np.repeat(np.arange(len(names)), 3), template.landmark_vertices[names].ravel()),
        ),
        shape=(len(names), len(template.vertices_m)),
    )
    sheet = np.isin(
        template.triangle_material, [MATERIALS.index(name) for name in ("skin", "mouth")]
    )
    return NonRigidRegistration(
        rest_m=template.vertices_m.astype(np.float64),
        triangles=template.triangles[sheet],
        skin=material_vertices(template, "skin"),
        sides=np.full(len(template.vertices_m), FREE, np.int8),
        surface=surface,
        allowed={FREE: np.arange(len(surface.triangles))},
        landmark_rows=rows,
        landmarks_m=landmarks_m,
    )
