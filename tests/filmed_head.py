"""A head with a known skin, filmed under a known light: what the texture tests share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from backend.geometry.normals import vertex_normals
from backend.geometry.raster import interpolate_vertices
from backend.imaging.image_files import pixels_8bit, read_image, srgb_from_linear, write_png
from backend.stages.frame_sampling.frame_sampler import Frames
from backend.stages.frame_sampling.posed_head import pose_head
from backend.stages.phone_texture.common_light import CommonLight
from backend.stages.phone_texture.fidelity import Fidelity, measure_fidelity
from backend.stages.room_light import estimate_light
from studio_avatar_addon.avatar.frames import rotation_about
from studio_avatar_addon.avatar.labels import BACKGROUND, HAIR, SKIN
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    Camera,
    Capture,
    FaceTrack,
    Finding,
    HeadFit,
    Quality,
    RoomLight,
    TextureSet,
)

CPU = torch.device("cpu")
QUALITY = Quality("test", 512, 5, False)
SIZE_PX = (320, 400)
YAWS_DEG = (-40.0, -20.0, 0.0, 20.0, 40.0)
SKIN_LINEAR = np.array([0.42, 0.25, 0.17], np.float32)
MOLE_M = 0.004
# Towards the light, in the frame (head's or camera's) where it stands still; Y backwards.
LIGHT = np.array([0.75, -0.60, 0.30]) / np.linalg.norm([0.75, -0.60, 0.30])


class Silent:
    """A progress reporter that keeps what it is warned of."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.shares: list[float] = []

    def __call__(self, done: float, total: float, message: str = "") -> None:
        self.shares.append(done / total)

    def warn(self, finding: Finding) -> None:
        self.findings.append(finding)


@dataclass(frozen=True)
class Case:
    """A simulated clip and its truth."""

    template: HeadTemplate
    capture: Capture
    track: FaceTrack
    fit: HeadFit
    moles_m: NDArray[np.float32]  # (m, 3)


def light_of(case: Case) -> RoomLight:
    return estimate_light(case.capture, case.track, case.fit, case.template, CPU, Silent())


def albedo_of(position_m: NDArray, moles_m: NDArray) -> NDArray[np.float32]:
    """Skin with a soft pattern and small dark moles: (..., 3) linear."""
    x, y, z = np.moveaxis(position_m, -1, 0)
    wave = 0.08 * np.sin(x * 260.0) * np.sin(z * 230.0 + y * 90.0)
    albedo = SKIN_LINEAR * np.exp(wave)[..., None]
    for mole in moles_m:
        near = np.exp(-((np.linalg.norm(position_m - mole, axis=-1) / (MOLE_M / 2)) ** 4))
        albedo = albedo * (1.0 - 0.6 * near[..., None])
    return albedo.astype(np.float32)


