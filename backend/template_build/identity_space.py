"""Identity: named anatomical parameters as linear fields on the neutral head, one sd each.

`build_identity` takes the head mesh and returns names and deltas (P, V, 3) in metres,
`build_warps` the same of the broad warps. Fields are written for the left half in millimetres and
mirrored; what sits in the skin follows as one piece: an eyeball moves as a whole with its lids'
margins, teeth and gums as the jaw they stand in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

from ..imaging.smooth_step import smooth_step
from ..template.mesh import MM, HeadMesh
from ..template.shape_space import FaceSpace, FieldValues, GaussianDisplacement
from .trends import TRENDS
from .warps import ASYMMETRIES, PROPORTIONS, WARPS

# Millimetres in the head frame, of the left half: where, the shift per standard deviation, and over
# how much. Standard deviations follow adult anthropometry, both sexes together (docs/head.md).
LOCAL_FIELDS: dict[str, tuple[GaussianDisplacement, ...]] = {
    "face_width": (GaussianDisplacement((68, -35, 6), (2.9, 0, 0), (26, 40, 38)),),
    "jaw_width": (GaussianDisplacement((58, -25, -55), (3.2, 0, 0), (24, 34, 30)),),
    "jaw_angle": (GaussianDisplacement((58, -18, -56), (0.6, 2.0, -4.5), (26, 26, 22)),),
    "chin_height": (GaussianDisplacement((0, -92, -88), (0, 0, -5.2), (34, 30, 20)),),
    "chin_projection": (GaussianDisplacement((0, -98, -80), (0, -3.0, 0), (26, 26, 20)),),
    "chin_width": (GaussianDisplacement((22, -88, -82), (2.2, -0.4, 0), (15, 22, 18)),),
    "cheekbones": (GaussianDisplacement((54, -72, 4), (1.6, -1.7, 0.3), (20, 26, 17)),),
    "cheek_fullness": (GaussianDisplacement((54, -60, -34), (2.6, -1.8, 0), (18, 28, 22)),),
    "nose_length": (GaussianDisplacement((0, -116, -18), (0, 0, -3.4), (17, 24, 15)),),
    "nose_width": (GaussianDisplacement((16.5, -102, -14), (1.6, 0, 0), (8, 13, 11)),),
    "nose_projection": (GaussianDisplacement((0, -124, -10), (0, -2.9, 0), (14, 22, 20)),),
    "nose_bridge": (GaussianDisplacement((0, -112, 14), (0, -2.5, 0), (9, 18, 13)),),
    "nose_root": (GaussianDisplacement((0, -102, 28), (0, -2.0, 0), (10, 16, 12)),),
    "nose_tip": (GaussianDisplacement((0, -123, -12), (0, -0.3, 2.0), (10, 12, 10)),),
    "nose_tip_width": (GaussianDisplacement((9, -119, -10), (1.3, 0, 0), (7, 11, 9)),),
    "brow_ridge": (GaussianDisplacement((24, -96, 41), (0, -2.2, 0), (26, 24, 12)),),
    "brow_height": (GaussianDisplacement((34, -92, 42), (0, 0, 2.0), (30, 30, 11)),),
    "forehead_slope": (GaussianDisplacement((0, -88, 88), (0, 4.2, 0), (55, 40, 32)),),
    "forehead_bulge": (GaussianDisplacement((0, -97, 66), (0, -2.2, 0), (38, 30, 20)),),
    "temple_width": (GaussianDisplacement((68, -44, 42), (2.4, 0, 0), (18, 30, 26)),),
    "eye_spacing": (GaussianDisplacement((31, -80, 26), (1.5, 0, 0), (17, 26, 16)),),
    "eye_depth": (GaussianDisplacement((31, -80, 26), (0, 2.2, 0), (20, 26, 14)),),
    "eye_height": (GaussianDisplacement((31, -80, 26), (0, 0, 1.8), (26, 30, 16)),),
    "mouth_height": (GaussianDisplacement((0, -100, -45), (0, 0, 2.6), (38, 30, 17)),),
    "mouth_projection": (GaussianDisplacement((0, -106, -45), (0, -3.2, 0), (32, 28, 22)),),
    "occiput": (GaussianDisplacement((0, 92, 40), (0, 7.0, 0), (52, 46, 44)),),
    "parietal_width": (GaussianDisplacement((74, 22, 72), (3.0, 0, 0), (26, 50, 42)),),
    "under_eye": (GaussianDisplacement((33, -90, 7), (0, -1.5, 0), (15, 22, 9)),),
    "nasolabial": (GaussianDisplacement((31, -96, -22), (0.7, -2.3, 0), (11, 20, 13)),),
    "prejowl": (GaussianDisplacement((40, -72, -76), (1.6, -1.2, 0), (17, 24, 17)),),
    "throat": (GaussianDisplacement((0, -66, -96), (0, -2.4, -6.0), (42, 34, 22)),),
}  # fmt: skip


LID_PARTS = ("lashes_upper", "lashes_lower", "tear", "caruncle")
EAR_FADE_MM = 7.0  # over which the ear's fields end in the skin around it
# How far the eye's rings 2 to 8 go with the eyeball rather than with the skin around
EYEBALL_SHARE = (0.3, 0.7, 0.95, 1.0, 1.0, 1.0, 1.0)


def build_identity(head: HeadMesh) -> tuple[tuple[str, ...], FloatArray]:
    """Names (P,) and deltas (P, V, 3) in metres per standard deviation."""
    fields: dict[str, FloatArray] = {}
    points = head.vertices_m / MM
    for name, field in (_whole_head_fields() | PROPORTIONS).items():
        fields[name] = field(points)
    for name, displacements in LOCAL_FIELDS.items():
        fields[name] = sum(
            (_symmetric_displacement(points, displacement) for displacement in displacements),
            np.zeros_like(points),
        )
    fields |= _eye_fields(head, points)
    fields |= _lip_fields(head, points)
    fields |= _ear_fields(head, points)
    parameters = {
        name: _symmetric(head, _seat_parts(head, field)) for name, field in fields.items()
    }
    for trend, shares in TRENDS.items():
        parameters[trend] = sum(
            (s * parameters[n] for n, s in shares.items()), np.zeros_like(points)
        )
    parameters |= {name: _seat_parts(head, warp(points)) for name, warp in ASYMMETRIES.items()}
    return tuple(parameters), np.stack(list(parameters.values())) * MM


def build_warps(head: HeadMesh) -> FloatArray:
    """Deltas (W, V, 3) in metres per standard deviation of WARPS."""
    points = head.vertices_m / MM
    deltas = []
    for name, warp in WARPS.items():
        field = _seat_parts(head, warp(points))
        deltas.append(field if name.startswith("skew_") else _symmetric(head, field))
    return np.stack(deltas) * MM


def _symmetric(head: HeadMesh, field: FloatArray) -> FloatArray:
    return 0.5 * (field + field[head.mirror] * np.array([-1.0, 1.0, 1.0]))


def _whole_head_fields() -> dict[str, Callable[[FloatArray], FloatArray]]:
    """Proportions of head, face and neck: stretches with soft borders."""

    def stretch(axis: int, rate: Callable[[FloatArray], FloatArray]):
        """The field of `rate` (n,) along one axis, both of points (n, 3)."""

        def field(p: FloatArray) -> FloatArray:
            """(n, 3) mm at points (n, 3)."""
            delta = np.zeros_like(p)
            delta[:, axis] = rate(p)
            return delta

        return field

    return {
        "head_length": stretch(1, lambda p: 0.034 * p[:, 1]),
        "head_breadth": stretch(0, lambda p: 0.034 * p[:, 0]),
        "head_height": stretch(
            2, lambda p: 0.055 * np.maximum(p[:, 2] - 20, 0) * smooth_step(20, 60, p[:, 2])
        ),
        "face_height": stretch(
            2, lambda p: 0.055 * np.minimum(p[:, 2] - 24, 0) * smooth_step(-150, -80, p[:, 2])
            * (1 - smooth_step(-30, 50, p[:, 1]))
        ),
        "neck_girth": _neck_girth,
        "neck_lean": stretch(
            1, lambda p: 7.0 * (1 - smooth_step(-150, -55, p[:, 2] - 0.4 * p[:, 1]))
        ),
    }  # fmt: skip


def _neck_girth(p: FloatArray) -> FloatArray:
    share = smooth_step(-50.0, -90.0, p[:, 2] - 0.45 * p[:, 1])
    delta = np.zeros_like(p)
    delta[:, 0] = 0.075 * p[:, 0] * share
    delta[:, 1] = 0.075 * (p[:, 1] - 8) * share
    return delta


def _symmetric_displacement(points: FloatArray, displacement: GaussianDisplacement) -> FloatArray:
    """The displacement (n, 3) in mm of points (n, 3), on both sides, x mirrored; one on the midline
    counts once."""

    def weight(at: FloatArray) -> FloatArray:
        """(n,) Gaussian in (0, 1]."""
        away = ((points - at) / np.array(displacement.reach)) ** 2
        return np.exp(-0.5 * away.sum(axis=1))

    at, push = (
        np.array(displacement.at, dtype=np.float64),
        np.array(displacement.push, dtype=np.float64),
    )
    if at[0] == 0.0:
        return weight(at)[:, None] * push
    mirror = np.array([-1.0, 1.0, 1.0])
    return weight(at)[:, None] * push + weight(at * mirror)[:, None] * push * mirror


def _eye_fields(head: HeadMesh, points: FloatArray) -> dict[str, FloatArray]:
    """Size and tilt of the fissure: the margins slide over the eyeball."""
    fields = {name: np.zeros_like(points) for name in ("eye_opening", "eye_tilt")}
    for eye, side in enumerate("LR"):
        centre = head.eye_centre_m[eye] / MM
        sign = 1.0 if side == "L" else -1.0
        rings = head.rings[f"eye_{side}"]
        fade = (0.0, 0.15, 0.45, 0.8, 1.0, 1.0, 1.0, 0.6, 0.0)
        for ring, share in zip(rings, fade, strict=True):
            arm = points[ring] - centre
            lateral = np.clip(sign * arm[:, 0] / 15.0, -1, 1)
            vertical = np.clip(arm[:, 2] / 6.0, -1.4, 1.4)
            none = np.zeros_like(lateral)
            for name, push in (
                ("eye_opening", (none, none, 0.75 * vertical * (1 - lateral**2))),
                ("eye_tilt", (none, none, 1.3 * lateral)),
            ):
                push = np.column_stack(push)
                # on the ball: no part along the radius
                radial = arm / np.linalg.norm(arm, axis=1, keepdims=True)
                on_ball = push - (push * radial).sum(axis=1, keepdims=True) * radial
                fields[name][ring] = share * on_ball
        for part in LID_PARTS:
            _move_with_margin(head, fields, f"{part}_{side}", side, points)
    return fields


def _move_with_margin(
    head: HeadMesh, fields: dict[str, FloatArray], part: str, side: str, points: FloatArray
) -> None:
    """What stands on the lids moves with the margin near its root."""
    ids = head.parts[part]
    roots = points[ids]
    if part.startswith("lashes"):  # a lash goes as one
        roots = np.repeat(roots.reshape(-1, 6, 3)[:, :2].mean(axis=1), 6, axis=0)
    elif part.startswith("caruncle"):
        roots = np.tile(roots.mean(axis=0), (len(ids), 1))
    margin = head.rings[f"eye_{side}"][5]
    away = np.linalg.norm(roots[:, None] - points[margin][None], axis=2)
    weight = np.exp(-(((away - away.min(axis=1, keepdims=True)) / 1.5) ** 2))
    weight /= weight.sum(axis=1, keepdims=True)
    for field in fields.values():
        field[ids] = weight @ field[margin]


def _lip_fields(head: HeadMesh, points: FloatArray) -> dict[str, FloatArray]:
    """Fullness of the lips and width of the mouth, ring by ring."""
    names = ("upper_lip", "lower_lip", "mouth_width", "cupids_bow")
    fields = {name: np.zeros_like(points) for name in names}
    rings = head.rings["mouth"]
    index = np.arange(rings.shape[1])
    upper = np.clip(1 - np.abs(index - 20) / 9.5, 0, 1) ** 0.7
    lower = np.clip(1 - np.minimum(index, 40 - index) / 9.5, 0, 1) ** 0.7
    bow = np.exp(-(((np.abs(index - 20) - 2) / 1.5) ** 2)) - 0.6 * np.exp(
        -(((index - 20) / 0.9) ** 2)
    )
    # outwards shift and forward push at each ring from the border to the bag
    rise = (0.0, 0.2, 0.6, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0)
    forward = (0.0, 0.15, 0.45, 0.75, 1.0, 0.4, 0.0, 0.0, 0.0, 0.0)
    for ring, up, out in zip(rings, rise, forward, strict=True):
        fields["upper_lip"][ring, 2] = 1.2 * up * upper
        fields["upper_lip"][ring, 1] = -1.0 * out * upper
        fields["lower_lip"][ring, 2] = -1.3 * up * lower
        fields["lower_lip"][ring, 1] = -1.1 * out * lower
        fields["cupids_bow"][ring, 2] = 0.8 * up * bow
    wide = np.array([0.25, 0.55, 0.85, 1.0, 1.0, 1.0, 1.0, 0.9, 0.3, 0.0])
    for ring, share in zip(rings, wide, strict=True):
        corner = np.clip(points[ring, 0] / 25.0, -1.1, 1.1)
        fields["mouth_width"][ring, 0] = 2.1 * share * corner
        fields["mouth_width"][ring, 1] = 0.9 * share * corner**2
    around = np.exp(
        -0.5 * (((np.abs(points[:, 0]) - 34) / 9) ** 2 + ((points[:, 2] + 45) / 14) ** 2)
    )
    skin_only = np.ones(head.count, dtype=bool)
    skin_only[rings.ravel()] = False
    skin_only[np.concatenate([ids for name, ids in head.parts.items() if name != "skin"])] = False
    sideways = around * np.clip((-points[:, 1] - 60) / 25, 0, 1) * skin_only
    fields["mouth_width"][:, 0] += 0.5 * sideways * np.sign(points[:, 0])
    return fields


def _ear_fields(head: HeadMesh, points: FloatArray) -> dict[str, FloatArray]:
    """Size, protrusion and place of the auricle; the skull around it goes along and fades."""
    held: dict[str, list[FieldValues]] = {}
    for side in "LR":
        sign = 1.0 if side == "L" else -1.0
        auricle = [head.rings[f"ear_{side}"][2:].ravel(), head.ends[f"ear_{side}"]]
        ids = np.concatenate(auricle).astype(np.int32)
        arm = points[ids] - np.array([sign * 72.0, 0.0, 0.0])
        out = np.clip((sign * points[ids, 0] - 62.0) / 23.0, 0, 1.3)
        lobe = np.clip((-points[ids, 2] - 12.0) / 14.0, 0, 1.2)
        for name, push in (
            ("ear_size", 0.062 * arm),
            ("ear_protrusion", np.column_stack([sign * 2.6 * out, -1.2 * out, 0 * out])),
            ("ear_height", np.tile([0.0, 0.0, 2.6], (len(ids), 1))),
            ("lobe_length", np.column_stack([0 * lobe, 0 * lobe, -1.8 * lobe])),
        ):
            held.setdefault(name, []).append((ids, push))
    space = FaceSpace.of_mean(head)
    return {
        name: space.solve_membrane(space.zero_field(), values, EAR_FADE_MM)
        for name, values in held.items()
    }


def _seat_parts(head: HeadMesh, field: FloatArray) -> FloatArray:
    """The field with eyeballs, lid margins, teeth and gums moved as pieces."""
    parameters = field.copy()
    for side in "LR":
        ball = np.concatenate([head.parts[f"eyeball_{side}"], head.parts[f"cornea_{side}"]])
        shift = field[head.parts[f"eyeball_{side}"]].mean(axis=0)
        if not shift.any():  # a field of the lids alone, which slide over a still ball
            continue
        parameters[ball] = shift
        parameters[head.ends[f"eye_{side}"]] = shift
        for ring, share_of_ball in zip(head.rings[f"eye_{side}"][2:], EYEBALL_SHARE, strict=True):
            parameters[ring] = share_of_ball * shift + (1 - share_of_ball) * field[ring]
        for part in LID_PARTS:
            parameters[head.parts[f"{part}_{side}"]] = shift
    for jaw in ("upper", "lower"):
        ids = np.concatenate([head.parts[f"teeth_{jaw}"], head.parts[f"gums_{jaw}"]])
        parameters[ids] = _affine_fit(head.vertices_m[ids], field[ids])
    return parameters


def _affine_fit(positions: FloatArray, field: FloatArray) -> FloatArray:
    """The smoothest piece-like motion: least-squares affine map of the field on these vertices."""
    basis = np.column_stack([positions / 0.03, np.ones(len(positions))])
    coefficients, *_ = np.linalg.lstsq(basis, field, rcond=None)
    return basis @ coefficients
