"""Nothing in, the shipped sample out: a clip of a made-up person, filmed in Cycles, and its truth.

sample.mp4              what a phone would have filmed
truth.npz               template, identity, neutral_m, camera_from_head (T, 4, 4), the camera,
                        time_s, yaw_pitch_rad, weights (T, 52), gaze_rad, iris_linear, moles
truth_base_color.jpg    the painted skin without light, 512 texels
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import whole_file, write_json
from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import Progress

from ..images import pixels_8bit, write_png
from .clip import encode_clip
from .organs import IRIS_LINEAR
from .script import PATH_DEG, act, identity_of
from .skin import SkinMaps, paint_skin

CLIP_FILE, TRUTH_FILE, COLOR_FILE = "sample.mp4", "truth.npz", "truth_base_color.jpg"
SEED = 7
TRUTH_TEXELS = 512
_STUDIO = "studio_avatar_addon.scene.capture_studio"
_CHECKOUT = Path(__file__).parents[2]
_PASS_SHARES = {"frames": (0.1, 0.8), "unlit": (0.9, 0.05), "truth": (0.95, 0.04)}


@dataclass(frozen=True)
class Filming:
    """How the sample is filmed."""

    size_px: tuple[int, int] = (432, 768)
    focal_px: float = 665.0
    distance_m: float = 0.42
    views: int = 42
    fps: float = 10.0
    samples: int = 4
    texels: int = 2048
    hdri: str = "courtyard"
    rotation_deg: float = 30.0


def make_sample(out: Path, progress: Progress, filming: Filming | None = None) -> Path:
    """Make the sample in the folder `out` and return the clip's path.

    Takes some 20 minutes of two cores; interrupted, it goes on where it stopped. Raises
    EnvironmentProblem where Blender's package is missing or the rendering fails.
    """
    filming = filming or Filming()
    template = load_template()
    work = Path(tempfile.gettempdir()) / f"studio_avatar_sample-{template.sha256[:12]}"
    identity = identity_of(template)
    progress(0, 1, "painting the skin")
    skin = paint_skin(template, template.neutral_m(identity), filming.texels, SEED)
    spec = _write_spec(work, template, identity, skin, filming)
    _film(spec, work / "capture", progress)
    progress(0.99, 1, "encoding")
    frames = sorted((work / "capture" / "frames").glob("frame_*.png"))
    clip = encode_clip(frames, filming.fps, out / CLIP_FILE, SEED)
    _write_truth(out, template, skin, work / "capture")
    progress(1, 1, "sample made")
    return clip


def _write_spec(
    work: Path, template: HeadTemplate, identity: np.ndarray, skin: SkinMaps, filming: Filming
) -> Path:
    """The capture's spec, with the files it names, in `work`."""
    write_png(work / "skin.png", pixels_8bit(skin.base_color_srgb))
    acting = act(filming.views, filming.fps)
    write_arrays(work / "acting.npz", weights=acting.weights, gaze_rad=acting.gaze_rad)
    spec = {
        "head": {
            "template": template.name,
            "identity": identity.tolist(),
            "iris_linear": IRIS_LINEAR.tolist(),
            "expression": "acting.npz",
        },
        "skin": "skin.png",
        "light": {"hdri": filming.hdri, "rotation_deg": filming.rotation_deg},
        "path": {
            "kind": "head_turns",
            "views": filming.views,
            "fps": filming.fps,
            "yaw_pitch_deg": PATH_DEG,
        },
        "camera": {
            "size_px": filming.size_px,
            "focal_px": filming.focal_px,
            "distance_m": filming.distance_m,
        },
        "samples": filming.samples,
        "seed": SEED,
        "subdivision": 2,
    }
    write_json(work / "filming.json", asdict(filming))
    write_json(work / "spec.json", spec)
    return work / "spec.json"


def _film(spec: Path, folder: Path, progress: Progress) -> None:
    """Render the spec in a process of its own, since the backend never loads Blender."""
    log = spec.with_name("capture.log")
    command = [sys.executable, "-m", _STUDIO, str(spec), str(folder)]
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, cwd=_CHECKOUT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                told = re.match(r"(\w+) (\d+)/(\d+)$", line)
                if told and told[1] in _PASS_SHARES:
                    start, share = _PASS_SHARES[told[1]]
                    done = start + share * int(told[2]) / int(told[3])
                    progress(done, 1, f"{told[1]} {told[2]} of {told[3]}")
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        lines = log.read_text("utf-8").strip().splitlines() or ["no message"]
        raise EnvironmentProblem(
            f"Blender could not film the sample: {lines[-1]}",
            f"Install the bpy package of requirements.lock; the whole log is {log}.",
        )


def _write_truth(out: Path, template: HeadTemplate, skin: SkinMaps, capture: Path) -> None:
    stored = read_arrays(capture / "cameras.npz")
    write_arrays(
        out / TRUTH_FILE,
        template=np.array(template.name),
        template_sha256=np.array(template.sha256),
        mole_position_m=skin.moles.position_m,
        mole_radius_m=skin.moles.radius_m,
        **stored,
    )
    pixels = pixels_8bit(skin.base_color_srgb)
    small = cv2.resize(pixels, (TRUTH_TEXELS, TRUTH_TEXELS), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 94])
    with whole_file(out / COLOR_FILE) as partial:
        partial.write_bytes(encoded.tobytes())
