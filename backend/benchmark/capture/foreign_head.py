"""ICT-FaceKit and a seed in; a head that our generators did not make, for `capture_mesh`, out.

The person's shape and topology are the reference's. The skin is painted by our own code and
carried over: both heads lie on each other by the wrap, so each texel of the reference's face takes
the colour of the nearest place on ours. Its clear eyeballs get plain balls inside, which carry iris
and white. All parts share one square atlas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.frames import texel_from_uv
from studio_avatar_addon.avatar.template import IRIS_RADIUS_M, MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ...atlas.texel_map import sample_at
from ...geometry.closest import Surface
from ...geometry.raster import interpolate_vertices, rasterize_uv
from ...geometry.similarity import Similarity
from ...imaging.image_files import pixels_8bit, srgb_from_linear
from ...registration.reference_head import ReferenceHead
from ..head.reference import FOLDER, IDENTITIES, MESH, SKIN_VERTICES
from ..head.wrap import Wrap

MOUTH_VERTICES = 13294  # after the skin come the mouth's bag, then both eye sockets
# Where each part lies in our square: left, bottom, breadth, height. The reference keeps its parts
# in squares of their own.
_TILES = {"M_Face": (0.0, 0.0, 0.7, 0.7), "M_BackHead": (0.7, 0.0, 0.3, 0.7)}
# Middle of each eye's disc, its radius, and the angle from the gaze (rad) at its rim.
_EYE_MIDDLES, _EYE_DISC, _EYE_RIM_RAD = ((0.15, 0.85), (0.45, 0.85)), 0.14, 2.0
_BALL_RINGS, _BALL_MERIDIANS = 28, 32
_BALL_SHARE = 0.995  # of the clear shell's least radius
_PART_MATERIAL = {
    "M_Face": "skin", "M_BackHead": "skin", "M_GumsTongue": "gums", "M_Teeth": "teeth",
    "M_ScleraLeft": "cornea", "M_ScleraRight": "cornea",
}  # fmt: skip
# Plain parts: a stripe of one linear colour each. What is not named here is left out: opaque shells
# before the eyes, irises with a hole for the pupil, lashes as cards that want a strand texture.
_STRIPES = {
    "gums": (0.40, 0.15, 0.13), "teeth": (0.64, 0.55, 0.42), "mouth": (0.26, 0.065, 0.055),
    "caruncle": (0.42, 0.20, 0.17), "cornea": (0.05, 0.04, 0.03),
}  # fmt: skip
_STRIPES_LEFT, _STRIPES_BOTTOM, _STRIPE = 0.6, 0.7, 0.4 / len(_STRIPES)
# The reference has shoulders; our bust wants a neck. Height (m) where it is cut, at y = 0, and how
# that rises backwards, as our own neck's edge does.
_CUT_M, _CUT_RISE = -0.128, 0.22


@dataclass(frozen=True)
class ForeignMesh:
    """The reference's faces in our atlas. F faces; triangles repeat their last corner."""

    faces: NDArray[np.int32]  # (F, 4) reference vertices
    face_uv: NDArray[np.float32]  # (F, 4, 2)
    face_material: NDArray[np.uint8]  # (F,) into MATERIALS

    def triangles(self, material: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Corners (M, 3) and their UV (M, 3, 2) of a material."""
        faces = self.face_material == MATERIALS.index(material)
        split = [0, 1, 2, 0, 2, 3]
        corners = self.faces[faces][:, split].reshape(-1, 3)
        uv = self.face_uv[faces][:, split].reshape(-1, 3, 2)
        real = corners[:, 1] != corners[:, 2]
        return corners[real], uv[real]


@dataclass(frozen=True)
class ForeignSkin:
    """For each of M texels a place in our template's atlas."""

    size: int
    texel: NDArray[np.int64]  # (M,) row * size + column
    uv: NDArray[np.float32]  # (M, 2) in the template's atlas
    nearest: NDArray[np.int64]  # (size, size) into texel: continues the charts into the gutters

    def transfer(self, maps: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
        """Maps (N, N, ...) of the template's atlas, by name, as (size, size, ...) in the
        reference's; the normals, which belong to the template's own directions of UV, are left
        out."""
        there = texel_from_uv(self.uv, len(maps["base_color"]))
        kept = {name: image for name, image in maps.items() if name != "normal"}
        out = {
            name: np.rint(sample_at(image, there)[self.nearest]).astype(np.uint8)
            for name, image in kept.items()
        }
        self._paint_stripes(out["base_color"])
        return out

    def _paint_stripes(self, base_color: NDArray[np.uint8]) -> None:
        bottom = self.size - round(_STRIPES_BOTTOM * self.size)
        for number, linear in enumerate(_STRIPES.values()):
            left, right = (
                round((_STRIPES_LEFT + (number + k) * _STRIPE) * self.size) for k in (0, 1)
            )
            base_color[:bottom, left:right] = pixels_8bit(srgb_from_linear(np.array(linear)))


def load_foreign_mesh(heads: Path) -> ForeignMesh:
    """The reference's faces, materials and UV from the folder of reference heads, neck uncut."""
    text = (heads / FOLDER / MESH).read_text("utf-8")
    places: list[tuple[float, float]] = []
    faces: list[list[int]] = []
    uv: list[FloatArray] = []
    material: list[int] = []
    part = ""
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word == "vt":
            places.append((float(rest[0]), float(rest[1])))
        elif word == "usemtl":
            part = rest[0]
        elif word == "f" and part in _PART_MATERIAL:
            corners = [[int(number) - 1 for number in corner.split("/")[:2]] for corner in rest]
            corners += [corners[-1]] * (4 - len(corners))
            vertices = [corner[0] for corner in corners]
            kind = _material(part, max(vertices))
            faces.append(vertices)
            uv.append(_in_atlas(part, kind, np.array([places[corner[1]] for corner in corners])))
            material.append(MATERIALS.index(kind))
    return ForeignMesh(
        np.array(faces, np.int32), np.array(uv, np.float32), np.array(material, np.uint8)
    )


def _material(part: str, last_vertex: int) -> str:
    """The sockets share the skin's parts; their vertices come after the skin's."""
    kind = _PART_MATERIAL[part]
    if kind == "skin" and last_vertex >= SKIN_VERTICES:
        return "mouth" if last_vertex < MOUTH_VERTICES else "caruncle"
    return kind


def _in_atlas(part: str, kind: str, uv: FloatArray) -> FloatArray:
    """(4, 2) of the reference's squares to ours."""
    if kind in _STRIPES:
        left = _STRIPES_LEFT + (list(_STRIPES).index(kind) + 0.5) * _STRIPE
        return np.tile((left, 0.5 * (1.0 + _STRIPES_BOTTOM)), (4, 1))
    left, bottom, breadth, height = _TILES[part]
    return (uv - np.floor(uv.mean(axis=0))) * (breadth, height) + (left, bottom)


def identity_weights(seed: int) -> FloatArray:
    """(100,) in standard deviations."""
    return np.random.default_rng(seed).standard_normal(IDENTITIES)


def write_reference_person(
    path: Path, reference: ReferenceHead, mesh: ForeignMesh, to_head: Similarity, seed: int
) -> None:
    """The reference's person of that seed for `capture_mesh`, laid in our head frame."""
    vertices = to_head(reference.with_identity(identity_weights(seed)))
    shells = [vertices[_shell_vertices(mesh, eye)] for eye in (0, 1)]
    balls = [_eyeball(shell, eye) for eye, shell in enumerate(shells)]
    kept, vertices = _cut_neck(mesh, vertices)
    first = len(vertices) + np.array([0, len(balls[0].vertices_m)])
    write_arrays(
        path,
        vertices_m=np.concatenate([vertices, *(ball.vertices_m for ball in balls)], dtype="f4"),
        faces=np.concatenate(
            [mesh.faces[kept], *(ball.faces + k for ball, k in zip(balls, first, strict=True))],
            dtype="i4",
        ),
        face_uv=np.concatenate([mesh.face_uv[kept], *(ball.face_uv for ball in balls)], dtype="f4"),
        face_material=np.concatenate(
            [mesh.face_material[kept]]
            + [np.full(len(ball.faces), MATERIALS.index("eye"), np.uint8) for ball in balls]
        ),
        eye_centre_m=np.array([ball.centre_m for ball in balls], np.float32),
        eye_radius_m=np.array([ball.radius_m for ball in balls], np.float32),
    )


@dataclass(frozen=True)
class _Ball:
    """An eyeball of its own mesh."""

    centre_m: FloatArray  # (3,)
    radius_m: float
    vertices_m: FloatArray  # (n, 3)
    faces: IntArray  # (m, 4)
    face_uv: FloatArray  # (m, 4, 2)


def _eyeball(shell_m: FloatArray, eye: int) -> _Ball:
    """A ball just inside the clear shell (n, 3), its pole ahead, its UV a disc about the gaze."""
    centre = _shell_centre(shell_m)
    radius = _BALL_SHARE * float(np.linalg.norm(shell_m - centre, axis=1).min())
    ring, meridian = np.divmod(np.arange(1 + _BALL_RINGS * _BALL_MERIDIANS) - 1, _BALL_MERIDIANS)
    from_gaze = np.pi * (ring + 1) / _BALL_RINGS
    around = 2.0 * np.pi * meridian / _BALL_MERIDIANS
    side = np.stack([np.cos(around), np.sin(around)], axis=1)
    arm = np.stack([side[:, 0] * np.sin(from_gaze), -np.cos(from_gaze),
                    side[:, 1] * np.sin(from_gaze)], axis=1)  # fmt: skip
    out = np.minimum(from_gaze / _EYE_RIM_RAD, 1.0)[:, None]
    uv = np.array(_EYE_MIDDLES[eye]) + _EYE_DISC * out * side
    grid = 1 + np.arange(_BALL_RINGS * _BALL_MERIDIANS).reshape(_BALL_RINGS, _BALL_MERIDIANS)
    grid = grid[:-1]  # the last ring would be the back's pole, which nobody sees: left open
    after = np.roll(grid, -1, axis=1)
    quads = np.stack([grid[:-1], grid[1:], after[1:], after[:-1]], axis=-1).reshape(-1, 4)
    pole = np.zeros_like(grid[0])
    cap = np.stack([pole, grid[0], after[0], after[0]], axis=-1)
    faces = np.concatenate([cap, quads])
    return _Ball(centre, radius, centre + radius * arm, faces, uv[faces])


def _cut_neck(mesh: ForeignMesh, vertices_m: FloatArray) -> tuple[NDArray[np.bool_], FloatArray]:
    """Faces (F,) to keep, and the vertices with the cut's ragged edge slid up into its plane."""
    over = vertices_m[:, 2] - _CUT_M - _CUT_RISE * vertices_m[:, 1]
    kept = (over[mesh.faces] > 0.0).any(axis=1)
    one, other = np.nonzero(~np.eye(4, dtype=bool))  # a face's edges and diagonals
    pairs = np.stack([mesh.faces[kept][:, one], mesh.faces[kept][:, other]], axis=-1).reshape(-1, 2)
    above, below = pairs[(over[pairs[:, 0]] > 0.0) & (over[pairs[:, 1]] <= 0.0)].T
    share = over[above] / (over[above] - over[below])
    cut = vertices_m[above] + share[:, None] * (vertices_m[below] - vertices_m[above])
    moved = vertices_m.copy()
    moved[below] = 0.0
    np.add.at(moved, below, cut)
    moved[np.unique(below)] /= np.bincount(below)[np.unique(below)][:, None]
    return kept, moved


def _shell_vertices(mesh: ForeignMesh, eye: int) -> IntArray:
    """Vertices of the clear shell of the left (0) or right eye; the left one's come first."""
    shell = np.unique(mesh.faces[mesh.face_material == MATERIALS.index("cornea")])
    return np.split(shell, 2)[eye]


def _shell_centre(points_m: FloatArray) -> FloatArray:
    """Centre (3,) of the sphere through a shell's back half, behind the cornea."""
    back = points_m[points_m[:, 1] > points_m[:, 1].mean()]
    system = np.hstack([2.0 * back, np.ones((len(back), 1))])
    return np.linalg.lstsq(system, (back**2).sum(axis=1), rcond=None)[0][:3]


def foreign_skin(
    template: HeadTemplate, reference: ReferenceHead, mesh: ForeignMesh, wrap: Wrap, size: int
) -> ForeignSkin:
    """Where each texel of the reference's atlas finds its colour in ours. Some 20 s at 2048."""
    skin = _skin_places(template, reference, mesh, wrap, size)
    shell = wrap.head_from_reference(reference.vertices_m)[_shell_vertices(mesh, 0)]
    eyes = _eye_places(template, _eyeball(shell, 0).radius_m, size)
    texel, uv = (np.concatenate(pair) for pair in zip(skin, eyes, strict=True))
    outside = np.ones(size * size, np.uint8)
    outside[texel] = 0
    _, label = cv2.distanceTransformWithLabels(
        outside.reshape(size, size), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.zeros(len(texel) + 1, np.int64)
    index[label.reshape(-1)[texel]] = np.arange(len(texel))
    return ForeignSkin(size, texel.astype(np.int64), uv.astype(np.float32), index[label])


def _skin_places(
    template: HeadTemplate, reference: ReferenceHead, mesh: ForeignMesh, wrap: Wrap, size: int
) -> tuple[IntArray, FloatArray]:
    """Texels (M,) of the skin and the nearest place on the wrapped template as UV (M, 2)."""
    corners, corner_uv = mesh.triangles("skin")
    raster = rasterize_uv(corner_uv, size)
    texel = np.flatnonzero(raster.covered)
    points = interpolate_vertices(raster, corners, reference.vertices_m).reshape(-1, 3)[texel]
    valid = wrap.trusted[template.triangles].all(axis=1)
    valid &= template.triangle_material == MATERIALS.index("skin")
    return texel, _nearest_uv(template, wrap.transfer(reference.vertices_m), valid, points)


def _eye_places(template: HeadTemplate, radius_m: float, size: int) -> tuple[IntArray, FloatArray]:
    """As `_skin_places` for eyeballs of that radius: irises are as wide in metres as on ours."""
    row, column = np.divmod(np.arange(size * size), size)
    uv = np.stack([column + 0.5, size - row - 0.5], axis=1) / size
    texels, places = [], []
    for eye, middle in enumerate(_EYE_MIDDLES):
        arm = (uv - middle) / _EYE_DISC
        out = np.linalg.norm(arm, axis=1)
        texel = np.flatnonzero(out < 1.05)  # a rim for filtering
        side = arm[texel] / np.maximum(out[texel], 1e-9)[:, None]
        ours = float(template.eye_radius_m[eye])
        wider = _iris_angle(ours) / _iris_angle(radius_m)
        from_gaze = np.minimum(out[texel] * _EYE_RIM_RAD * wider, np.pi)
        direction = np.stack(
            [side[:, 0] * np.sin(from_gaze), -np.cos(from_gaze), side[:, 1] * np.sin(from_gaze)],
            axis=1,
        )
        texels.append(texel)
        places.append(template.eye_centre_m[eye] + ours * direction)
    valid = template.triangle_material == MATERIALS.index("eye")
    uv = _nearest_uv(template, _as_balls(template), valid, np.concatenate(places))
    return np.concatenate(texels), uv


def _iris_angle(eye_radius_m: float) -> float:
    """Half the angle (rad) of an iris on an eye of that radius, from its centre."""
    return float(np.arcsin(IRIS_RADIUS_M / eye_radius_m))


def _as_balls(template: HeadTemplate) -> FloatArray:
    """Vertices (V, 3), those of the dished irises pushed out to spheres: places by direction."""
    vertices = template.vertices_m.astype(float)
    ball = np.unique(template.quads[template.quad_material == MATERIALS.index("eye")])
    for eye, centre in enumerate(template.eye_centre_m):
        mine = ball[(vertices[ball, 0] < 0.0) == bool(eye)]
        arm = vertices[mine] - centre
        length = np.linalg.norm(arm, axis=1, keepdims=True)
        vertices[mine] = centre + template.eye_radius_m[eye] * arm / length
    return vertices


def _nearest_uv(
    template: HeadTemplate, vertices_m: FloatArray, valid: NDArray[np.bool_], points_m: FloatArray
) -> FloatArray:
    """UV (M, 2) of the places nearest to points (M, 3) on the `known` (2F,) triangles."""
    valid_triangles = np.flatnonzero(valid)
    places = Surface(vertices_m, template.triangles[valid_triangles]).closest(points_m)
    uv = template.triangle_uv[valid_triangles[places.triangle]]
    return np.einsum("nk,nkc->nc", places.weights, uv)
