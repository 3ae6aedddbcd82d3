"""A case in; somebody who looks and then smiles into a camera in one of Blender's rooms, out.

Only the light is of interest: two pictures each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Progress

from ...store.stage_cache import fingerprint
from ...synthetic.corpus.bank import corpus_version
from ...synthetic.corpus.person import TYPES
from ...synthetic.corpus.skin_maps import write_maps
from ...synthetic.render_capture import render_capture, studio_fingerprint
from ..capture.capture_cases import paint_random_head

ROOMS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
CASES = 24  # each type meets four rooms, each room three types
FIRST_SEED, TURN_DEG = 96, 100.0  # a multiple of TYPES, among persons that are nobody's training
# Only light is of interest, by medians over areas: coarser and noisier than the captures.
TEXELS, SAMPLES = 1024, 16
# Viewport and render subdivision of our own heads in all captures.
SUBDIVISION = 2
# A phone at arm's length: the face fills half of the height.
CAMERA = {"size_px": (432, 768), "focal_px": 720.0, "distance_m": 0.48}
# Two views almost from the front, so that teeth and both eyes show.
PATH = {"kind": "camera_moves", "views": 2, "yaw_pitch_deg": [[-4.0, 0.0], [4.0, 0.0]]}
NEUTRAL_VIEW, SMILE_VIEW = 0, 1  # the two views
SMILE = {
    "mouthSmileLeft": 0.35, "mouthSmileRight": 0.35, "mouthUpperUpLeft": 0.9,
    "mouthUpperUpRight": 0.9, "mouthLowerDownLeft": 0.5, "mouthLowerDownRight": 0.5,
    "jawOpen": 0.06,
}  # fmt: skip


@dataclass(frozen=True)
class SmileCase:
    """One person in one room."""

    number: int

    @property
    def seed(self) -> int:
        return FIRST_SEED + self.number

    @property
    def skin_type(self) -> int:
        """0 to 5: Fitzpatrick I to VI."""
        return self.seed % TYPES

    @property
    def room(self) -> str:
        return ROOMS[self.number % len(ROOMS)]

    @property
    def turn_deg(self) -> float:
        return TURN_DEG * self.number % 360.0


def render_smile(case: SmileCase, template: HeadTemplate, cache: Path, progress: Progress) -> Path:
    """The folder of the case's renders as `capture_studio` tells, in `cache`; made unless there.

    Raises EnvironmentProblem as `render_capture` does.
    """
    made_by = CAMERA, PATH, SAMPLES, TEXELS, SUBDIVISION, SMILE, case.room, case.turn_deg
    mark = fingerprint(made_by, template.sha256, corpus_version(), studio_fingerprint())
    work = cache / f"smile-{case.room}-{case.seed}-{mark}"
    spec = work / "spec.json"
    if not spec.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_json(spec, _spec(case, template, work))
    render_capture(spec, work / "capture", progress)
    return work / "capture"


def _spec(case: SmileCase, template: HeadTemplate, work: Path) -> dict[str, object]:
    """And the files that it names, in `work`."""
    identity, skin, maps = paint_random_head(template, case.seed, TEXELS)
    weights = np.zeros((2, len(SHAPE_INDEX)), np.float32)
    for name, weight in SMILE.items():
        weights[SMILE_VIEW, SHAPE_INDEX[name]] = weight
    write_arrays(work / "acting.npz", weights=weights)
    return {
        "head": {
            "identity": identity.tolist(),
            "iris_linear": skin.iris_linear,
            "expression": "acting.npz",
        },
        "skin": write_maps(maps, work),
        "light": {"hdri": case.room, "rotation_deg": case.turn_deg},
        "path": PATH,
        "camera": CAMERA,
        "samples": SAMPLES,
        "seed": case.seed,
        "subdivision": SUBDIVISION,
    }
