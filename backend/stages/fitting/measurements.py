"""A fitted head and a length measured on the person in; the head at that person's size out.

Pictures alone do not tell a head's size. Without a measure the eyes' distance is taken for the
average person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray, HeadFit

from ...detector.landmark_indices import CHIN, LEFT_FACE_SIDE, RIGHT_FACE_SIDE


def head_measures_m(fit: HeadFit, template: HeadTemplate) -> dict[str, float]:
    """Each of `corrections.MEASURES_M` on the head, in metres."""
    landmarks = template.landmarks_m(fit.neutral_m)
    return {
        "interpupillary": _distance_m(fit.eye_centre_m),
        "face_width": _distance_m(landmarks[[LEFT_FACE_SIDE, RIGHT_FACE_SIDE]]),
        "head_height": float(fit.neutral_m[:, 2].max() - landmarks[CHIN, 2]),
    }


def scale_to_measure(
    fit: HeadFit, template: HeadTemplate, measures_m: Mapping[str, float]
) -> HeadFit:
    """The head scaled until it measures what was given; the same where nothing was."""
    if not measures_m:
        return fit
    ((name, wanted),) = measures_m.items()
    growth = wanted / head_measures_m(fit, template)[name]
    cameras = fit.camera_from_head.copy()
    cameras[:, :3, 3] *= growth
    lengths = (
        "neutral_m", "shape_deltas_m", "corrective_deltas_m", "joints_m", "eye_centre_m",
        "eye_radius_m",
    )  # fmt: skip
    larger = {length: (getattr(fit, length) * growth).astype(np.float32) for length in lengths}
    return replace(fit, camera_from_head=cameras, **larger)


def _distance_m(two_m: FloatArray) -> float:
    return float(np.linalg.norm(two_m[0] - two_m[1]))
