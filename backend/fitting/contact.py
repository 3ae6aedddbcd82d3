"""A fitted head in the solver's scale and shape to one that can be rigged: `settle_head`.

Eyeballs become spheres again and lie between the lids as the template's do; joints and shapes
follow the head; the interpupillary distance gives the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.frames import DEFAULT_INTERPUPILLARY_M
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.template import BONES, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from .freeform import spread_nodes

EYE_BONES = (BONES.index("eye.L"), BONES.index("eye.R"))
# Lids keep the template's distance from the eyeball up to this far, and none of it beyond.
TOUCHING_M, FREE_M = 0.0012, 0.0035
# How far the eyeball may be moved to suit the lids, standard deviation: hardly sideways, where
# the iris shows its place, but in depth.
EYE_SLACK_M = np.array([0.0003, 0.0015, 0.0005])
LID_SPREAD_M = 0.001
LOCAL_REACH_M = 0.014
LOCAL_NODES = 400
STIFFNESS = 0.15


@dataclass(frozen=True)
class SettledHead:
    """The head at life size; `scale` turned the solver's lengths into metres."""

    neutral_m: FloatArray  # (V, 3)
    shape_deltas_m: FloatArray  # (52, V, 3)
    joints_m: FloatArray  # (B, 2, 3)
    eye_centre_m: FloatArray  # (2, 3)
    eye_radius_m: FloatArray  # (2,)
    scale: float


def eyes_between_lids(template: HeadTemplate, fitted_m: FloatArray) -> FloatArray:
    """Eyeball centres (2, 3) where fitted vertices (V, 3) have carried them."""
    return np.array(
        [
            centre + (fitted_m[ball] - template.vertices_m[ball]).mean(axis=0)
            for centre, ball in zip(template.eye_centre_m, _eyeballs(template), strict=True)
        ]
    )


def settle_head(
    template: HeadTemplate, fitted_m: FloatArray, eye_centre_m: FloatArray
) -> SettledHead:
    """Settle fitted neutral vertices (V, 3) round eyeballs about at `eye_centre_m` (2, 3)."""
    eyes = _eyeballs(template)
    scale = DEFAULT_INTERPUPILLARY_M / float(np.linalg.norm(eye_centre_m[0] - eye_centre_m[1]))
    neutral = fitted_m * scale
    rest_distance = np.linalg.norm(template.eye_centre_m[0] - template.eye_centre_m[1])
    grown = DEFAULT_INTERPUPILLARY_M / float(rest_distance)
    radius = template.eye_radius_m.astype(np.float64) * grown
    around = ~eyes.any(axis=0)
    centre = np.empty((2, 3))
    rest = template.vertices_m
    for e in range(2):
        clearance = _clearance(rest, template.eye_centre_m[e], template.eye_radius_m[e])
        centre[e] = _between_lids(
            neutral, eye_centre_m[e] * scale, radius[e], clearance * grown, around
        )
        _keep_clearance(neutral, centre[e], radius[e], clearance * grown, around)
        ball = rest[eyes[e]] - template.eye_centre_m[e]
        neutral[eyes[e]] = centre[e] + grown * ball
    stretch = _local_stretch(rest.astype(np.float64), neutral)
    deltas = np.einsum("vij,svj->svi", stretch, template.shape_deltas_m)
    _keep_lids_on_eyes(template, neutral, deltas, centre, radius, grown, around)
    joints = _moved_joints(template, neutral, centre, grown)
    return SettledHead(neutral, deltas, joints, centre, radius, scale)


def _eyeballs(template: HeadTemplate) -> BoolArray:
    """(2, V) the vertices that turn with the left and the right eye."""
    return template.bone_weights[list(EYE_BONES)] > 0.5


def _clearance(points_m: FloatArray, centre_m: FloatArray, radius_m: float) -> FloatArray:
    return np.linalg.norm(points_m - centre_m, axis=1) - radius_m


def _touch(clearance_m: FloatArray) -> FloatArray:
    """1 where a point touches the eyeball, falling to 0 where it is free."""
    way = np.clip((np.abs(clearance_m) - TOUCHING_M) / (FREE_M - TOUCHING_M), 0.0, 1.0)
    return 1.0 - way * way * (3.0 - 2.0 * way)


