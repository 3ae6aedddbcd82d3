"""Drawn views in; tracks out: points of the head's surface, each seen in a few views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import BONES, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from .flow import FlowFinder, PairFlow, normalise_contrast
from .head_model import SolverState, skin_triangles
from .view_images import DrawnHead

POINTS_PER_VIEW = 260  # about one in each window's area of the face: more err together
# Views that a view is tracked into. Nearer ones have no baseline; beyond the farther, too little
# skin is seen by both and its shading has changed.
NEIGHBOURS = 4
MIN_ANGLE_DEG, MAX_ANGLE_DEG = 3.0, 27.0
MIN_SPACING_DEG = 5.0  # neighbours in nearly the same place observe the same
STRUCTURE_PX = 2.0  # sigma over which texture is averaged before the best of a cell is taken
MAX_LID_MOVE_M = 0.002  # of skin in a blink: what moves more is another place when an eye closes
HEAD_SHARE = 0.9  # of the bone weights: the neck turns against the head


@dataclass(frozen=True)
class TrackGroup:
    """N surface points picked in one view, and where up to M views, that one first, show them."""

    frames: IntArray  # (M,)
    corners: IntArray  # (N, 3) vertices
    weights: FloatArray  # (N, 3) barycentric
    pixel: FloatArray  # (N, M, 2) in the frames
    visible: BoolArray  # (N, M)
    sigma_px: FloatArray  # (M,) what one pixel of a view is in the frame

    def __len__(self) -> int:
        return len(self.corners)


def trackable(template: HeadTemplate) -> BoolArray:
    """(V,) skin that moves with the head: no lids, no inside of the mouth, no neck."""
    skin = skin_triangles(template)
    usable = np.zeros(len(template.vertices_m), bool)
    usable[skin.ravel()] = True
    head = template.bone_weights[[BONES.index("head"), BONES.index("jaw")]].sum(axis=0)
    usable &= head > HEAD_SHARE
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        moved = np.linalg.norm(template.shape_deltas_m[SHAPE_INDEX[name]], axis=1)
        usable &= moved < MAX_LID_MOVE_M
    for name in ("eyes", "inner_mouth", "nostrils"):
        usable &= template.region(name) < 0.5
    return usable


def neighbours(estimate: SolverState, frames: IntArray) -> dict[int, list[int]]:
    """For each of `frames` (F,) up to NEIGHBOURS others that see the head from not too far
    aside."""
    direction = view_directions(estimate)
    near: dict[int, list[int]] = {}
    for k in frames:
        angle = np.degrees(np.arccos(np.clip(direction[frames] @ direction[k], -1.0, 1.0)))
        chosen: list[int] = []
        for other in frames[np.argsort(angle, kind="stable")]:
            away = _angle_deg(direction, int(other), [int(k)])
            if not MIN_ANGLE_DEG < away < MAX_ANGLE_DEG or len(chosen) == NEIGHBOURS:
                continue
            if _angle_deg(direction, int(other), chosen) > MIN_SPACING_DEG:
                chosen.append(int(other))
        near[int(k)] = chosen
    return near


def turn_deg(estimate: SolverState, frames: IntArray) -> float:
    """How far apart the farthest two of `frames` (F,) see the head from."""
    direction = view_directions(estimate)[frames]
    return float(np.degrees(np.arccos(np.clip(direction @ direction.T, -1.0, 1.0))).max())


def view_directions(estimate: SolverState) -> FloatArray:
    """(K, 3) unit, from the head to each camera in the head frame."""
    eye = -np.einsum("kji,kj->ki", estimate.rotation, estimate.translation_m)
    return eye / np.linalg.norm(eye, axis=1, keepdims=True)


def find_tracks(
    drawn: Mapping[int, DrawnHead],
    estimate: SolverState,
    center_px: FloatArray,
    usable: BoolArray,
    finder: FlowFinder,
) -> list[TrackGroup]:
    """Track well-textured points of each view into its neighbours.

    `usable` (V,) skin to track; `center_px` (2,): principal point.
    """
    near = neighbours(estimate, np.array(sorted(drawn)))
    groups = []
    for k, others in near.items():
        views = [drawn[k], *(drawn[other] for other in others)]
        points = textured_points(views[0], usable)
        if not len(points):
            continue
        flows = [finder.find(views[0], other, estimate, center_px) for other in views[1:]]
        group = _group(views, points, flows)
        if len(group):
            groups.append(group)
    return groups


def textured_points(drawn: DrawnHead, usable: BoolArray) -> FloatArray:
    """Points (N, 2) of a view, evenly spread, each the best textured of its cell (Shi and Tomasi
    1994).

    `usable` (V,) skin to track.
    """
    shown = drawn.raster.covered & drawn.view.skin
    on_skin = shown & usable[drawn.triangles[drawn.raster.triangle]].all(axis=-1)
    picture = normalise_contrast(drawn.view.grey, shown).astype(np.float32)
    texture = cv2.cornerMinEigenVal(cv2.GaussianBlur(picture, (0, 0), 1.0), 5, ksize=3)
    texture = cv2.GaussianBlur(texture, (0, 0), STRUCTURE_PX) * on_skin
    count = int(on_skin.sum())
    cell = max(4, round(float(np.sqrt(count / POINTS_PER_VIEW))))
    rows, columns = texture.shape[0] // cell * cell, texture.shape[1] // cell * cell
    blocks = texture[:rows, :columns].reshape(rows // cell, cell, columns // cell, cell)
    blocks = blocks.swapaxes(1, 2).reshape(-1, cell * cell)
    best = blocks.argmax(axis=1)
    strong = blocks.max(axis=1) > 0
    row = np.arange(len(blocks)) // (columns // cell) * cell + best // cell
    column = np.arange(len(blocks)) % (columns // cell) * cell + best % cell
    return np.stack([column, row], axis=1)[strong] + 0.5


def _group(views: Sequence[DrawnHead], points: FloatArray, flows: Sequence[PairFlow]) -> TrackGroup:
    """What became of the points (N, 2) of the first view in the others; lost ones are left out."""
    pixel = [views[0].view.to_frame(points)]
    visible = [np.ones(len(points), bool)]
    for other, flow in zip(views[1:], flows, strict=True):
        there, found = flow.track(points)
        inside = ((there > 1.0) & (there < np.array(other.view.size_px) - 1.0)).all(axis=1)
        pixel.append(other.view.to_frame(there))
        visible.append(found & inside)
    tracked = np.array(visible[1:], bool).reshape(-1, len(points)).any(axis=0)
    column, row = points[tracked].astype(int).T
    raster = views[0].raster
    return TrackGroup(
        np.array([view.frame for view in views]),
        views[0].triangles[raster.triangle[row, column]],
        raster.barycentric[row, column].astype(np.float64),
        np.stack(pixel, axis=1)[tracked],
        np.stack(visible, axis=1)[tracked],
        np.array([1.0 / view.view.scale for view in views]),
    )


def _angle_deg(direction: FloatArray, k: int, others: list[int]) -> float:
    if not others:
        return np.inf
    return float(np.degrees(np.arccos(np.clip(direction[others] @ direction[k], -1, 1))).min())
