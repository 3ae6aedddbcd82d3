"""A fitted head in the solver's scale and shape to one that can be rigged: `make_riggable`.

Eyeballs become spheres again and lie between the lids as the template's do; folds are smoothed
away; joints follow the head and shapes are generated anew for it; the interpupillary distance gives
the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.frames import DEFAULT_INTERPUPILLARY_M
from studio_avatar_addon.avatar.template import BONES, MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...geometry.fold_removal import MAX_MOVE_M, remove_self_intersections
from ...geometry.local_stretch import move_with_surface
from ...imaging.smooth_step import smooth_step
from ...template.personalize import personalize_blendshapes

EYE_BONES = (BONES.index("eye.L"), BONES.index("eye.R"))
# Lids keep about the template's distance from the eyeball up to this far, and none of it beyond.
CONTACT_M, NO_CONTACT_M = 0.0012, 0.0035
# How far the eyeball may be moved to suit the lids, standard deviation: hardly sideways, where
# the iris shows its place, but in depth.
EYE_SLACK_M = np.array([0.0003, 0.0015, 0.0005])
LID_SPREAD_M = 0.001  # how well a lid's distance is known, against the slack above
# Of lids that an eyeball is moved under: how thick they stay, and how far they may come off it.
LEAST_LID_M, MOST_GAPE_M = 0.0006, 0.0005
# How far aside of the eyeball's middle, in its radii, lids follow its radius and not the sight.
ROUND_THE_SIDE = (0.6, 0.95)
JOINT_REACH_M = 0.014  # as wide as the stretch of the surface is smooth (`local_stretch`)
CARUNCLE_REACH_M = 0.0012  # of the lid's edge over what lies under it


@dataclass(frozen=True)
class RiggableHead:
    """The head at life size; `scale` turned the solver's lengths into metres."""

    neutral_m: FloatArray  # (V, 3)
    shape_deltas_m: FloatArray  # (52, V, 3)
    corrective_deltas_m: FloatArray  # (C, V, 3)
    joints_m: FloatArray  # (B, 2, 3)
    eye_centre_m: FloatArray  # (2, 3)
    eye_radius_m: FloatArray  # (2,)
    scale: float
    smoothed_m: float  # how far a vertex was moved at most to undo folds
    smoothed_shapes: tuple[str, ...]  # those that folded on this head


def eyes_between_lids(template: HeadTemplate, fitted_m: FloatArray) -> FloatArray:
    """Eyeball centres (2, 3) m, moved as the eyeballs' own fitted vertices (V, 3) were."""
    return np.array(
        [
            centre + (fitted_m[ball] - template.vertices_m[ball]).mean(axis=0)
            for centre, ball in zip(template.eye_centre_m, _eyeballs(template), strict=True)
        ]
    )


def make_riggable(
    template: HeadTemplate,
    fitted_m: FloatArray,
    eye_centre_m: FloatArray,
    max_smoothed_m: float = MAX_MOVE_M,
) -> RiggableHead:
    """Riggable head of fitted neutral vertices (V, 3), with eyeballs about at `eye_centre_m` (2,
    3).

    Raises FitError where the vertices are not finite or folded past smoothing by `max_smoothed_m`,
    TemplateError as `personalize_blendshapes` does.
    """
    scale = DEFAULT_INTERPUPILLARY_M / float(np.linalg.norm(eye_centre_m[0] - eye_centre_m[1]))
    rest_distance = np.linalg.norm(template.eye_centre_m[0] - template.eye_centre_m[1])
    growth = DEFAULT_INTERPUPILLARY_M / float(rest_distance)
    radius = template.eye_radius_m.astype(np.float64) * growth
    neutral = fitted_m * scale
    centre = _seat_eyeballs(template, neutral, eye_centre_m * scale, growth)
    relaxed = remove_self_intersections(template, neutral, max_move_m=max_smoothed_m)
    neutral = relaxed.vertices_m
    _seat_caruncles(template, neutral, centre, radius)
    shapes = personalize_blendshapes(template, neutral, centre, radius)
    return RiggableHead(
        neutral_m=neutral,
        shape_deltas_m=shapes.deltas_m,
        corrective_deltas_m=shapes.corrective_deltas_m,
        joints_m=_moved_joints(template, neutral, centre, growth),
        eye_centre_m=centre,
        eye_radius_m=radius,
        scale=scale,
        smoothed_m=relaxed.largest_move_m,
        smoothed_shapes=shapes.smoothed,
    )


def _seat_eyeballs(
    template: HeadTemplate, neutral_m: FloatArray, start_m: FloatArray, growth: float
) -> FloatArray:
    """Eyeball centres (2, 3) between the lids; lids and eyeballs of `neutral_m` (V, 3) are placed.

    `start_m` (2, 3): about where they are; `growth`: of the eyeballs against the template's.
    """
    eyes, rest = _eyeballs(template), template.vertices_m
    radius = template.eye_radius_m.astype(np.float64) * growth
    around = ~eyes.any(axis=0)
    centre = np.empty((2, 3))
    for e in range(2):
        arm = rest[eyes[e]] - template.eye_centre_m[e]
        between_lids = (neutral_m[eyes[e]] - growth * arm).mean(axis=0)
        aside = (start_m[e] - between_lids) / growth
        clearance = growth * _lid_clearance(
            rest, template.eye_centre_m[e], template.eye_radius_m[e], aside
        )
        centre[e] = _seat_eyeball(neutral_m, start_m[e], radius[e], clearance, around)
        _keep_clearance(neutral_m, centre[e], radius[e], clearance, around)
        neutral_m[eyes[e]] = centre[e] + growth * arm
    return centre


