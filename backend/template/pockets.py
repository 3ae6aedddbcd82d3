"""What the solve leaves open, made by rule: lids on the eyeball, mouth bag, nostrils, ear canal.

Takes the solved skin (N, 3) in millimetres and returns it with the pockets' vertices placed.
"""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray, IntArray

from . import control_points
from .control_surface import ear_to_head
from .layout import HalfLayout

# Lids at their margin, and what stands between the eyeball, their inner edge and the socket's
# lining: the least that no gaze and no expression closes.
LID_THICKNESS_MM, LID_CLEARANCE_MM = 1.7, 0.3
SOCKET_CLEARANCE_MM = 1.6
SOCKET_ANGLE_DEG = 105.0  # from the gaze axis, where the fornix turns to the back

# (share of the rim's size, depth) of the nostril's rings 1 to 4, then of its end
NOSTRIL_STEPS = ((0.80, 0.3), (0.74, 2.4), (0.72, 6.5), (0.55, 10.0))
NOSTRIL_AXIS = np.array([-0.12, 0.45, 0.88])

CANAL_SHARE, CANAL_DEPTH = 0.4, 7.0  # of the concha's outline; mm inwards

# The mouth's bag: how far its slit falls behind the lips, and its middle in the head frame.
SLIT_DROP_MM = 1.6
MOUTH_CENTRE = np.array([0.0, 0.0, -46.0])
# half width, half height, y of the front, y gained towards the sides: bag rings 8 and 9
BAG_RINGS = ((31.0, 17.0, -99.0, 27.0), (34.0, 19.0, -78.0, 12.0))
BAG_DEPTH = 26.0


def make_pockets(layout: HalfLayout, skin: FloatArray) -> FloatArray:
    """The skin (N, 3) mm with lids, mouth bag, nostril and ear canal."""
    completed = skin.copy()
    _lids(layout, completed)
    _mouth_bag(layout, completed)
    _nostril(layout, completed)
    _ear_canal(layout, completed)
    return completed


def disk_from_square(square: FloatArray) -> FloatArray:
    """Points (..., 2) of the square [-1, 1]^2 on the unit disk, grid lines kept smooth."""
    x, y = square[..., 0], square[..., 1]
    return np.stack([x * np.sqrt(1 - y * y / 2), y * np.sqrt(1 - x * x / 2)], axis=-1)


def _lids(layout: HalfLayout, skin: FloatArray) -> None:
    centre, radius = np.array(control_points.EYE_CENTRE), control_points.EYE_RADIUS
    rings = layout.rings["eye"]
    for index, clearance in ((3, 2.7), (4, 2.1), (5, 1.5)):
        arm = skin[rings[index]] - centre
        reach = np.linalg.norm(arm, axis=1, keepdims=True)
        ball = _ball_reach(_polar(arm / reach))[:, None]
        skin[rings[index]] = centre + arm / reach * np.maximum(reach, ball + clearance)
    arm = skin[rings[5]] - centre
    reach = np.linalg.norm(arm, axis=1, keepdims=True)
    direction = arm / reach
    polar = _polar(direction)
    inner = np.maximum(reach - LID_THICKNESS_MM, _ball_reach(polar)[:, None] + LID_CLEARANCE_MM)
    skin[rings[6]] = centre + direction * inner
    around = np.arctan2(direction[:, 2], direction[:, 0])
    fornix = np.deg2rad(SOCKET_ANGLE_DEG)
    for index, share, clearance in ((7, 0.35, 0.9), (8, 1.0, SOCKET_CLEARANCE_MM)):
        polar_here = polar + share * (fornix - polar)
        lift = (1 - share) * (inner[:, 0] - radius - LID_CLEARANCE_MM) * 0.5
        lining = (_ball_reach(polar_here) + clearance + lift)[:, None]
        skin[rings[index]] = centre + lining * _from_polar(polar_here, around)
    _close_behind(layout, skin, centre, radius + SOCKET_CLEARANCE_MM, fornix)


def cornea_depth() -> float:
    """How far before the eyeball's centre the cornea's is; their spheres meet at the limbus."""
    limbus = control_points.IRIS_RADIUS**2
    return float(
        np.sqrt(control_points.EYE_RADIUS**2 - limbus)
        - np.sqrt(control_points.CORNEA_CURVATURE**2 - limbus)
    )


def _ball_reach(polar: FloatArray) -> FloatArray:
    """Radius of eyeball with cornea at angles from the gaze axis."""
    depth = cornea_depth()
    across = control_points.CORNEA_CURVATURE**2 - (depth * np.sin(polar)) ** 2
    return np.maximum(control_points.EYE_RADIUS, depth * np.cos(polar) + np.sqrt(across))


def _polar(direction: FloatArray) -> FloatArray:
    """Angle from the gaze axis, along -y."""
    return np.arccos(np.clip(-direction[:, 1], -1, 1))


def _from_polar(polar: FloatArray, around: FloatArray) -> FloatArray:
    """Unit vectors: polar angle from the gaze axis (-y), angle around it from +x to +z."""
    beside: FloatArray = np.sin(polar)
    return np.stack([beside * np.cos(around), -np.cos(polar), beside * np.sin(around)], axis=-1)


