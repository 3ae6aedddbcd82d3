"""A fitted head in a method's maps in; it and the true head in rooms that no stage saw, out."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.layout import MAPS
from studio_avatar_addon.avatar.types import BoolArray, TextureSet

from ...job.terminal import Silent
from ...store.texture_files import write_texture_set
from ...synthetic.render_capture import render_capture
from ..texture.true_visibility import SKIN_PART
from .measures import psnr_db, ssim
from .scored_views import TrueViews, erode, read_rgb
from .stage_runs import Staged

# Blender's own rooms that neither the captures nor the simulator's panoramas show, how they are
# turned, and from which side (degrees to the subject's left) the head is seen.
ROOMS = {"courtyard": (40.0, 25.0), "sunset": (200.0, -25.0)}
RESOLUTION_SCALE = 0.75  # of the capture's resolution
SAMPLES, SEED = 24, 1
AIM_M = (0.0, 0.0, -0.01)  # said in figures: heads of other eyes are looked at alike


@dataclass(frozen=True)
class Relit:
    """One picture of each room: sRGB (R, H, W, 3), and where skin shows (R, H, W)."""

    pictures: NDArray[np.float32]
    skin: BoolArray

    def scores(self, truth: Relit) -> dict[str, float]:
        """Raw, where both show skin, away from its borders: a renderer has no slider."""
        inside = np.stack([erode(one) for one in self.skin & truth.skin])
        return {
            "relit_db": psnr_db(self.pictures, truth.pictures, inside),
            "relit_ssim": ssim(self.pictures, truth.pictures, inside),
        }


def relit_truth(folder: Path) -> Relit:
    """The true head of the case in `folder`, rendered there unless it was before.

    Raises EnvironmentProblem as `render_capture` does.
    """
    case = json.loads((folder / "spec.json").read_text("utf-8"))
    return _relit(folder, {name: case[name] for name in ("head", "skin", "subdivision")}, case, {})


def relit_method(
    folder: Path, scratch: Path, staged: Staged, views: TrueViews, maps: TextureSet
) -> Relit:
    """The fitted head where the true one stands, at rest, in the maps; `scratch`: for files."""
    template, neutral = staged.template, staged.fit.neutral_m.astype(np.float64)
    write_arrays(
        scratch / "shape.npz",
        vertices_m=views.true_from_fitted(neutral).astype(np.float32),
        shape_deltas_m=np.zeros_like(template.shape_deltas_m),
        corrective_deltas_m=np.zeros_like(template.corrective_deltas_m),
    )
    write_texture_set(scratch, maps)
    person = {
        "head": {"shape": "shape.npz", "iris_linear": maps.iris_linear.tolist()},
        "skin": {name: f"{name}.png" for name in MAPS if (scratch / f"{name}.png").is_file()},
        "subdivision": 2,
    }
    case = json.loads((folder / "spec.json").read_text("utf-8"))
    strengths = {
        room: float(read_arrays(_renders(folder, room) / "cameras.npz")["strength"])
        for room in ROOMS
    }
    return _relit(scratch, person, case, strengths)


def _relit(
    folder: Path, person: dict[str, object], case: dict, strengths: dict[str, float]
) -> Relit:
    """The rooms at once: half of the time Blender builds the head on one core."""

    def render(room: str) -> Path:
        rotation_deg, yaw_deg = ROOMS[room]
        light = {"hdri": room, "rotation_deg": rotation_deg}
        if room in strengths:
            light["strength"] = strengths[room]
        camera = case["camera"]
        spec = {
            **person,
            "light": light,
            "path": {"kind": "camera_moves", "views": 1, "yaw_pitch_deg": [[yaw_deg, 0.0]]},
            "camera": {
                "size_px": [round(RESOLUTION_SCALE * edge) for edge in camera["size_px"]],
                "focal_px": RESOLUTION_SCALE * camera["focal_px"],
                "distance_m": camera["distance_m"],
                "aim_m": AIM_M,
            },
            "samples": SAMPLES,
            "seed": SEED,
        }
        write_json(folder / f"relit_{room}.json", spec)
        render_capture(folder / f"relit_{room}.json", _renders(folder, room), Silent())
        return _renders(folder, room)

    with ThreadPoolExecutor(len(ROOMS)) as pool:
        renders = list(pool.map(render, ROOMS))
    pictures = [read_rgb(r / "frames" / "frame_000000.png") for r in renders]
    parts = [read_arrays(r / "truth" / "frame_000000.npz")["part"] for r in renders]
    return Relit(np.stack(pictures), np.stack(parts) == SKIN_PART)


def _renders(folder: Path, room: str) -> Path:
    return folder / f"relit_{room}"
