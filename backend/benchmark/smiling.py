"""Nothing in; heads of our template that look and then smile into a camera in Blender's rooms out.

Only their light is of interest: two pictures each, of every skin type in every room.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Progress

from ..atlas import atlas_table
from ..filming import film, studio_fingerprint
from ..stage_store import fingerprint
from ..training.corpus.anatomy import Anatomy
from ..training.corpus.bank import corpus_version
from ..training.corpus.painter import paint
from ..training.corpus.person import TYPES, draw_person
from ..training.corpus.skin_maps import skin_maps, write_maps
from .capture_cases import drawn_identity

ROOMS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
CASES = 24  # each type meets four rooms, each room three types
FIRST_SEED, TURN_DEG = 96, 100.0  # a multiple of TYPES, among persons that are nobody's training
TEXELS, SAMPLES = 1024, 16
SIZE_PX, FOCAL_PX, DISTANCE_M = (432, 768), 720.0, 0.48
LOOKS, SMILES = 0, 1  # the two views
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


def filmed_smile(case: SmileCase, template: HeadTemplate, cache: Path, progress: Progress) -> Path:
    """The folder of the case's renders as `capture_studio` tells, in `cache`; made unless there.

    Raises EnvironmentProblem as `film` does.
    """
    made_by = SIZE_PX, FOCAL_PX, DISTANCE_M, SAMPLES, TEXELS, SMILE, case.room, case.turn_deg
    mark = fingerprint(made_by, template.sha256, corpus_version(), studio_fingerprint())
    work = cache / f"smile-{case.room}-{case.seed}-{mark}"
    spec = work / "spec.json"
    if not spec.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_json(spec, _spec(case, template, work))
    film(spec, work / "capture", progress)
    return work / "capture"


def _spec(case: SmileCase, template: HeadTemplate, work: Path) -> dict[str, object]:
    identity = drawn_identity(template, case.seed)
    anatomy = Anatomy(atlas_table(template, TEXELS), template.neutral_m(identity))
    skin = paint(draw_person(case.seed), anatomy, torch.device("cpu"))
    weights = np.zeros((2, len(SHAPE_INDEX)), np.float32)
    for name, weight in SMILE.items():
        weights[SMILES, SHAPE_INDEX[name]] = weight
    write_arrays(work / "acting.npz", weights=weights)
    return {
        "head": {
            "identity": identity.tolist(),
            "iris_linear": skin.iris_linear,
            "expression": "acting.npz",
        },
        "skin": write_maps(skin_maps(skin, anatomy), work),
        "light": {"hdri": case.room, "rotation_deg": case.turn_deg},
        "path": {"kind": "camera_moves", "views": 2, "yaw_pitch_deg": [[-4.0, 0.0], [4.0, 0.0]]},
        "camera": {"size_px": SIZE_PX, "focal_px": FOCAL_PX, "distance_m": DISTANCE_M},
        "samples": SAMPLES,
        "seed": case.seed,
        "subdivision": 2,
    }
