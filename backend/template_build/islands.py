"""The atlas's islands: everything that is not outer skin, left half, in the strip under the chart.

In: the head mesh and the layout; out: for each island its quads (indices into the left half's) and
their UV. Surfaces that are rings round an axis become nested rings on a disk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ..template.layout import HalfLayout
from ..template.mesh import HeadMesh
from ..template.parts import CARUNCLE_ACROSS, LASHES, LOWER_TEETH, TEAR_ROWS, UPPER_TEETH

# centre and radius on the atlas; at u = 0.5 half a disk, its twin on the other side
DISKS = {
    "mouth_bag": ((0.5, 0.041), 0.036),
    "tongue": ((0.5, 0.113), 0.027),
    "eyeball": ((0.611, 0.0725), 0.066),
    "cornea": ((0.714, 0.035), 0.028),
    "socket": ((0.714, 0.115), 0.024),
    "nostril": ((0.775, 0.030), 0.024),
    "eyeball_back": ((0.775, 0.082), 0.018),
    "tear": ((0.552, 0.0145), 0.0065),
}
# low and high corner on the atlas
BLOCKS = {
    "lashes_upper": ((0.751, 0.109), (0.799, 0.122)),
    "lashes_lower": ((0.751, 0.1315), (0.799, 0.1405)),
    "gums_upper": ((0.808, 0.069), (0.985, 0.097)),
    "gums_lower": ((0.808, 0.106), (0.985, 0.134)),
    "caruncle": ((0.547, 0.129), (0.557, 0.139)),
}
TOOTH_RADIUS, TOOTH_PITCH = 0.011, 0.031
TOOTH_START = {"upper": (0.819, 0.0175), "lower": (0.819, 0.0485)}

# The eyeball's disk: polar angle from the gaze to radius, the iris enlarged
EYE_ANGLE_DEG = (0.0, 29.2, 60.0, 100.0, 145.0)
EYE_RADIUS_SHARE = (0.0, 0.42, 0.72, 0.90, 1.0)


@dataclass(frozen=True)
class Island:
    name: str
    quads: IntArray  # (q,) into the left half's quads
    uv: FloatArray  # (q, 4, 2)


def islands(head: HeadMesh, layout: HalfLayout) -> list[Island]:
    """All islands of the left half."""
    quads = head.quads[: len(head.quads) // 2]
    found_islands = [
        _disk(head, quads, name, _nested_rings(layout, hole, first))
        for name, hole, first in (
            ("mouth_bag", "mouth", 6), ("socket", "eye", 6), ("nostril", "nostril", 2),
        )
    ]  # fmt: skip
    found_islands += _eye(head, quads)
    found_islands += _teeth(head, quads)
    found_islands.append(_disk(head, quads, "tongue", _tongue(head)))
    for name in ("gums_upper", "gums_lower"):
        found_islands.append(_block(head, quads, name, _left(head, name), 5))
    for lid in ("upper", "lower"):
        found_islands.append(_lashes(head, quads, lid))
    found_islands.append(_disk(head, quads, "tear", _tear_line(head)))
    found_islands.append(_block(head, quads, "caruncle", _left(head, "caruncle"), CARUNCLE_ACROSS))
    return found_islands


def _left(head: HeadMesh, part: str) -> IntArray:
    """The part's ids in the left half, in the order they were made."""
    if part not in head.parts:
        return head.parts[f"{part}_L"]
    ids = head.parts[part]
    return ids[ids < head.half_count]


def _placed_quads(quads: IntArray, places: dict[int, FloatArray]) -> IntArray:
    is_placed = np.zeros(int(quads.max()) + 1, dtype=bool)
    is_placed[list(places)] = True
    return np.flatnonzero(is_placed[quads].all(axis=1)).astype(np.int32)


