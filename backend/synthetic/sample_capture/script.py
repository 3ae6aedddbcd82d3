"""What the sample's person does before the phone: turns, looks, and ends with some expressions.

Views are even steps along a path of yaw and pitch (degrees; from where the face is seen: yaw to
the subject's left, pitch from above), as `capture_spec` walks it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import TemplateError
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

PATH_DEG = (
    (0.0, 0.0), (0.0, 14.0), (0.0, -11.0), (0.0, 0.0),
    (-30.0, 3.0), (-55.0, 0.0), (-30.0, -3.0), (0.0, 0.0),
    (30.0, 3.0), (55.0, 0.0), (30.0, -3.0), (0.0, 0.0),
    (-8.0, 2.0), (7.0, 3.0), (-4.0, -2.0), (0.0, 0.0),
)  # fmt: skip
# While the head turns, the eyes make up for a part of it and stay nearer to the phone.
GAZE_SHARE = 0.4
# name -> (peak, end of the clip = 0 s, width of the bump), seconds
EXPRESSIONS = {
    "eyeBlinkLeft": (1.0, -0.9, 0.1),
    "eyeBlinkRight": (1.0, -0.9, 0.1),
    "mouthSmileLeft": (0.75, -0.6, 0.13),
    "mouthSmileRight": (0.70, -0.6, 0.13),
    "jawOpen": (0.55, -0.2, 0.12),
    "browInnerUp": (0.35, -0.2, 0.14),
}
# One person, in standard deviations.
IDENTITY = {
    "face_width": 0.5, "face_height": 0.4, "jaw_width": 1.0, "jaw_angle": 0.4, "chin_height": 0.5,
    "chin_projection": 0.6, "chin_width": 0.6, "cheekbones": 0.5, "cheek_fullness": -0.5,
    "nose_length": 0.4, "nose_width": 0.3, "nose_projection": -0.5, "nose_bridge": 0.8,
    "nose_tip_width": -0.4, "brow_ridge": 0.8, "brow_height": -0.5, "forehead_slope": 0.4,
    "eye_depth": 0.5, "eye_opening": -0.7, "eye_tilt": -0.4,
    "mouth_width": -0.2, "lower_lip": -0.5, "upper_lip": -0.3,
    "ear_size": 0.5,
    "ear_protrusion": 0.6, "lobe_length": 0.4, "neck_girth": 0.5,
    "head_breadth": 0.4, "occiput": 0.4, "asymmetry_bend": 0.3, "asymmetry_height": 0.4,
}  # fmt: skip


@dataclass(frozen=True)
class Acting:
    """T views of a clip at even steps of time."""

    weights: NDArray[np.float32]  # (T, 52)
    gaze_rad: NDArray[np.float32]  # (T, 2, 2)


def identity_of(template: HeadTemplate) -> NDArray[np.float32]:
    """The sample's person as identity parameters (P,) of this template.

    Raises TemplateError where it has no parameter of a name used here.
    """
    missing = sorted(IDENTITY.keys() - set(template.identity_names))
    if missing:
        raise TemplateError(
            f"The head template {template.name} has no parameters {', '.join(missing)}.",
            "Adapt the sample's person in backend/sample_capture/script.py.",
        )
    return np.array([IDENTITY.get(name, 0.0) for name in template.identity_names], np.float32)


def act(views: int, fps: float) -> Acting:
    """The expressions and the gaze of each view."""
    time_s = np.arange(views) / fps
    weights = np.zeros((views, len(SHAPE_NAMES)), np.float32)
    for name, (peak, when_s, width_s) in EXPRESSIONS.items():
        away = (time_s - (time_s[-1] + when_s)) / width_s
        weights[:, SHAPE_INDEX[name]] = peak * np.exp(-0.5 * away**2)
    weights[weights < 0.01] = 0.0
    gaze = GAZE_SHARE * np.radians(_along_path(views))
    limit = np.radians([18.0, 6.0])
    gaze = np.clip(gaze, -limit, limit).astype(np.float32)
    return Acting(weights, np.repeat(gaze[:, None, :], 2, axis=1))


def _along_path(views: int) -> FloatArray:
    """Yaw and pitch (T, 2) in degrees at even angular speed."""
    points = np.array(PATH_DEG)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    wanted = np.linspace(0.0, length[-1], views)
    return np.stack([np.interp(wanted, length, points[:, i]) for i in (0, 1)], axis=1)
