"""A head template to the face detector's 478 points on it, with the detector's spread and bias.

The detector's points are not the anatomy their names suggest, and they slide as the head turns.
So the detector is run on portraits of the template itself, whose truth is known: frontal ones say
where each point lies, turned ones how far it deviates. The bias of detector and table cancel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.errors import TemplateError
from studio_avatar_addon.avatar.frames import rotation_about, transform
from studio_avatar_addon.avatar.layout import FIRST_IRIS_LANDMARK, LANDMARK_COUNT
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate, load_template
from studio_avatar_addon.avatar.types import Camera, FloatArray, IntArray

from ..detector.face_mesh import FaceMesh
from ..detector.landmark_indices import INNER_LOWER_LIP, INNER_UPPER_LIP
from ..detector.landmark_table import TABLE_FILE, LandmarkTable
from ..geometry.raster import Raster, rasterize
from .portrait import draw_portrait, drawn_triangles

# Poses of the portraits: the detector finds the template up to about 60 degrees.
YAW_STEPS_DEG = (-60, -45, -30, -15, 0, 15, 30, 45, 60)
PITCH_STEPS_DEG = (-12, 0, 12)
FRONTAL_DEG = (-8, 0, 8)  # yaw and pitch of the portraits that give the table
# Heads of random identity and slight expression, so that the table does not learn one face.
IDENTITIES = 11
SUBTLE_SHAPES = (
    "jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthPucker", "browInnerUp",
    "browDownLeft", "browDownRight", "eyeSquintLeft", "eyeSquintRight",
)  # fmt: skip
MAX_SUBTLE_WEIGHT = 0.25
# A portrait lens: the head fills two thirds of the picture.
PORTRAIT_PX = 448
FOCAL_PX = 1000.0
DISTANCE_M = 0.9
LOWER_LIP_OPENS_M = 0.012  # what an open jaw moves more than this, between the corners, is below
DISTANT_VIEW_M = 100.0  # nearly parallel rays
# Spread that no average removes: the template's landmarks are worth no more than this.
MIN_NOISE_M = 0.0008
MAD_TO_SD = 1.4826  # median absolute deviation to standard deviation, of a normal distribution

CAMERA = Camera(
    (PORTRAIT_PX, PORTRAIT_PX), (FOCAL_PX, FOCAL_PX), (PORTRAIT_PX / 2, PORTRAIT_PX / 2)
)


def store_landmarks(out: Path = TABLE_FILE) -> Path:
    """Learn the installed template's table and write it to `out`, which is returned.

    The template takes it in when it is built next. Raises TemplateError as `learn_landmarks` does.
    """
    table = learn_landmarks(load_template())
    write_arrays(
        out,
        vertices=table.vertices,
        weights=table.weights,
        yaw_deg=table.yaw_deg,
        bias_m=table.bias_m,
        noise_m=table.noise_m,
    )
    return out


def learn_landmarks(template: HeadTemplate, seed: int = 0) -> LandmarkTable:
    """Learn the table of `template` from about 400 portraits (two or three minutes).

    Reads nothing of the template's own landmarks. Raises TemplateError where the detector does
    not find a face on the template's portraits.
    """
    heads = _sample_heads(template, np.random.default_rng(seed))
    with FaceMesh(tracking=False) as detector:
        frontal = [
            _Observation.take(template, head, pose(yaw, pitch), detector)
            for head in heads
            for yaw in FRONTAL_DEG
            for pitch in FRONTAL_DEG
        ]
        vertices, weights = _points_on_head(template, [s for s in frontal if s.has_face])
        bias, noise = [], []
        for yaw in YAW_STEPS_DEG:
            observed = [
                _Observation.take(template, head, pose(yaw, pitch), detector)
                for head in heads
                for pitch in PITCH_STEPS_DEG
            ]
            deviation = _deviations_m([s for s in observed if s.has_face], vertices, weights, yaw)
            middle = np.median(deviation, axis=0)
            spread = MAD_TO_SD * np.median(np.abs(deviation - middle), axis=0)
            bias.append(middle)
            noise.append(np.maximum(np.hypot(*spread.T) / np.sqrt(2.0), MIN_NOISE_M))
    return LandmarkTable(
        vertices,
        weights,
        np.array(YAW_STEPS_DEG, np.float32),
        np.array(bias, np.float32),
        np.array(noise, np.float32),
    )


def pose(yaw_deg: float, pitch_deg: float, distance_m: float = DISTANCE_M) -> FloatArray:
    """`camera_from_head` (4, 4): the head before the camera, turned left by yaw, up by pitch."""
    facing = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    nod = rotation_about(np.array([1.0, 0.0, 0.0]), -np.radians(pitch_deg))
    turn = rotation_about(np.array([0.0, 0.0, 1.0]), np.radians(yaw_deg))
    matrix = np.eye(4)
    matrix[:3, :3] = facing @ nod @ turn
    matrix[2, 3] = distance_m
    return matrix


@dataclass(frozen=True)
class _Observation:
    """One portrait: the posed head, what is seen where, and the detector's points, if any."""

    vertices_m: FloatArray
    camera_from_head: FloatArray
    raster: Raster
    detected_px: FloatArray | None  # (478, 2)

    @property
    def has_face(self) -> bool:
        return self.detected_px is not None

    @classmethod
    def take(
        cls,
        template: HeadTemplate,
        vertices_m: FloatArray,
        camera_from_head: FloatArray,
        detector: FaceMesh,
    ) -> _Observation:
        """Draw vertices (V, 3) seen by camera_from_head (4, 4), and detect them."""
        portrait = draw_portrait(template, vertices_m, camera_from_head, CAMERA)
        faces = detector.detect(portrait.image_srgb)
        detected = faces[0].astype(np.float64) if len(faces) else None
        return cls(vertices_m, camera_from_head, portrait.raster, detected)


