"""What is known about a simulated capture, from the folder where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.cameras import camera_from_arrays
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import Camera, FloatArray, IntArray


@dataclass(frozen=True)
class CaptureTruth:
    """T views of a head."""

    folder: Path
    camera: Camera
    camera_from_head: FloatArray  # (T, 4, 4)
    vertices_m: FloatArray  # (V, 3) of the head at rest
    skin_triangles: IntArray  # (M, 3)

    @cached_property
    def frames(self) -> tuple[Path, ...]:
        """T pictures; none for a clip, whose truth lies beside it."""
        return tuple(sorted((self.folder / "frames").glob("frame_*.png")))

    def mask(self, view: int) -> NDArray[np.uint8] | None:
        """(H, W) 255 where the person is; None where it was not rendered."""
        path = self.folder / "truth" / f"frame_{view:06d}.npz"
        if not path.is_file():
            return None
        return np.where(read_arrays(path)["part"] > 0, 255, 0).astype(np.uint8)


def read_truth(arrays: Path, template: HeadTemplate) -> CaptureTruth:
    """From a capture's `cameras.npz` or the sample's `truth.npz`. Raises OSError, KeyError."""
    stored = read_arrays(arrays)
    skin = template.triangles[template.triangle_material == MATERIALS.index("skin")]
    return CaptureTruth(
        arrays.parent,
        camera_from_arrays(stored),
        stored["camera_from_head"].astype(np.float64),
        stored["neutral_m"].astype(np.float64),
        stored.get("skin_triangles", skin),
    )