def _between_lids(
    neutral_m: FloatArray,
    start_m: FloatArray,
    radius_m: float,
    clearance_m: FloatArray,
    around: BoolArray,
) -> FloatArray:
    """The eyeball's centre (3,) that best keeps the lids' distances `clearance_m` (V,)."""
    weight = _touch(clearance_m) * around
    lids = weight > 0
    share = weight[lids] / weight[lids].sum() / LID_SPREAD_M**2 if lids.any() else weight[lids]
    centre = start_m.copy()
    for _ in range(8):
        arm = neutral_m[lids] - centre
        distance = np.linalg.norm(arm, axis=1)
        outward = arm / distance[:, None]
        error = distance - radius_m - clearance_m[lids]
        matrix = (outward * share[:, None]).T @ outward + np.diag(EYE_SLACK_M**-2)
        right = outward.T @ (share * error) - (centre - start_m) / EYE_SLACK_M**2
        centre = centre + np.linalg.solve(matrix, right)
    return centre


def _keep_clearance(
    points_m: FloatArray,
    centre_m: FloatArray,
    radius_m: float,
    clearance_m: FloatArray,
    around: BoolArray,
) -> None:
    """Move points (V, 3) along the eyeball's radius to their clearance, as far as they touch it."""
    arm = points_m - centre_m
    distance = np.linalg.norm(arm, axis=1, keepdims=True)
    share = (_touch(clearance_m) * around)[:, None]
    wanted = radius_m + clearance_m[:, None]
    points_m += share * (wanted - distance) * arm / np.maximum(distance, 1e-6)


def _keep_lids_on_eyes(
    template: HeadTemplate,
    neutral_m: FloatArray,
    deltas_m: FloatArray,
    centre_m: FloatArray,
    radius_m: FloatArray,
    grown: float,
    around: BoolArray,
) -> None:
    """Let lids slide over the fitted eyeballs in every shape as the template's do over its own."""
    for shape, name in enumerate(SHAPE_NAMES):
        if not name.startswith("eye"):
            continue
        rest = template.vertices_m + template.shape_deltas_m[shape]
        moving = around & (np.abs(template.shape_deltas_m[shape]).max(axis=1) > 1e-6)
        posed = neutral_m + deltas_m[shape]
        for e in range(2):
            clearance = _clearance(rest, template.eye_centre_m[e], template.eye_radius_m[e])
            _keep_clearance(posed, centre_m[e], radius_m[e], clearance * grown, moving)
        deltas_m[shape] = posed - neutral_m


def _local_stretch(rest_m: FloatArray, fitted_m: FloatArray) -> FloatArray:
    """How space round each vertex was stretched: (V, 3, 3), smooth over about a centimetre."""
    centred_rest, centred = rest_m - rest_m.mean(axis=0), fitted_m - fitted_m.mean(axis=0)
    overall = np.sqrt((centred**2).sum() / (centred_rest**2).sum())
    nodes = rest_m[spread_nodes(rest_m, LOCAL_NODES)]
    reach = np.exp(-0.5 * _squared_distance(nodes, rest_m) / LOCAL_REACH_M**2)
    stretches = np.array([_stretch(rest_m, fitted_m, weight, overall) for weight in reach])
    shares = reach / np.maximum(reach.sum(axis=0), 1e-12)
    return np.einsum("nv,nij->vij", shares, stretches)


def _stretch(
    rest_m: FloatArray, fitted_m: FloatArray, weight: FloatArray, overall: float
) -> FloatArray:
    """The affine map (3, 3) that best takes weighted rest points to fitted ones."""
    near = weight > 1e-3
    share = weight[near] / weight[near].sum()
    arm = rest_m[near] - share @ rest_m[near]
    moved = fitted_m[near] - share @ fitted_m[near]
    spread = (arm * share[:, None]).T @ arm
    # Skin is a sheet: across it only this says how far things stretch.
    stiff = STIFFNESS * np.trace(spread) / 3.0
    pull = (moved * share[:, None]).T @ arm
    return (pull + stiff * overall * np.eye(3)) @ np.linalg.inv(spread + stiff * np.eye(3))


def _moved_joints(
    template: HeadTemplate, neutral_m: FloatArray, centre_m: FloatArray, grown: float
) -> FloatArray:
    """Joints (B, 2, 3) carried along by the surface round them; eyes sit in their eyeballs."""
    rest = template.vertices_m.astype(np.float64)
    ends = template.bone_ends_m.astype(np.float64)
    joints = np.empty_like(ends)
    for bone, end in np.ndindex(ends.shape[:2]):
        squared = _squared_distance(ends[bone, end][None], rest)[0]
        # As wide as the joint lies deep.
        weight = np.exp(-0.5 * squared / max(2.0 * squared.min(), LOCAL_REACH_M**2))
        joints[bone, end] = ends[bone, end] + weight @ (neutral_m - rest) / weight.sum()
    for e, bone in enumerate(EYE_BONES):
        joints[bone] = centre_m[e] + grown * (ends[bone] - template.eye_centre_m[e])
    return joints


def _squared_distance(a: FloatArray, b: FloatArray) -> FloatArray:
    return ((a[:, None] - b[None]) ** 2).sum(axis=2)