def film(template: HeadTemplate, folder: Path, *, moves_with_camera: bool) -> Case:
    """Five frames of the mean head before a blue wall."""
    poses = np.stack([pose(yaw) for yaw in YAWS_DEG])
    count = len(poses)
    fit = fit_seen_from(template, poses)
    front = template.vertices_m[
        (vertex_normals(template.vertices_m, template.triangles)[:, 1] < -0.8)
        & (np.abs(template.vertices_m[:, 0]) > 0.02)
        & (template.region_weights[template.region_names.index("cheeks")] > 0.5)
    ]
    moles = front[:: max(len(front) // 6, 1)]
    normals = vertex_normals(template.vertices_m, template.triangles)
    frames, masks, labels, hair = [], [], [], []
    for k in range(count):
        posed = pose_head(fit, k, template)
        triangles = template.triangles[posed.opaque_triangles]
        position = interpolate_vertices(posed.raster, triangles, template.vertices_m)
        normal = interpolate_vertices(posed.raster, triangles, normals.astype(np.float32))
        turn = poses[k, :3, :3].T @ pose(0.0)[:3, :3] if moves_with_camera else np.eye(3)
        shading = 0.35 + 0.75 * np.clip(normal @ (turn @ LIGHT), 0.0, 1.0)
        image = albedo_of(position, moles) * shading[..., None]
        image[~posed.raster.covered] = (0.10, 0.20, 0.60)
        frames.append(folder / f"frame_{k}.png")
        masks.append(folder / f"mask_{k}.png")
        write_png(frames[-1], pixels_8bit(srgb_from_linear(image)))
        labels.append(folder / f"frame_{k}_labels.png")
        hair.append(folder / f"frame_{k}_hair.png")
        write_png(hair[-1], np.zeros(SIZE_PX[::-1], np.uint8))
        write_png(masks[-1], pixels_8bit(posed.raster.covered.astype(np.float32)))
        write_png(labels[-1], np.where(posed.raster.covered, SKIN, BACKGROUND).astype(np.uint8))
    points = np.full((count, 478, 2), np.nan, np.float32)
    capture = Capture(
        source_name="clip.mp4", sha256="0" * 64, size_px=SIZE_PX, fps=30.0, rotation_deg=0,
        transfer="srgb", time_s=np.arange(count) / 30.0, detections_px=points,
        sharpness=np.ones(count, np.float32), frame_index=np.arange(count),
        frame_paths=tuple(frames), frame_gain=np.ones((count, 3), np.float32),
        camera_guess=fit.camera, focal_known=True,
        glasses=False, exposure_known=moves_with_camera,
    )  # fmt: skip
    track = FaceTrack(
        points, np.ones(count, np.float32), points, tuple(masks), tuple(labels), tuple(hair)
    )
    return Case(template, capture, track, fit, moles)


def paint_over(
    case: Case, folder: Path, k: int, where: NDArray, label: int, linear: tuple[float, float, float]
) -> None:
    """Change a copied clip's frame k and its labels: vertices `where` (V,) show `label` there."""
    posed = pose_head(case.fit, k, case.template)
    triangles = case.template.triangles[posed.opaque_triangles]
    weight = interpolate_vertices(posed.raster, triangles, where[:, None].astype(np.float32))
    there = posed.raster.covered & (weight[..., 0] > 0.5)
    for path, value in (
        (case.capture.frame_paths[k], pixels_8bit(srgb_from_linear(np.array(linear)))),
        (case.track.label_paths[k], label),
        (case.track.hair_paths[k], 255 if label == HAIR else 0),
    ):
        pixels = read_image(path).copy()
        pixels[there] = value
        write_png(folder / path.name, pixels)


def copy_of(case: Case, folder: Path) -> Case:
    """The same clip, with pictures that may be changed."""

    def copied(paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(Path(shutil.copy(path, folder / path.name)) for path in paths)

    track = replace(
        case.track,
        label_paths=copied(case.track.label_paths),
        hair_paths=copied(case.track.hair_paths),
    )
    capture = replace(case.capture, frame_paths=copied(case.capture.frame_paths))
    return replace(case, capture=capture, track=track)


def pose(yaw_deg: float) -> NDArray[np.float64]:
    """Camera half a metre in front of a head turned by an angle."""
    pose = np.eye(4)
    opencv_from_head = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    turn = rotation_about(np.array([0.0, 0.0, 1.0]), np.deg2rad(yaw_deg))
    pose[:3, :3] = opencv_from_head @ turn
    pose[:3, 3] = (0.0, -0.02, 0.55)
    return pose


def fit_seen_from(template: HeadTemplate, poses: NDArray[np.float64]) -> HeadFit:
    """The mean head at rest, seen by a known camera from known sides (K, 4, 4)."""
    count = len(poses)
    return HeadFit(
        identity=np.zeros(len(template.identity_names), np.float32),
        neutral_m=template.vertices_m,
        shape_deltas_m=template.shape_deltas_m,
        corrective_deltas_m=template.corrective_deltas_m,
        joints_m=template.bone_ends_m,
        eye_centre_m=template.eye_centre_m,
        eye_radius_m=template.eye_radius_m,
        camera=Camera(SIZE_PX, (700.0, 700.0), (SIZE_PX[0] / 2, SIZE_PX[1] / 2)),
        camera_from_head=poses,
        expression=np.zeros((count, 52), np.float32),
        gaze_rad=np.zeros((count, 2, 2), np.float32),
        landmark_px=np.ones(count, np.float32),
        outline_px=np.ones(count, np.float32),
        track_px=np.ones(count, np.float32),
        focal_log_sd=0.0,
        left_out=("",) * count,
    )


def fidelity_of(case: Case, light: RoomLight, texture: TextureSet) -> Fidelity:
    frames = Frames.of(case.capture, case.track, case.fit, case.template)
    return measure_fidelity(texture, frames, CommonLight.of(light, case.template))
