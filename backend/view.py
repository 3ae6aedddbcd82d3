"""An avatar's base colour seen unlit through its capture's cameras: RGBA pictures for overlays.

In: an avatar folder and a texture version. Out: `frame_%06d.png` at footage size, numbered by the
clip's frame index, sRGB with alpha 0 where the head is not.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.frames import texel_from_uv, transform
from studio_avatar_addon.avatar.template import (
    MATERIALS,
    HeadTemplate,
    load_template,
    posed_vertices,
)
from studio_avatar_addon.avatar.types import Camera, FloatArray, Progress

from .images import pixels_8bit, read_image, unit_from_pixels, write_png
from .raster import Raster, interpolate_corners, rasterize


def render_views(avatar: AvatarFolder, origin: str, out: Path, progress: Progress) -> list[Path]:
    """Write one picture per chosen frame; returns their paths.

    Raises AvatarFolderError where the avatar lacks that texture or was made on another template.
    """
    template = template_of(avatar)
    path = avatar.texture(origin, "base_color")
    if path is None:
        raise AvatarFolderError(
            f"The avatar {avatar.name} has no {origin} texture.", "Create the avatar again."
        )
    texture = unit_from_pixels(read_image(path))
    head, cameras = avatar.head, avatar.cameras
    written: list[Path] = []
    for k, index in enumerate(cameras.frame_index):
        progress(k, len(cameras.frame_index), f"frame {index}")
        vertices = posed_vertices(
            template, head.neutral_m, head.shape_deltas_m, cameras.expression[k],
            cameras.gaze_rad[k], head.eye_centre_m,
        )  # fmt: skip
        view = unlit_view(template, vertices, cameras.camera, cameras.camera_from_head[k], texture)
        written.append(out / f"frame_{index:06d}.png")
        write_png(written[-1], pixels_8bit(view))
    return written


def template_of(avatar: AvatarFolder) -> HeadTemplate:
    """The template the avatar was made on. Raises AvatarFolderError where it is another one."""
    template = load_template()
    if avatar.description["template"]["sha256"] != template.sha256:
        raise AvatarFolderError(
            f"The avatar {avatar.name} was made on the head template {avatar.template_name} "
            "of another version.",
            "Create the avatar again from its footage.",
        )
    return template


def head_raster(
    template: HeadTemplate, vertices_m: FloatArray, camera: Camera, camera_from_head: FloatArray
) -> Raster:
    """What each pixel sees of the head; the clear cornea is looked through.

    `Raster.triangle` counts in `opaque_triangles(template)`.
    """
    points = transform(camera_from_head, vertices_m)
    triangles = template.triangles[opaque_triangles(template)]
    return rasterize(camera.project(points), points[:, 2], triangles, camera.size_px)


def opaque_triangles(template: HeadTemplate) -> NDArray[np.bool_]:
    """(2F,) True for all but the cornea."""
    return template.triangle_material != MATERIALS.index("cornea")


def unlit_view(
    template: HeadTemplate,
    vertices_m: FloatArray,
    camera: Camera,
    camera_from_head: FloatArray,
    texture: FloatArray,
) -> FloatArray:
    """The texture (N, N, C) on the head as (height, width, C + 1), the last channel being alpha."""
    raster = head_raster(template, vertices_m, camera, camera_from_head)
    uv = interpolate_corners(raster, template.triangle_uv[opaque_triangles(template)])
    texture = _prefiltered(texture, uv, raster)
    at = texel_from_uv(uv, texture.shape[0]).astype(np.float32) - 0.5
    colour = cv2.remap(
        texture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = raster.covered.astype(np.float32)[..., None]
    return np.concatenate([colour.reshape(*alpha.shape[:2], -1) * alpha, alpha], axis=-1)


def _prefiltered(texture: FloatArray, uv: FloatArray, raster: Raster) -> FloatArray:
    """The texture halved until about one texel falls on a pixel: no aliasing in small views."""
    inside = raster.covered[:, 1:] & raster.covered[:, :-1]
    if not inside.any():
        return texture
    step = np.linalg.norm(uv[:, 1:] - uv[:, :-1], axis=-1)[inside]
    halvings = int(np.log2(max(float(np.median(step)) * texture.shape[0], 1.0)))
    size = texture.shape[0] >> halvings
    return cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA)