def _eyeballs(template: HeadTemplate) -> BoolArray:
    """(2, V) the vertices that turn with the left and the right eye."""
    return template.bone_weights[list(EYE_BONES)] > 0.5


def _clearance(points_m: FloatArray, centre_m: FloatArray, radius_m: float) -> FloatArray:
    return np.linalg.norm(points_m - centre_m, axis=1) - radius_m


def _lid_clearance(
    rest_m: FloatArray, centre_m: FloatArray, radius_m: float, aside_m: FloatArray
) -> FloatArray:
    """(V,) distances of points (V, 3) from an eyeball that lies `aside_m` (3,) of its rest.

    Lids go on where they were, or one corner would be drawn after the eyeball and the other one
    dragged over it; they do not enter it, nor gape.
    """
    at_rest = _clearance(rest_m, centre_m, radius_m)
    shifted = _clearance(rest_m, centre_m + aside_m, radius_m)
    return np.clip(shifted, np.minimum(at_rest, LEAST_LID_M), at_rest + MOST_GAPE_M)


def _contact_share(clearance_m: FloatArray) -> FloatArray:
    """1 where a point touches the eyeball, falling to 0 where it is free."""
    return 1.0 - smooth_step(CONTACT_M, NO_CONTACT_M, np.abs(clearance_m))


def _seat_eyeball(
    neutral_m: FloatArray,
    start_m: FloatArray,
    radius_m: float,
    clearance_m: FloatArray,
    around: BoolArray,
) -> FloatArray:
    """The eyeball's centre (3,) that best keeps the lids' distances `clearance_m` (V,)."""
    weight = _contact_share(clearance_m) * around
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
    """Move points (V, 3) to their clearance from the eyeball, as far as they touch it.

    Straight forward or back, so that lids' edges stay where they are seen from the front; round
    the eyeball's sides, where that would be far, and behind it along its radius.
    """
    arm = points_m - centre_m
    distance = np.maximum(np.linalg.norm(arm, axis=1), 1e-6)
    share = _contact_share(clearance_m) * around
    wanted = np.maximum(radius_m + clearance_m, 1e-6)
    aside = np.hypot(arm[:, 0], arm[:, 2])
    radial = ((wanted - distance) / distance)[:, None] * arm
    forward = np.zeros_like(arm)
    forward[:, 1] = -np.sqrt(np.maximum(wanted**2 - aside**2, 0.0)) - arm[:, 1]
    at_side = np.where(arm[:, 1] < 0.0, smooth_step(*ROUND_THE_SIDE, aside / wanted), 1.0)
    points_m += share[:, None] * (at_side[:, None] * radial + (1.0 - at_side)[:, None] * forward)


def _seat_caruncles(
    template: HeadTemplate,
    neutral_m: FloatArray,
    eye_centre_m: FloatArray,
    eye_radius_m: FloatArray,
) -> None:
    """Each end of the caruncles is moved with its own lid, and the side by the eyeball stays there:
    as one piece, an eye wider open than the template's showed gaps beside it."""
    rest = template.vertices_m.astype(np.float64)
    skin, caruncles = (
        np.unique(template.quads[template.quad_material == MATERIALS.index(name)])
        for name in ("skin", "caruncle")
    )
    lids, moved = rest[skin], neutral_m[skin]
    for vertex in caruncles:
        neutral_m[vertex] = move_with_surface(rest[vertex], lids, moved, CARUNCLE_REACH_M)
    growth = eye_radius_m / template.eye_radius_m
    for e in range(2):
        near = np.zeros(len(rest), bool)
        near[caruncles] = (rest[caruncles, 0] > 0) == (template.eye_centre_m[e, 0] > 0)
        clearance = _clearance(rest, template.eye_centre_m[e], template.eye_radius_m[e])
        _keep_clearance(neutral_m, eye_centre_m[e], eye_radius_m[e], clearance * growth[e], near)


def _moved_joints(
    template: HeadTemplate, neutral_m: FloatArray, centre_m: FloatArray, growth: float
) -> FloatArray:
    """Joints (B, 2, 3) carried along by the surface round them; eyes sit in their eyeballs."""
    rest = template.vertices_m.astype(np.float64)
    ends = template.bone_ends_m.astype(np.float64)
    joints = np.empty_like(ends)
    for bone, end in np.ndindex(ends.shape[:2]):
        joints[bone, end] = move_with_surface(ends[bone, end], rest, neutral_m, JOINT_REACH_M)
    for e, bone in enumerate(EYE_BONES):
        joints[bone] = centre_m[e] + growth * (ends[bone] - template.eye_centre_m[e])
    return joints
