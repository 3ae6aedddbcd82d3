"""From the left half to the whole head: one mesh, mirrored to the bit, its parts and loops named.

`HeadMesh` is what identity, regions, rig, atlas and the expression fields are written against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from . import control_points
from .control_surface import solve_skin
from .layout import HOLES, HalfLayout, half_layout
from .parts import make_parts
from .pockets import make_pockets

MM = 1e-3  # in metres: control points are typed in millimetres, the mesh is in metres
DECIMALS = 4  # of a millimetre: what another machine's arithmetic may change stays below


@dataclass(frozen=True)
class HeadMesh:
    """The neutral head. Positions in metres, left and right are the subject's.

    `rings`: (rings, n) ids by "mouth" (40 closed: 0 lower midline, 10 left corner, 20 upper
    midline, 30 right corner), "eye_L/R" (28: 25 medial canthus, 11 lateral), "nostril_L/R",
    "ear_L/R"; ring 0 is the border on the grid, higher is further inside; a right ring keeps the
    left one's indices. `ends`: the ids that close the innermost rings. `loops`: ids in order:
    "lid_upper_L" and "lid_lower_L" (margin's outer edge, medial to lateral),
    "lid_upper_inner_L" …, "lip_contact_upper/lower" (right to left corner), "vermilion", "brow_L"
    (medial to lateral). `parts`: ids of "skin", "eyeball_L/R", "cornea_L/R", "teeth_upper/lower",
    "gums_upper/lower", "tongue", "lashes_upper_L" … , "tear_L/R", "caruncle_L/R", "mouth_bag",
    "socket_L/R".
    """

    vertices_m: FloatArray  # (V, 3)
    quads: IntArray  # (F, 4) counter-clockwise from outside
    quad_material: NDArray[np.uint8]  # (F,) into MATERIALS
    mirror: IntArray  # (V,)
    half_count: int  # ids below it are the left half's, midline included
    grid: IntArray  # (65, 40) skin, columns from the back over the right to the left; -1 in holes
    cap: IntArray  # (17, 17) crown, right to left, front to back
    rings: dict[str, IntArray]
    ends: dict[str, IntArray]
    loops: dict[str, IntArray]
    parts: dict[str, IntArray]
    eye_centre_m: FloatArray  # (2, 3) left, right
    eye_radius_m: FloatArray  # (2,)

    @property
    def count(self) -> int:
        """V."""
        return len(self.vertices_m)


@dataclass(frozen=True)
class _Half:
    vertices: FloatArray
    quads: IntArray
    material: NDArray[np.uint8]
    midline: IntArray
    parts: dict[str, IntArray]


def build_mesh() -> HeadMesh:
    """The neutral head from the typed control points."""
    layout = half_layout()
    skin = make_pockets(layout, solve_skin(layout))
    half = _join(layout, skin)
    twin = _twins(half)
    count = len(half.vertices)
    right = np.flatnonzero(twin >= count)
    left = np.round(half.vertices, DECIMALS)
    vertices = np.vstack([left, left[right] * np.array([-1.0, 1.0, 1.0])]) * MM
    mirror = np.concatenate([twin, right]).astype(np.int32)
    rings, ends = _whole_rings(layout, twin)
    centre = np.array(control_points.EYE_CENTRE) * MM
    return HeadMesh(
        # float32 from here on: what is stored is what every field was computed for
        vertices_m=vertices.astype(np.float32).astype(np.float64),
        quads=np.vstack([half.quads, twin[half.quads][:, [0, 3, 2, 1]]]).astype(np.int32),
        quad_material=np.concatenate([half.material, half.material]),
        mirror=mirror,
        half_count=count,
        grid=np.vstack([_mirror_ids(layout.grid, twin)[:0:-1], layout.grid]).astype(np.int32),
        cap=np.vstack([_mirror_ids(layout.cap, twin)[:0:-1], layout.cap]).astype(np.int32),
        rings=rings,
        ends=ends,
        loops=_loops(rings, layout, twin),
        parts=_whole_parts(half, rings, ends, twin),
        eye_centre_m=np.array([centre, centre * np.array([-1.0, 1.0, 1.0])]),
        eye_radius_m=np.full(2, control_points.EYE_RADIUS * MM),
    )


def _join(layout: HalfLayout, skin: FloatArray) -> _Half:
    """Skin and parts of the left half in one numbering."""
    vertices, quads, midline = [skin], [layout.quads], [layout.midline]
    material = [_skin_material(layout)]
    names: dict[str, IntArray] = {"skin": np.arange(layout.count, dtype=np.int32)}
    count = layout.count
    for part in make_parts(layout, skin):
        vertices.append(part.vertices)
        quads.append(part.quads + count)
        midline.append(part.midline + count)
        code = MATERIALS.index(part.material)
        material.append(np.full(len(part.quads), code, dtype=np.uint8))
        names[part.name] = np.arange(count, count + len(part.vertices), dtype=np.int32)
        count += len(part.vertices)
    joined = np.concatenate(vertices)
    on_midline = np.concatenate(midline)
    joined[on_midline, 0] = 0.0
    return _Half(joined, np.concatenate(quads), np.concatenate(material), on_midline, names)


def _skin_material(layout: HalfLayout) -> NDArray[np.uint8]:
    """Skin everywhere but inside the mouth, from the contact line inwards."""
    inside = np.zeros(layout.count, dtype=bool)
    inside[layout.rings["mouth"][6:].ravel()] = True
    inside[layout.ends["mouth"].ravel()] = True
    mouth = inside[layout.quads].all(axis=1)
    return np.where(mouth, MATERIALS.index("mouth"), MATERIALS.index("skin")).astype(np.uint8)


def _twins(half: _Half) -> IntArray:
    """For each vertex of the half the id of its mirror image in the whole head."""
    twin = np.full(len(half.vertices), -1, dtype=np.int32)
    twin[half.midline] = half.midline
    right = np.flatnonzero(twin < 0)
    twin[right] = len(half.vertices) + np.arange(len(right))
    return twin


def _mirror_ids(ids: IntArray, twin: IntArray) -> IntArray:
    return np.where(ids >= 0, twin[ids], -1).astype(np.int32)


def _whole_rings(
    layout: HalfLayout, twin: IntArray
) -> tuple[dict[str, IntArray], dict[str, IntArray]]:
    rings: dict[str, IntArray] = {}
    ends: dict[str, IntArray] = {}
    for hole in HOLES:
        left, end = layout.rings[hole.name], layout.ends[hole.name]
        inner = end[end >= 0]
        if hole.first_column == 0:
            rings[hole.name] = np.hstack([left, twin[left[:, -2:0:-1]]]).astype(np.int32)
            ends[hole.name] = np.unique(np.concatenate([inner, twin[inner]])).astype(np.int32)
            continue
        for side, ids, closing in (("L", left, inner), ("R", twin[left], twin[inner])):
            rings[f"{hole.name}_{side}"] = ids.astype(np.int32)
            ends[f"{hole.name}_{side}"] = closing.astype(np.int32)
    return rings, ends


def _loops(rings: dict[str, IntArray], layout: HalfLayout, twin: IntArray) -> dict[str, IntArray]:
    loops: dict[str, IntArray] = {}
    upper, lower = np.arange(25, 10, -1), np.mod(np.arange(25, 40), 28)
    brow = layout.grid[2:13, control_points.ROW_INDEX["brow"]]
    for side in ("L", "R"):
        eye = rings[f"eye_{side}"]
        for lid, order in (("upper", upper), ("lower", lower)):
            loops[f"lid_{lid}_{side}"] = eye[5][order]
            loops[f"lid_{lid}_inner_{side}"] = eye[6][order]
        loops[f"brow_{side}"] = brow if side == "L" else twin[brow]
    mouth = rings["mouth"]
    loops["lip_contact_upper"] = mouth[6][30:9:-1]
    loops["lip_contact_lower"] = mouth[6][np.mod(np.arange(30, 51), 40)]
    loops["vermilion"] = mouth[3]
    return loops


def _whole_parts(
    half: _Half, rings: dict[str, IntArray], ends: dict[str, IntArray], twin: IntArray
) -> dict[str, IntArray]:
    parts: dict[str, IntArray] = {}
    for name, ids in half.parts.items():
        if name.startswith(("eyeball", "cornea", "lashes", "tear", "caruncle")):
            parts[f"{name}_L"], parts[f"{name}_R"] = ids, twin[ids]
        else:
            parts[name] = np.unique(np.concatenate([ids, twin[ids]])).astype(np.int32)
    parts["mouth_bag"] = np.unique(np.concatenate([rings["mouth"][7:].ravel(), ends["mouth"]]))
    for side in ("L", "R"):
        socket = np.concatenate([rings[f"eye_{side}"][7:].ravel(), ends[f"eye_{side}"]])
        parts[f"socket_{side}"] = np.unique(socket)
    return parts