def _island(name: str, quads: IntArray, places: dict[int, FloatArray], mirror_u: float) -> Island:
    """Quads whose corners are all placed; turned over about `mirror_u` when they face away."""
    chosen = _placed_quads(quads, places)
    uv = np.array([[places[int(vertex)] for vertex in quad] for quad in quads[chosen]])
    first, second = uv[:, 2] - uv[:, 0], uv[:, 3] - uv[:, 1]
    if (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum() < 0:
        uv = np.array([2 * mirror_u, 0.0]) + uv * np.array([-1.0, 1.0])
    return Island(name, chosen, uv)


def _disk(head: HeadMesh, quads: IntArray, name: str, places: dict[int, FloatArray]) -> Island:
    """Unit-disk places to the atlas."""
    centre, radius = DISKS[name]
    placed = {vertex: np.array(centre) + radius * at for vertex, at in places.items()}
    return _island(name, quads, placed, centre[0])


def _nested_rings(layout: HalfLayout, hole: str, first: int) -> dict[int, FloatArray]:
    """Rings from `first` inwards as nested circles, the closing patch in the middle."""
    rings, patch = layout.rings[hole][first:], layout.ends[hole]
    count = rings.shape[1]
    half = hole == "mouth"
    angle = np.pi * (np.arange(count) / (count - 1) - 0.5) if half else (
        2 * np.pi * np.arange(count) / count
    )  # fmt: skip
    places: dict[int, FloatArray] = {}
    for step, ring in enumerate(rings):
        share = 1.0 - 0.55 * step / (len(rings) - 1)
        for vertex, turn in zip(ring, angle, strict=True):
            places[int(vertex)] = share * np.array([np.cos(turn), np.sin(turn)])
            if half and abs(abs(turn) - np.pi / 2) < 1e-9:
                places[int(vertex)][0] = 0.0
    _relax_patch(places, patch, half)
    return places


def _relax_patch(places: dict[int, FloatArray], patch: IntArray, half: bool) -> None:
    """Places inside a patch whose border is placed: harmonic, by plain relaxation."""
    wide, high = patch.shape
    inside = [(i, j) for i in range(0 if half else 1, wide - 1) for j in range(1, high - 1)]
    for i, j in inside:
        places[int(patch[i, j])] = np.zeros(2)
    for _ in range(400):
        for i, j in inside:
            neighbours = [patch[i + 1, j], patch[i, j - 1], patch[i, j + 1]]
            neighbours.append(patch[i - 1, j] if i > 0 else patch[1, j])
            mean = np.mean([places[int(vertex)] for vertex in neighbours], axis=0)
            places[int(patch[i, j])] = mean if i > 0 else np.array([0.0, mean[1]])


def _eye(head: HeadMesh, quads: IntArray) -> list[Island]:
    ids = head.parts["eyeball_L"]
    arm = head.vertices_m[ids] - head.eye_centre_m[0]
    polar = np.rad2deg(np.arccos(np.clip(-arm[:, 1] / np.linalg.norm(arm, axis=1), -1, 1)))
    turn = np.arctan2(arm[:, 2], arm[:, 0])
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    reach = np.interp(polar, EYE_ANGLE_DEG, EYE_RADIUS_SHARE)
    front, behind = {}, {}
    for vertex, place, angle, radius, at in zip(ids, circle, polar, reach, arm, strict=True):
        if angle < 146:
            front[int(vertex)] = radius * place
        if angle > 144:
            behind[int(vertex)] = at[[0, 2]] / (head.eye_radius_m[0] * np.sin(np.deg2rad(145)))
    corneal = head.parts["cornea_L"]
    over = (head.vertices_m[corneal] - head.eye_centre_m[0])[:, [0, 2]]
    over = over / np.linalg.norm(over, axis=1).max()
    places = {int(vertex): at for vertex, at in zip(corneal, over, strict=True)}
    return [
        _disk(head, quads, "eyeball", front),
        _disk(head, quads, "eyeball_back", behind),
        _disk(head, quads, "cornea", places),
    ]


def _teeth(head: HeadMesh, quads: IntArray) -> list[Island]:
    found_islands = []
    angle = -3 * np.pi / 4 + 2 * np.pi * np.arange(8) / 8
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for jaw, teeth in (("upper", UPPER_TEETH), ("lower", LOWER_TEETH)):
        ids = _left(head, f"teeth_{jaw}").reshape(len(teeth), -1)
        for number, tooth in enumerate(ids):
            start = np.array(TOOTH_START[jaw], dtype=np.float64)
            start += np.array([TOOTH_PITCH * number, 0.0])
            places: dict[int, FloatArray] = {int(tooth[24]): start}
            for ring, share in enumerate((1.0, 0.72, 0.4)):
                for vertex, at in zip(tooth[8 * ring : 8 * ring + 8], circle, strict=True):
                    places[int(vertex)] = start + TOOTH_RADIUS * share * at
            found_islands.append(_island(f"tooth_{jaw}_{number}", quads, places, start[0]))
    return found_islands


def _tongue(head: HeadMesh) -> dict[int, FloatArray]:
    ids = _left(head, "tongue")
    rings, tip = ids[:-2].reshape(-1, 7), ids[-2:]
    angle = np.linspace(-np.pi / 2, np.pi / 2, 7)
    places: dict[int, FloatArray] = {}
    for step, ring in enumerate(rings):
        share = 1.0 - 0.85 * step / (len(rings) - 1)
        for vertex, turn in zip(ring, angle, strict=True):
            places[int(vertex)] = share * np.array([np.cos(turn), np.sin(turn)])
    for vertex in rings[:, [0, -1]].ravel():
        places[int(vertex)][0] = 0.0
    places[int(tip[0])], places[int(tip[1])] = np.array([0.0, 0.0]), np.array([0.08, 0.0])
    return places


def _tear_line(head: HeadMesh) -> dict[int, FloatArray]:
    rows = _left(head, "tear").reshape(TEAR_ROWS, -1)
    angle = 2 * np.pi * np.arange(rows.shape[1]) / rows.shape[1]
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return {
        int(vertex): share * at
        for row, share in zip(rows, (1.0, 0.75, 0.5), strict=True)
        for vertex, at in zip(row, circle, strict=True)
    }


def _block(head: HeadMesh, quads: IntArray, name: str, ids: IntArray, high: int) -> Island:
    """A grid of ids (columns of `high`) on a rectangle."""
    low, top = (np.array(corner, dtype=np.float64) for corner in BLOCKS[name])
    grid = ids.reshape(-1, high)
    places: dict[int, FloatArray] = {
        int(vertex): low + (top - low) * np.array([i / (len(grid) - 1), j / (high - 1)])
        for i, column in enumerate(grid)
        for j, vertex in enumerate(column)
    }
    return _island(name, quads, places, float((low[0] + top[0]) / 2))


def _lashes(head: HeadMesh, quads: IntArray, lid: str) -> Island:
    low, top = (np.array(corner) for corner in BLOCKS[f"lashes_{lid}"])
    ids = head.parts[f"lashes_{lid}_L"].reshape(LASHES[lid][0], 3, 2)
    width = (top[0] - low[0]) / len(ids)
    places = {
        int(vertex): np.array(
            [low[0] + width * (lash + side), low[1] + (top[1] - low[1]) * step / 2]
        )
        for lash, strip in enumerate(ids)
        for step, pair in enumerate(strip)
        for side, vertex in enumerate(pair)
    }
    return _island(f"lashes_{lid}", quads, places, float((low[0] + top[0]) / 2))
