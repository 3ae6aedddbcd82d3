"""Avatar folders and performances to what stands in the scene: the calls behind the operators."""

from __future__ import annotations

from pathlib import Path

import bpy

from .avatar.bundle import AvatarFolder, open_avatar, own_performance, read_performance
from .avatar.errors import AvatarFolderError
from .avatar.live_link import RECORDING_SUFFIX, read_live_link
from .scene.animation import AppliedPerformance, apply_performance, checked_frames
from .scene.apply import AppliedAvatar, apply_avatar
from .scene.parts import avatar_root
from .scene.shape_test import end_shape_test


def load_avatar(scene: bpy.types.Scene, root: Path) -> AppliedAvatar:
    """Build or refresh the avatar of a folder in the scene, moving as in its own footage.

    Raises AvatarFolderError, TemplateError or ShapeError; the scene is then as it was.
    """
    folder = open_avatar(root)
    recorded = first_performance(folder)
    performance, name = None, ""
    if recorded is not None:
        performance, name = read_performance(recorded), _animation_name(folder, recorded)
        checked_frames(scene, performance, name)
    applied = apply_avatar(scene, folder)
    end_shape_test(applied.head)
    if performance is not None:
        apply_performance(scene, applied.head, performance, name)
    for layer in scene.view_layers:
        if applied.head.name in layer.objects:
            layer.objects.active = applied.head
    return applied


def first_performance(folder: AvatarFolder) -> Path | None:
    """The recording of the avatar's own footage, else its first one."""
    own = folder.root / own_performance(folder.description)
    return min(folder.performances, key=lambda path: (path != own, path), default=None)


def apply_performance_file(
    scene: bpy.types.Scene, head: bpy.types.Object, path: Path | None
) -> AppliedPerformance:
    """Key a performance on a head; `path`: its file or a Live Link Face recording, None for the
    avatar's own.

    Raises AvatarFolderError where it is missing or damaged, ShapeError where it does not fit.
    """
    folder = open_avatar(avatar_root(head))
    path = path or first_performance(folder)
    if path is None:
        raise AvatarFolderError(
            f"The avatar {folder.name} holds no performance.", "Choose a clip of the person."
        )
    read = read_live_link if path.suffix.lower() == RECORDING_SUFFIX else read_performance
    performance, name = read(path), _animation_name(folder, path)
    checked_frames(scene, performance, name)
    end_shape_test(head)
    return apply_performance(scene, head, performance, name)


def _animation_name(folder: AvatarFolder, performance: Path) -> str:
    name = performance.stem
    return folder.name if name == folder.name else f"{folder.name} {name}"
