"""A finished avatar in; pictures of it at rest, all through one portrait lens, out.

The lens is that of the product's own stills: 85 mm on full frame, level with the head and so far
away that the picture shows 35 cm. The head stands upright, in its own frame, and looks straight on.
Pictures without light are drawn here, those in light by Cycles in a process of its own
(`scene.likeness_studio`), which keeps them: an equal avatar is not rendered again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import radians
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import make_folder, write_json
from studio_avatar_addon.avatar.frames import DEFAULT_INTERPUPILLARY_M
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Camera, FloatArray, HeadFit

from ...imaging.image_files import Image8, pixels_8bit, read_image_8bit
from ...job.cache_folder import cache_folder
from ...stages.frame_sampling.posed_head import PosedHead, pose_head, render_texture
from ...store.stage_cache import fingerprint
from ...synthetic.render_capture import CHECKOUT, studio_fingerprint

STUDIO = "studio_avatar_addon.scene.likeness_studio"
SIZE_PX = (448, 560)
LENS_MM, SENSOR_MM, FRAME_HEIGHT_M = 85.0, 36.0, 0.35
FOCAL_PX = LENS_MM / SENSOR_MM * SIZE_PX[1]
DISTANCE_M = FRAME_HEIGHT_M * LENS_MM / SENSOR_MM  # 0.83
# From the middle between the eyes to that of the head, in m of a real head: what stills look at.
MIDDLE_FROM_EYES_M = (0.0, 0.075, -0.018)
PROFILE_DEG = 90.0  # to the subject's left: the picture shows the left side
SAMPLES = 24  # as the product's stills, with its denoiser
BACKDROP_SRGB = 0.35  # of pictures without light: the grey behind the product's stills


@dataclass(frozen=True)
class Picture:
    """A picture in light: yaw of the camera to the subject's left, light rig, grey clay or skin."""

    yaw_deg: float
    rig: str
    mirrored: bool = False
    look: str = "rig"


FRONT, SPLIT_LEFT, SPLIT_RIGHT = "front", "split_left", "split_right"
PROFILE, CLAY, CLAY_PROFILE = "profile", "clay", "clay_profile"
PICTURES = {
    FRONT: Picture(0.0, "soft_box"),
    SPLIT_LEFT: Picture(0.0, "split"),
    SPLIT_RIGHT: Picture(0.0, "split", mirrored=True),
    PROFILE: Picture(PROFILE_DEG, "soft_box"),
    CLAY: Picture(0.0, "split", look="clay"),
    CLAY_PROFILE: Picture(PROFILE_DEG, "three_point", look="clay"),  # its key grazes this side
}


@dataclass(frozen=True)
class View:
    """Where the portrait's camera stands and looks, in the head frame."""

    eye_m: FloatArray  # (3,)
    target_m: FloatArray  # (3,)

    @property
    def camera_from_head(self) -> NDArray[np.float64]:
        """(4, 4), the picture's top up."""
        forward = (self.target_m - self.eye_m) / np.linalg.norm(self.target_m - self.eye_m)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        matrix = np.eye(4)
        matrix[:3, :3] = right, np.cross(forward, right), forward
        matrix[:3, 3] = -matrix[:3, :3] @ self.eye_m
        return matrix


def portrait_view(eye_centre_m: FloatArray, yaw_deg: float) -> View:
    """Of a head with these eyes (2, 3), from `yaw_deg` round to its left."""
    scale = np.linalg.norm(eye_centre_m[0] - eye_centre_m[1]) / DEFAULT_INTERPUPILLARY_M
    target = eye_centre_m.mean(axis=0) + scale * np.array(MIDDLE_FROM_EYES_M)
    yaw = radians(yaw_deg)
    return View(target + DISTANCE_M * scale * np.array([np.sin(yaw), -np.cos(yaw), 0.0]), target)


def portrait_camera() -> Camera:
    """The lens."""
    return Camera(SIZE_PX, (FOCAL_PX, FOCAL_PX), (SIZE_PX[0] / 2, SIZE_PX[1] / 2))


def posed_portrait(fit: HeadFit, template: HeadTemplate, yaw_deg: float = 0.0) -> PosedHead:
    """The fitted head at rest before the portrait's camera."""
    at_rest = replace(
        fit,
        camera=portrait_camera(),
        camera_from_head=portrait_view(fit.eye_centre_m, yaw_deg).camera_from_head[None],
        expression=np.zeros_like(fit.expression[:1]),
        gaze_rad=np.zeros_like(fit.gaze_rad[:1]),
    )
    return pose_head(at_rest, 0, template)


def draw_unlit(posed: PosedHead, template: HeadTemplate, base_color_srgb: FloatArray) -> Image8:
    """(H, W, 3) a posed head in a texture without light, before the plain backdrop."""
    shown = render_texture(posed, template, base_color_srgb)
    return pixels_8bit(np.where(posed.raster.covered[..., None], shown, BACKDROP_SRGB))


def avatar_state(avatar: AvatarFolder) -> str:
    """16 hex digits that change with any file of the avatar's current run."""
    return fingerprint(avatar.name, avatar.description["run"], avatar.description["files"])


def render_lit(avatar: AvatarFolder, fit: HeadFit) -> Mapping[str, Image8]:
    """PICTURES by name, (560, 448, 3) each; kept in the cache.

    Raises EnvironmentProblem where Blender's package is missing or the rendering fails.
    """
    views = {name: portrait_view(fit.eye_centre_m, of.yaw_deg) for name, of in PICTURES.items()}
    spec = {
        "avatar": str(avatar.root.resolve()),
        "template": avatar.template_name,
        "size_px": SIZE_PX,
        "focal_px": FOCAL_PX,
        "samples": SAMPLES,
        "pictures": {
            name: {
                "eye_m": views[name].eye_m.tolist(),
                "target_m": views[name].target_m.tolist(),
                "look": of.look,
                "rig": of.rig,
                "mirrored": of.mirrored,
            }
            for name, of in PICTURES.items()
        },
    }
    key = fingerprint(spec["pictures"], SIZE_PX, FOCAL_PX, SAMPLES, avatar_state(avatar),
                      studio_fingerprint())  # fmt: skip
    folder = cache_folder() / "benchmark" / "likeness" / "renders" / f"{avatar.name}-{key}"
    paths = {name: folder / f"{name}.png" for name in PICTURES}
    if not all(path.is_file() for path in paths.values()):
        _render(spec, folder)
    return {name: read_image_8bit(path) for name, path in paths.items()}


def _render(spec: Mapping[str, object], folder: Path) -> None:
    make_folder(folder)
    write_json(folder / "spec.json", spec)
    log = folder / "blender.log"
    with log.open("w", encoding="utf-8") as stream:
        command = [sys.executable, "-m", STUDIO, str(folder / "spec.json"), str(folder)]
        done = subprocess.run(command, cwd=CHECKOUT, stdout=stream, stderr=stream, check=False)
    if done.returncode:
        lines = log.read_text("utf-8").strip().splitlines() or ["no message"]
        raise EnvironmentProblem(
            f"Blender could not draw the portraits: {lines[-1]}",
            f"Install the bpy package of requirements.lock; the whole log is {log}.",
        )
