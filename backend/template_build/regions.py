"""Facial regions by name: soft weights (R, V) in [0, 1] from places on the layout."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ..template.layout import CAP, COLUMNS, HOLES, ROWS, HalfLayout
from ..template.mesh import HeadMesh

SOFTENING_STEPS = 4  # of half-and-half averaging with the neighbours: an edge some three quads wide

REGION_NAMES = (
    "face", "forehead", "brows", "eyelids_L", "eyelids_R", "nose", "nostrils", "lips", "cheeks",
    "chin", "jaw", "ears_L", "ears_R", "cranium", "neck", "scalp", "eyes", "inner_mouth",
)  # fmt: skip


def layout_places(layout: HalfLayout) -> FloatArray:
    """(N, 2) column and row of every skin vertex; rings shrink towards their hole's middle."""
    places = np.zeros((layout.count, 2))
    for column, ids in enumerate(layout.grid):
        for row, vertex in enumerate(ids):
            if vertex >= 0:
                places[vertex] = column, row
    for hole in HOLES:
        rings = layout.rings[hole.name]
        middle = np.array(
            [
                0.0 if hole.first_column == 0 else (hole.first_column + hole.last_column) / 2,
                (hole.first_row + hole.last_row) / 2,
            ]
        )
        border = places[rings[0]]
        for step, ring in enumerate(rings):
            places[ring] = middle + (1 - step / len(rings)) * (border - middle)
        end = layout.ends[hole.name]
        places[end[end >= 0]] = middle
    for right in range(CAP // 2 + 1):
        for back in range(CAP + 1):
            edge = max(right / (CAP / 2), abs(2 * back / CAP - 1))
            turn = np.arctan2(right, CAP / 2 - back) / np.pi
            places[layout.cap[right, back]] = COLUMNS * turn, ROWS + (1 - edge) * CAP / 2
    return places


def build_regions(head: HeadMesh, layout: HalfLayout) -> FloatArray:
    """Weights (R, V) in the order of REGION_NAMES, mirror-symmetric."""
    hard = _left_half(layout)
    weights = np.zeros((len(REGION_NAMES), head.count))
    soften = _averaging(head)
    for index, name in enumerate(REGION_NAMES):
        weight = np.zeros(head.count)
        stem, _, side = name.rpartition("_")
        if name == "eyes":
            for part in ("eyeball_L", "eyeball_R", "cornea_L", "cornea_R"):
                weight[head.parts[part]] = 1.0
        elif name == "inner_mouth":
            for part in ("mouth_bag", "teeth_upper", "teeth_lower", "gums_upper", "gums_lower"):
                weight[head.parts[part]] = 1.0
            weight[head.parts["tongue"]] = 1.0
        else:
            left = hard[stem if side in ("L", "R") else name]
            weight[: layout.count] = left
            mirrored = weight[head.mirror]
            if side == "R":
                weight = mirrored
            elif side != "L":
                weight = np.maximum(weight, mirrored)
            for _ in range(SOFTENING_STEPS):
                weight = soften @ weight
        weights[index] = weight
    for stem in ("eyelids", "ears"):  # to the bit, whatever order the averages were summed in
        left, right = REGION_NAMES.index(f"{stem}_L"), REGION_NAMES.index(f"{stem}_R")
        weights[right] = weights[left][head.mirror]
    return np.clip(weights, 0.0, 1.0)


def _pockets(layout: HalfLayout) -> NDArray[np.bool_]:
    """(N,) True inside mouth, eye and nostril."""
    hidden = np.zeros(layout.count, dtype=bool)
    for name, first in (("mouth", 7), ("eye", 7), ("nostril", 3)):
        hidden[layout.rings[name][first:]] = True
        end = layout.ends[name]
        hidden[end[end >= 0]] = True
    return hidden


def _left_half(layout: HalfLayout) -> dict[str, FloatArray]:
    """Hard weights (N,) on the left half's skin.

    The numbers are columns and rows of `template.layout`, off the mesh: where hairline, jaw and
    nape lie on the typed head.
    """
    column, row = layout_places(layout).T
    rings = layout.rings
    hidden = _pockets(layout)
    ear = np.zeros(layout.count, dtype=bool)
    ear[rings["ear"][1:]] = True
    ear[layout.ends["ear"]] = True
    hairline = np.interp(column, [0, 9, 13, 15, 18], [38, 38, 36.5, 33.5, 30])
    jawline = np.interp(column, [0, 8, 14, 18], [8, 8, 9, 12])
    face = (column <= 17.5) & (row <= hairline) & (row >= jawline) & ~hidden & ~ear
    nape = np.interp(column, [18, 22, 26, 32], [30, 16, 9, 8])
    masks = {
        "face": face,
        "forehead": face & (row >= 34.5) & (column <= 13),
        "brows": (row >= 32.6) & (row <= 35) & (column >= 1.5) & (column <= 12.5),
        "nose": (row >= 18)
        & (row <= 31)
        & (column <= np.interp(row, [18, 25, 28, 31], [6, 6, 3.5, 3])),
        "cheeks": face & (column >= 6.5) & (column <= 16) & (row >= 12) & (row <= 27),
        "chin": (row >= 8) & (row <= 12) & (column <= 6.5) & ~hidden,
        "jaw": face & (row <= 13.9),
        "cranium": (row >= np.interp(column, [0, 13, 18, 22, 32], [35, 34, 31, 24, 18])) & ~ear,
        "neck": row < np.interp(column, [0, 12, 18, 22, 32], [7, 8, 12, 14, 16]),
        "scalp": (column > 13) & (row > np.maximum(nape, 0)) & ~ear | (row > hairline) & ~ear,
        "ears": ear,
    }
    masks["scalp"] &= (row > hairline) | (column > 18)
    for name, hole, first, last in (
        ("eyelids", "eye", 2, 6), ("lips", "mouth", 3, 6), ("nostrils", "nostril", 1, 4),
    ):  # fmt: skip
        mask = np.zeros(layout.count, dtype=bool)
        mask[rings[hole][first : last + 1]] = True
        masks[name] = mask
    masks["nostrils"][layout.ends["nostril"]] = True
    masks["nose"] &= ~hidden
    return {name: mask.astype(float) for name, mask in masks.items()}


def _averaging(head: HeadMesh) -> sp.csr_matrix:
    """One step of blending a vertex with the mean of its neighbours, half and half."""
    edges = np.concatenate([head.quads[:, [i, (i + 1) % 4]] for i in range(4)])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    both = np.concatenate([edges, edges[:, ::-1]])
    adjacency = sp.csr_matrix(
        (np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(head.count, head.count)
    )
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    return 0.5 * (sp.eye(head.count) + sp.diags(1.0 / degree) @ adjacency).tocsr()