def _close_behind(
    layout: HalfLayout, skin: FloatArray, centre: FloatArray, radius: float, fornix: float
) -> None:
    """The socket's back: the patch inside the last eye ring, spread over the sphere behind."""
    patch = layout.ends["eye"]
    wide, high = patch.shape
    x, y = np.meshgrid(np.linspace(-1, 1, wide), np.linspace(-1, 1, high), indexing="ij")
    disk = disk_from_square(np.stack([x, y], axis=-1))
    away = np.linalg.norm(disk, axis=-1)
    sphere = _from_polar(np.pi - away * (np.pi - fornix), np.arctan2(disk[..., 1], disk[..., 0]))
    skin[patch[1:-1, 1:-1]] = centre + radius * sphere[1:-1, 1:-1]


def _mouth_bag(layout: HalfLayout, skin: FloatArray) -> None:
    rings = layout.rings["mouth"]
    count = rings.shape[1]
    contact = skin[rings[6]]
    angle = np.linspace(-np.pi / 2, np.pi / 2, count)
    behind = contact + np.array([0.0, 4.0, 0.0])
    behind[:, 0] *= 0.98
    # the slit falls inwards, so that no straight look between closed lips meets the teeth
    behind[:, 2] += 0.25 * np.sin(angle) - SLIT_DROP_MM * np.cos(angle * 0.5)
    skin[rings[7]] = behind
    for index, (width, height, front, gain) in zip((8, 9), BAG_RINGS, strict=True):
        x = width * np.cos(angle)
        x[[0, -1]] = 0.0
        y = front + gain * (x / width) ** 2
        z = MOUTH_CENTRE[2] + height * np.sin(angle)
        skin[rings[index]] = np.stack([x, y, z], axis=1)
    _fill_patch(skin, layout.ends["mouth"])
    patch = layout.ends["mouth"]
    inside = patch[:-1, 1:-1]
    level = skin[inside]
    width, height, _, _ = BAG_RINGS[1]
    share = (level[..., 0] / width) ** 2 + ((level[..., 2] - MOUTH_CENTRE[2]) / height) ** 2
    skin[inside, 1] += BAG_DEPTH * np.clip(1 - share, 0, 1)


def _fill_patch(skin: FloatArray, patch: IntArray) -> None:
    """Coons-like filling: opposite sides of the patch joined row by row."""
    wide, high = patch.shape
    for up in range(1, high - 1):
        share = up / (high - 1)
        for right in range(wide - 1):
            skin[patch[right, up]] = (1 - share) * skin[patch[right, 0]] + share * skin[
                patch[right, -1]
            ]
        reach = skin[patch[-1, up]] - skin[patch[-2, up]]
        for right in range(wide - 1):
            skin[patch[right, up], 1] += 0.5 * reach[1] * (right / (wide - 1)) ** 2


def _nostril(layout: HalfLayout, skin: FloatArray) -> None:
    rings = layout.rings["nostril"]
    rim = skin[rings[0]]
    centre = rim.mean(axis=0)
    axis = NOSTRIL_AXIS / np.linalg.norm(NOSTRIL_AXIS)
    flat = rim - centre
    flat = flat - 0.6 * np.outer(flat @ axis, axis)
    oval = _oval(flat)
    for ring, (share, depth) in zip(rings[1:], NOSTRIL_STEPS, strict=True):
        blend = min(depth / 3.0, 1.0)
        shape = (1 - blend) * (0.4 * (rim - centre) + 0.6 * oval) + blend * oval
        skin[ring] = centre + share * shape + depth * axis
    _dome(skin, layout.ends["nostril"], axis, 2.0)


def _oval(outline: FloatArray) -> FloatArray:
    """The ellipse through an outline (n, 3) about the origin: its first Fourier harmonic."""
    turn = 2 * np.pi * np.arange(len(outline)) / len(outline)
    wave = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return wave @ (2.0 / len(outline) * wave.T @ outline)


def _ear_canal(layout: HalfLayout, skin: FloatArray) -> None:
    rings = layout.rings["ear"]
    concha = skin[rings[8]]
    opening = ear_to_head(np.array(control_points.EAR_CANAL))
    inward = np.array([-0.97, -0.2, 0.1])
    skin[rings[9]] = opening + CANAL_SHARE * _oval(concha - concha.mean(axis=0))
    _dome(skin, layout.ends["ear"], inward, CANAL_DEPTH)


def _dome(skin: FloatArray, patch: IntArray, axis: FloatArray, depth: float) -> None:
    """Fill a closing patch bilinearly between its sides and push its middle along `axis`."""
    wide, high = patch.shape
    border = skin[patch]
    u = np.linspace(0, 1, wide)[:, None, None]
    v = np.linspace(0, 1, high)[None, :, None]
    along_u = (1 - u) * border[:1] + u * border[-1:]
    along_v = (1 - v) * border[:, :1] + v * border[:, -1:]
    corners = (
        (1 - u) * (1 - v) * border[0, 0] + u * (1 - v) * border[-1, 0]
        + (1 - u) * v * border[0, -1] + u * v * border[-1, -1]
    )  # fmt: skip
    filled = along_u + along_v - corners + depth * 16 * u * (1 - u) * v * (1 - v) * axis
    inside = patch[1:-1, 1:-1]
    skin[inside] = filled[1:-1, 1:-1]
