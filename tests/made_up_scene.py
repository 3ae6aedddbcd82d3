"""A head of known shape before a known camera, and what a clip would tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.detector.landmark_table import load_landmark_table
from backend.geometry.raster import interpolate_vertices, rasterize
from backend.imaging.image_files import write_png
from backend.template_build.learn_landmarks import pose
from studio_avatar_addon.avatar.frames import transform
from studio_avatar_addon.avatar.labels import BACKGROUND, SKIN
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Camera, Capture, FaceTrack

CAMERA = Camera((360, 480), (620.0, 620.0), (180.0, 240.0))
YAW_DEG = (-30.0, -18.0, -8.0, 0.0, 8.0, 18.0, 30.0)
TRUE_SHIFTS = {"head_breadth": 1.5, "head_height": -1.0, "face_height": 1.2, "jaw_width": 1.0}


DISTANCE_M = 0.8
WAVES, FINEST_M, COARSEST_M = 24, 0.005, 0.02


@dataclass(frozen=True)
class Scene:
    """The truth, and its capture."""

    template: HeadTemplate
    neutral_m: np.ndarray
    camera_from_head: np.ndarray
    capture: Capture
    track: FaceTrack


def make_scene(template: HeadTemplate, folder: Path, textured: bool) -> Scene:
    """Seven views from side to side. `textured`: skin that can be followed, else of one colour."""
    identity = np.zeros(len(template.identity_names))
    for name, shift in TRUE_SHIFTS.items():
        identity[template.identity_names.index(name)] = shift
    neutral = template.neutral_m(identity).astype(np.float64)
    poses = np.array([pose(yaw, 0.2 * yaw, DISTANCE_M) for yaw in YAW_DEG])
    landmarks = np.array(
        [
            _detections(template, neutral, matrix, y)
            for matrix, y in zip(poses, YAW_DEG, strict=True)
        ]
    )
    masks, labels, pictures = [], [], []
    for k, matrix in enumerate(poses):
        masks.append(folder / f"mask{k}.png")
        labels.append(folder / f"labels{k}.png")
        pictures.append(folder / f"frame{k}.png")
        covered, skin = _drawn(template, neutral, matrix, textured)
        write_png(masks[-1], np.where(covered, 255, 0).astype(np.uint8))
        write_png(labels[-1], np.where(covered, SKIN, BACKGROUND).astype(np.uint8))
        write_png(pictures[-1], np.where(covered[..., None], skin, 60).astype(np.uint8))
    count = len(YAW_DEG)
    capture = Capture(
        "made_up.mp4", "0" * 64, CAMERA.size_px, 30.0, 0, "srgb", np.arange(count) / 30.0,
        landmarks, np.ones(count, np.float32), np.arange(count), tuple(pictures),
        np.ones((count, 3), np.float32), CAMERA, True, False, True,
    )  # fmt: skip
    no_hair = folder / "no_hair.png"
    write_png(no_hair, np.zeros(CAMERA.size_px[::-1], np.uint8))
    track = FaceTrack(
        landmarks, np.ones(count, np.float32), landmarks, tuple(masks), tuple(labels),
        (no_hair,) * count,
    )  # fmt: skip
    return Scene(template, neutral, poses, capture, track)


def _detections(
    template: HeadTemplate, neutral_m: np.ndarray, matrix: np.ndarray, yaw_deg: float
) -> np.ndarray:
    """What the detector would report, its own bias included."""
    in_camera = transform(matrix, template.landmarks_m(neutral_m))
    bias, _ = load_landmark_table().at_yaw(yaw_deg)
    pixels = CAMERA.project(in_camera)
    pixels[:468] += (bias * CAMERA.focal_px[0] / matrix[2, 3])[:468]
    return pixels.astype(np.float32)


def _drawn(
    template: HeadTemplate, neutral_m: np.ndarray, matrix: np.ndarray, textured: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Where the head is (H, W), and its colour there (H, W, 3)."""
    in_camera = transform(matrix, neutral_m)
    raster = rasterize(
        CAMERA.project(in_camera), in_camera[:, 2], template.triangles, CAMERA.size_px
    )
    skin = np.broadcast_to(np.array([200.0, 150.0, 130.0]), (*raster.covered.shape, 3))
    if textured:
        places = interpolate_vertices(raster, template.triangles, template.vertices_m)
        skin = skin + 25.0 * _blotches(places)[..., None]
    return raster.covered, skin


def _blotches(places_m: np.ndarray) -> np.ndarray:
    """A sum of waves through space at places (..., 3): some unit of variance."""
    random = np.random.default_rng(5)
    direction = random.standard_normal((WAVES, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = np.geomspace(FINEST_M, COARSEST_M, WAVES)
    angle = places_m @ (2.0 * np.pi * direction / length[:, None]).T
    return np.sin(angle + random.uniform(0.0, 6.3, WAVES)).sum(axis=-1) * np.sqrt(2.0 / WAVES)
