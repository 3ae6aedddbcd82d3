"""Nothing in, the shipped sample out: a clip of a made-up person, filmed in Cycles, and its truth.

sample.mp4              what a phone would have filmed
truth.npz               template, identity, neutral_m, camera_from_head (T, 4, 4), the camera,
                        time_s, yaw_pitch_rad, weights (T, 52), gaze_rad, iris_linear, moles
truth_base_color.jpg    the painted skin without light, 512 texels
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import Finding, Progress

from ...atlas.texel_map import texel_map
from ...imaging.image_files import write_jpeg
from ...template.personalize import personalize_blendshapes
from ..corpus.anatomy import Anatomy
from ..corpus.painter import StudioTexture, paint
from ..corpus.person import draw_person
from ..corpus.person_sheets import texture_srgb
from ..corpus.skin_maps import skin_maps, write_maps
from ..render_capture import render_capture
from .encode_clip import encode_clip
from .script import PATH_DEG, act, identity_of

CLIP_FILE, TRUTH_FILE, COLOR_FILE = "sample.mp4", "truth.npz", "truth_base_color.jpg"
SEED = 44  # a person of the corpus that no training sees
TRUTH_TEXELS = 512


@dataclass(frozen=True)
class CaptureSettings:
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


@dataclass(frozen=True)
class _Share:
    """A stretch of a longer job's progress, from `start` to `end` of it."""

    whole: Progress
    start: float
    end: float

    def __call__(self, done: float, total: float, message: str = "") -> None:
        self.whole(self.start + (self.end - self.start) * done / total, 1, message)

    def warn(self, finding: Finding) -> None:
        self.whole.warn(finding)


def make_sample(out: Path, progress: Progress, settings: CaptureSettings | None = None) -> Path:
    """Make the sample in the folder `out` and return the clip's path.

    Takes some 20 minutes of two cores; interrupted, it goes on where it stopped. Raises
    EnvironmentProblem where Blender's package is missing or the rendering fails.
    """
    settings = settings or CaptureSettings()
    template = load_template()
    work = Path(tempfile.gettempdir()) / f"studio_avatar_sample-{template.sha256[:12]}"
    identity = identity_of(template)
    progress(0, 1, "painting the skin")
    work.mkdir(parents=True, exist_ok=True)
    anatomy = Anatomy(texel_map(template, settings.texels), template.neutral_m(identity))
    skin = paint(draw_person(SEED), anatomy, torch.device("cpu"))
    maps = write_maps(skin_maps(skin, anatomy), work)
    spec = _write_spec(work, template, identity, skin, maps, settings)
    render_capture(spec, work / "capture", _Share(progress, 0.1, 0.99))
    progress(0.99, 1, "encoding")
    frames = sorted((work / "capture" / "frames").glob("frame_*.png"))
    clip = encode_clip(frames, settings.fps, out / CLIP_FILE, SEED)
    _write_truth(out, template, skin, work / "capture")
    progress(1, 1, "sample made")
    return clip


def _write_spec(
    work: Path,
    template: HeadTemplate,
    identity: np.ndarray,
    skin: StudioTexture,
    maps: dict[str, str],
    settings: CaptureSettings,
) -> Path:
    """The capture's spec, with the files it names, in `work`; `maps`: the skin's files there."""
    acting = act(settings.views, settings.fps)
    neutral = template.neutral_m(identity)
    eyes = template.eye_centres_m(neutral)
    shapes = personalize_blendshapes(template, neutral, eyes, template.eye_radius_m)
    write_arrays(
        work / "head.npz",
        vertices_m=neutral,
        shape_deltas_m=shapes.deltas_m,
        corrective_deltas_m=shapes.corrective_deltas_m,
    )
    write_arrays(work / "acting.npz", weights=acting.weights, gaze_rad=acting.gaze_rad)
    spec = {
        "head": {
            "template": template.name,
            "identity": identity.tolist(),
            "shape": "head.npz",
            "iris_linear": skin.iris_linear,
            "expression": "acting.npz",
        },
        "skin": maps,
        "light": {"hdri": settings.hdri, "rotation_deg": settings.rotation_deg},
        "path": {
            "kind": "head_turns",
            "views": settings.views,
            "fps": settings.fps,
            "yaw_pitch_deg": PATH_DEG,
        },
        "camera": {
            "size_px": settings.size_px,
            "focal_px": settings.focal_px,
            "distance_m": settings.distance_m,
        },
        "samples": settings.samples,
        "seed": SEED,
        "subdivision": 2,
    }
    write_json(work / "filming.json", asdict(settings))
    write_json(work / "spec.json", spec)
    return work / "spec.json"


def _write_truth(out: Path, template: HeadTemplate, skin: StudioTexture, capture: Path) -> None:
    stored = read_arrays(capture / "cameras.npz")
    write_arrays(
        out / TRUTH_FILE,
        template=np.array(template.name),
        template_sha256=np.array(template.sha256),
        mole_position_m=skin.moles.position_m,
        mole_radius_m=skin.moles.radius_m,
        **stored,
    )
    pixels = texture_srgb(skin)
    small = cv2.resize(pixels, (TRUTH_TEXELS, TRUTH_TEXELS), interpolation=cv2.INTER_AREA)
    write_jpeg(out / COLOR_FILE, small, 94)
