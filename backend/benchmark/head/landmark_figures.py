"""Portraits of random heads in, how surely and how truly the face detector marks them out.

The heads are none of those that the landmark table was learned from. Their truth is known.
"""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.layout import FIRST_IRIS_LANDMARK
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...detector.face_mesh import FaceMesh
from ...detector.landmark_indices import FACE_OVAL
from ...detector.landmark_table import LandmarkTable
from ...template_build.learn_landmarks import CAMERA, FOCAL_PX, YAW_STEPS_DEG, pose
from ...template_build.portrait import draw_portrait
from ..figures import MM_PER_M, Figure, Target

# Detection is counted in tenths; more heads cost a portrait and a detection for each yaw.
HEADS = 10
# Another than that by which the landmark table was learned.
SEED = 4711
# The oval slides along the outline and counts for little in a fit.
INNER = np.setdiff1d(np.arange(FIRST_IRIS_LANDMARK), FACE_OVAL)


def landmark_figures(template: HeadTemplate, table: LandmarkTable) -> list[Figure]:
    """Detection rate and noise by yaw; the noise as standard deviation per image axis at the head,
    against the table's points as they are, and with the bias that the table knows taken out."""
    random = np.random.default_rng(SEED)
    heads = [
        template.neutral_m(template.random_identity(random)).astype(np.float64)
        for _ in range(HEADS)
    ]
    rates, raw, without_bias = [], [], []
    with FaceMesh(tracking=False) as detector:
        for yaw in YAW_STEPS_DEG:
            deviations_m = _deviations_m(template, table, heads, yaw, detector)
            bias = table.at_yaw(yaw)[0][INNER]
            rates.append(
                Figure(f"found at yaw {yaw}", 100 * len(deviations_m) / HEADS, "%", _ALL_FOUND)
            )
            raw.append(Figure(f"noise at yaw {yaw}", _sd_mm(deviations_m), "mm"))
            without_bias.append(
                Figure(f"noise at yaw {yaw}, bias out", _sd_mm(deviations_m - bias), "mm")
            )
    return rates + raw + without_bias


# The project's target: the detector finds the template at every yaw up to 60 degrees.
_ALL_FOUND = Target(100.0, at_least=True)


def _deviations_m(
    template: HeadTemplate,
    table: LandmarkTable,
    heads: list[FloatArray],
    yaw_deg: float,
    detector: FaceMesh,
) -> FloatArray:
    """(found, inner landmarks, 2) detected minus true, metres at the head."""
    camera_from_head = pose(yaw_deg, 0.0)
    deviations_m = []
    for head in heads:
        portrait = draw_portrait(template, head, camera_from_head, CAMERA)
        faces = detector.detect(portrait.image_srgb)
        if len(faces):
            points = np.einsum("lk,lkc->lc", table.weights, head[table.vertices])
            in_camera = transform(camera_from_head, points)[INNER]
            error_px = faces[0][INNER] - CAMERA.project(in_camera)
            deviations_m.append(error_px * in_camera[:, 2:] / FOCAL_PX)
    return np.array(deviations_m).reshape(-1, len(INNER), 2)


def _sd_mm(deviations_m: FloatArray) -> float:
    """Per axis about zero; NaN where nothing was found."""
    return (
        MM_PER_M * float(np.sqrt((deviations_m**2).mean())) if deviations_m.size else float("nan")
    )
