"""An avatar's base colour seen unlit through its capture's cameras, or its frames' labels.

In: an avatar folder. Out: `frame_%06d.png` at footage size, numbered by the clip's frame index;
a texture version as RGBA for overlays, sRGB with alpha 0 where the head is not; or the frame itself
with the colours of what it shows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.bundle import AGAIN, AvatarFolder, damaged, template_of
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.types import Progress

from ..imaging.image_files import (
    pixels_8bit,
    read_image,
    read_image_8bit,
    unit_from_pixels,
    write_png,
)
from ..imaging.label_picture import label_picture
from ..stages.frame_sampling.posed_head import pose_head, render_texture
from ..store.stored_fit import read_fit


def render_views(avatar: AvatarFolder, origin: str, out: Path, progress: Progress) -> list[Path]:
    """Write one picture per chosen frame; returns their paths.

    Raises AvatarFolderError where the avatar lacks that texture, TemplateError where it was made
    on another template.
    """
    template = template_of(avatar)
    fit = read_fit(avatar, template)
    path = avatar.texture(origin, "base_color")
    if path is None:
        raise AvatarFolderError(
            f"The avatar {avatar.name} has no {origin} texture.", "Create the avatar again."
        )
    texture = unit_from_pixels(read_image(path))
    if texture.ndim != 3 or texture.shape[2] != 3:
        raise AvatarFolderError(
            f"The {origin} texture of {avatar.name} has other channels than red, green and blue.",
            "Create the avatar again.",
        )
    written: list[Path] = []
    for k, index in enumerate(avatar.cameras.frame_index):
        progress(k, len(avatar.cameras.frame_index), f"frame {index}")
        posed = pose_head(fit, k, template)
        colour = render_texture(posed, template, texture)
        alpha = posed.raster.covered[..., None].astype(np.float32)
        written.append(out / f"frame_{index:06d}.png")
        write_png(written[-1], pixels_8bit(np.concatenate([colour, alpha], axis=-1)))
    return written


def render_labels(avatar: AvatarFolder, out: Path, progress: Progress) -> list[Path]:
    """Write the chosen frames, each over what its pixels were taken for; returns their paths.

    Raises AvatarFolderError where the avatar was made before there were labels.
    """
    written: list[Path] = []
    for k, index in enumerate(avatar.cameras.frame_index):
        progress(k, len(avatar.cameras.frame_index), f"frame {index}")
        labels = avatar.file(f"frames/frame_{index:06d}_labels.png")
        if not labels.is_file():
            raise AvatarFolderError(f"The avatar {avatar.name} has no labels.", AGAIN)
        frame = read_image_8bit(avatar.file(f"frames/frame_{index:06d}.png"))[..., :3]
        shown = read_image(labels)
        if shown.shape != frame.shape[:2]:
            raise damaged(labels, ValueError("it is not of its frame's size"))
        written.append(out / f"frame_{index:06d}.png")
        write_png(written[-1], label_picture(frame, shown.astype(np.uint8)))
    return written
