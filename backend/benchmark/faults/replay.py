"""A finished avatar in; the pipeline's stages out, which hand on its values instead of working.

Smaller ones: three frames of a quarter of their height and maps of 64 texels, so that a whole
`create` takes a second. Cache, writer, report, lock and command line around them are the product's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.layout import STAGES_FOLDER
from studio_avatar_addon.avatar.types import Camera, TextureSet

from ...imaging.image_files import read_image, write_png
from ...job.event_log import EventLog
from ...job.reporter import Reporter
from ...stages import STAGES, stage_of
from ...stages.declaration import Stage, StageContext, StageFolder
from ...store.stage_cache import StageCache

FRAMES = 3
SHRINK = 4  # of the frames, each way
MAP_SIZE = 64
PROGRESS_CALLS = 3  # of each stage: enough places to cancel at, before, in and after its work


@dataclass(frozen=True)
class Replay:
    """Values by stage, and the frames' and masks' pixels by name."""

    values: Mapping[str, Any]
    frames: Mapping[str, NDArray[Any]]
    per_frame: Mapping[str, Mapping[str, NDArray[Any]]]  # tracking's pictures by field and name

    def stage(self, name: str) -> Stage:
        """The pipeline's stage of that name: the same but for its work."""
        declared = stage_of(name)

        def run(context: StageContext, folder: StageFolder, *_: Any) -> Any:
            for call in range(PROGRESS_CALLS):
                context.progress(call, PROGRESS_CALLS, name)
            if name == "fitting":
                write_arrays(folder.memory, identity=self.values[name].identity)
            if name == "footage":
                return replace(
                    self.values[name],
                    source_name=context.footage.name,
                    sha256=context.footage_sha256,
                    frame_paths=_write(self.frames, folder.images),
                )
            if name == "tracking":
                written = {
                    field: _write(pictures, folder.images)
                    for field, pictures in self.per_frame.items()
                }
                return replace(self.values[name], **written)
            return self.values[name]

        run.__module__ = declared.module  # whose code and packages its fingerprint is made of
        return replace(declared, run=run, memory_bytes=lambda context: 0)


def record(avatar: AvatarFolder, scratch: Path) -> Replay:
    """Raises AvatarFolderError where the avatar lacks its stages."""
    scratch.mkdir(parents=True, exist_ok=True)
    reporter = Reporter(scratch, EventLog(scratch), len(STAGES))
    cache = StageCache(avatar.root / STAGES_FOLDER, reporter)
    for name in STAGES:
        cache.recall(stage_of(name), avatar.stage_fingerprints[name])
    reporter.close()
    capture = cache.values["footage"]
    count = len(capture.frame_index)
    kept = np.unique(np.linspace(0, count - 1, FRAMES).astype(int))
    width, height = (max(1, round(side / SHRINK)) for side in capture.size_px)
    small = {
        name: _smaller(value, kept, count, (width, height)) for name, value in cache.values.items()
    }

    def pictures(paths: tuple[Path, ...]) -> dict[str, NDArray[Any]]:
        read = {path.name: read_image(path) for path in paths}
        return {
            name: cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST)
            for name, pixels in read.items()
        }

    per_frame = {field: pictures(getattr(small["tracking"], field)) for field in PICTURES}
    return Replay(small, pictures(small["footage"].frame_paths), per_frame)


def _smaller(
    value: Any, kept: NDArray[np.integer[Any]], count: int, size_px: tuple[int, int]
) -> Any:
    """Of the chosen frames only those `kept`, of `size_px`; maps of MAP_SIZE."""
    if isinstance(value, TextureSet):
        maps = {
            name: cv2.resize(entry, (MAP_SIZE, MAP_SIZE), interpolation=cv2.INTER_NEAREST)
            for name, entry in vars(value).items()
            if isinstance(entry, np.ndarray) and entry.shape[:2] == (value.size, value.size)
        }
        return replace(value, **maps)
    changed: dict[str, Any] = {}
    for name, entry in vars(value).items():
        if isinstance(entry, Camera):
            changed[name] = entry.scaled(size_px)
        elif name == "size_px":
            changed[name] = size_px
        else:
            changed[name] = entry / np.float32(SHRINK) if name in PIXELS else entry
            if name.startswith(PER_FRAME) and len(entry) == count:
                changed[name] = _kept(changed[name], kept)
    return replace(value, **changed)


def _kept(entries: Any, kept: NDArray[np.integer[Any]]) -> Any:
    if isinstance(entries, np.ndarray):
        return entries[kept]
    return tuple(entries[k] for k in kept)


# Places in pictures; and how the fields begin that have one entry for each chosen frame.
PIXELS = ("detections_px", "landmarks_px", "frame_landmarks_px")
PICTURES = ("mask_paths", "label_paths", "hair_paths")
PER_FRAME = (
    "frame_", *PICTURES, "camera_from_head", "expression", "gaze_rad", "landmark_px",
    "outline_px", "track_px", "left_out", "log_shading", "exposure_log",
)  # fmt: skip


def _write(pictures: Mapping[str, NDArray[Any]], folder: Path) -> tuple[Path, ...]:
    for name, pixels in pictures.items():
        write_png(folder / name, pixels)
    return tuple(folder / name for name in pictures)