def _sample_heads(template: HeadTemplate, random: np.random.Generator) -> list[FloatArray]:
    heads = []
    for _ in range(IDENTITIES):
        head = template.neutral_m(template.random_identity(random)).astype(np.float64)
        for name in SUBTLE_SHAPES:
            weight = random.uniform(0.0, MAX_SUBTLE_WEIGHT)
            head += weight * template.shape_deltas_m[SHAPE_INDEX[name]]
        heads.append(head)
    return heads


def _points_on_head(
    template: HeadTemplate, observations: list[_Observation]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Back-project frontal detections, average them on the mean head, and settle on a triangle."""
    if len(observations) < IDENTITIES:
        raise TemplateError(
            f"The face detector does not see a face in the head template {template.name}.",
            "Give its lips, brows and nostrils regions of those names.",
        )
    allowed = _allowed_triangles(template)
    rest = []
    for observation in observations:
        fine = (
            np.asarray(observation.detected_px) * observation.raster.triangle.shape[0] / PORTRAIT_PX
        )
        triangle, weights = _nearest_surface(observation.raster, fine, allowed)
        rest.append(_surface_points(template, template.vertices_m, triangle, weights))
    mean = np.median(np.array(rest), axis=0)
    # Seen from far in front, where the face hides nothing of itself that the detector marks.
    view = pose(0.0, 0.0, DISTANT_VIEW_M)
    far_focal_px = DISTANT_VIEW_M * 8000.0
    far = Camera((2048, 2048), (far_focal_px, far_focal_px), (1024.0, 1024.0))
    in_camera = transform(view, template.vertices_m)
    drawn = np.flatnonzero(drawn_triangles(template))
    raster = rasterize(
        far.project(in_camera), in_camera[:, 2], template.triangles[drawn], far.size_px
    )
    named = np.where(raster.covered, drawn[raster.triangle], -1).astype(np.int32)
    raster = Raster(named, raster.barycentric, raster.depth)
    triangle, weights = _nearest_surface(raster, far.project(transform(view, mean)), allowed)
    return template.triangles[triangle], weights.astype(np.float32)


def _allowed_triangles(
    template: HeadTemplate,
) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Landmarks (N,) and the triangles (2F,) that they may lie on; every landmark once.

    Closed lips touch where the detector marks them: which of them a point belongs to is told by
    its name, not by what is nearest.
    """
    material = template.triangle_material
    skin, eye = (material == MATERIALS.index(name) for name in ("skin", "eye"))
    opened_m = np.linalg.norm(template.shape_deltas_m[SHAPE_INDEX["jawOpen"]], axis=1)
    lower = opened_m[template.triangles].min(axis=1) > LOWER_LIP_OPENS_M
    lips = [list(INNER_UPPER_LIP), list(INNER_LOWER_LIP)]
    others = np.setdiff1d(np.arange(FIRST_IRIS_LANDMARK), np.concatenate(lips))
    irises = np.arange(FIRST_IRIS_LANDMARK, LANDMARK_COUNT)
    return [
        (others, skin), (irises, eye),
        (np.array(lips[0]), skin & ~lower), (np.array(lips[1]), skin & lower),
    ]  # fmt: skip


def _nearest_surface(
    raster: Raster,
    points_px: FloatArray,
    allowed: list[tuple[NDArray[np.int64], NDArray[np.bool_]]],
) -> tuple[IntArray, FloatArray]:
    """Triangle (478,) and barycentric (478, 3) at the pixel nearest to each point."""
    triangle = np.zeros(LANDMARK_COUNT, np.int64)
    weights = np.zeros((LANDMARK_COUNT, 3))
    for landmarks, triangles in allowed:
        usable = raster.covered & triangles[raster.triangle]
        _, label = cv2.distanceTransformWithLabels(
            (~usable).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        rows, columns = np.nonzero(usable)
        pixel_of_label = np.zeros(label.max() + 1, np.int64)
        pixel_of_label[label[rows, columns]] = np.arange(len(rows))
        bounds = np.array(raster.triangle.shape[::-1]) - 1
        x, y = np.clip(points_px[landmarks], 0, bounds).astype(int).T
        nearest = pixel_of_label[label[y, x]]
        triangle[landmarks] = raster.triangle[rows[nearest], columns[nearest]]
        weights[landmarks] = raster.barycentric[rows[nearest], columns[nearest]]
    return triangle, weights


def _surface_points(
    template: HeadTemplate, vertices_m: FloatArray, triangle: IntArray, weights: FloatArray
) -> FloatArray:
    return np.einsum("lk,lkc->lc", weights, vertices_m[template.triangles[triangle]])


def _deviations_m(
    observations: list[_Observation], vertices: IntArray, weights: FloatArray, yaw_deg: float
) -> FloatArray:
    """(N, 478, 2) detected minus true position, metres at the head."""
    if not observations:
        raise TemplateError(
            f"The face detector finds no face on the head template turned by {yaw_deg} degrees.",
            "Look at its portraits: a region's colour or the nose may be out of place.",
        )
    deviation = []
    for observation in observations:
        points = np.einsum("lk,lkc->lc", weights, observation.vertices_m[vertices])
        in_camera = transform(observation.camera_from_head, points)
        error_px = np.asarray(observation.detected_px) - CAMERA.project(in_camera)
        deviation.append(error_px * in_camera[:, 2:] / FOCAL_PX)
    return np.array(deviation)
