"""A painted person in a light in; that person filmed there with irises of any colour, out.

Cornea and tear film mirror the room as Cycles renders them. Light that an iris gives is in
proportion to its albedo, so two renders, with black irises and with grey ones, hold all colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray, Progress

from ...atlas.texel_map import texel_map
from ...imaging.image_files import (
    linear_from_srgb,
    read_image_8bit,
    srgb_from_linear,
    unit_from_pixels,
)
from ...store.stage_cache import fingerprint
from ...synthetic.corpus.anatomy import Anatomy
from ...synthetic.corpus.bank import corpus_version
from ...synthetic.corpus.painter import paint
from ...synthetic.corpus.person import TYPES, draw_person
from ...synthetic.corpus.skin_maps import skin_maps, write_maps
from ...synthetic.render_capture import render_capture, studio_fingerprint
from ..capture.capture_cases import LIGHTS, sample_identity

BROWN, AMBER, GREEN, BLUE = "brown", "amber or hazel", "green", "blue or grey"


@dataclass(frozen=True)
class IrisColour:
    """Linear Rec.709 albedo, and the class that a glance puts it in."""

    name: str
    linear: tuple[float, float, float]
    hue: str


# None is an anchor of `iris_colour.IRIS_LINE`.
IRIS_COLOURS = (
    IrisColour("very dark brown", (0.020, 0.011, 0.007), BROWN),
    IrisColour("dark brown", (0.040, 0.021, 0.012), BROWN),
    IrisColour("brown", (0.080, 0.044, 0.021), BROWN),
    IrisColour("amber", (0.170, 0.096, 0.034), AMBER),
    IrisColour("hazel", (0.125, 0.092, 0.046), AMBER),
    IrisColour("green", (0.105, 0.120, 0.067), GREEN),
    IrisColour("grey", (0.140, 0.155, 0.165), BLUE),
    IrisColour("blue", (0.085, 0.130, 0.185), BLUE),
    IrisColour("light blue", (0.180, 0.245, 0.300), BLUE),
)
FIRST_SEED = 300  # a multiple of TYPES, among persons that are nobody's training
GREY = 0.3  # albedo of the brighter render's irises
TEXELS, SAMPLES, SUBDIVISION = 1024, 6, 2
FACE_PX = 350  # wide, as rendered
CAMERA = {"size_px": (440, 580), "focal_px": 1150.0, "distance_m": 0.48}
PATH = {"kind": "camera_moves", "views": 2, "yaw_pitch_deg": [[-9.0, 2.0], [9.0, -3.0]]}


@dataclass(frozen=True)
class EyeCase:
    """One person in one light."""

    number: int
    light: str  # one of LIGHTS
    skin_type: int  # 0 to 5: Fitzpatrick I to VI

    @property
    def seed(self) -> int:
        return FIRST_SEED + self.number * TYPES + self.skin_type

    @property
    def colours(self) -> tuple[IrisColour, ...]:
        """Those that eyes beside such skin have: on dark skin brown ones."""
        return tuple(c for c in IRIS_COLOURS if self.skin_type < 3 or c.hue == BROWN)


CASES = (
    EyeCase(0, "soft", 1),
    EyeCase(1, "sun", 2),
    EyeCase(2, "coloured", 0),
    EyeCase(3, "soft", 4),
    EyeCase(4, "sun", 3),
    EyeCase(5, "coloured", 5),
)


@dataclass(frozen=True)
class FilmedEyes:
    """A case's views with black irises, and what white ones add: linear (H, W, 3) each."""

    black: tuple[NDArray[np.float32], ...]
    gain: tuple[NDArray[np.float32], ...]

    @classmethod
    def rendered(
        cls, case: EyeCase, template: HeadTemplate, cache: Path, progress: Progress
    ) -> FilmedEyes:
        """Rendered into `cache` unless it is there. Raises EnvironmentProblem as
        `render_capture` does."""
        black, grey = (
            _pictures(_render(case, albedo, template, cache, progress)) for albedo in (0.0, GREY)
        )
        gain = [np.maximum(b - a, 0.0) / GREY for a, b in zip(black, grey, strict=True)]
        return cls(tuple(black), tuple(gain))

    def with_irises(self, linear: Sequence[float]) -> list[NDArray[np.uint8]]:
        """Each view (H, W, 3) in sRGB with irises of that albedo (3,)."""
        views = [
            black + gain * np.asarray(linear, np.float32)
            for black, gain in zip(self.black, self.gain, strict=True)
        ]
        return [np.rint(255 * srgb_from_linear(np.clip(v, 0, 1))).astype(np.uint8) for v in views]


def _pictures(folder: Path) -> list[FloatArray]:
    paths = sorted((folder / "frames").glob("*.png"))
    return [linear_from_srgb(unit_from_pixels(read_image_8bit(path)[..., :3])) for path in paths]


def _render(
    case: EyeCase, albedo: float, template: HeadTemplate, cache: Path, progress: Progress
) -> Path:
    made_by = CAMERA, PATH, SAMPLES, TEXELS, SUBDIVISION, albedo, LIGHTS[case.light]
    mark = fingerprint(made_by, template.sha256, corpus_version(), studio_fingerprint())
    work = cache / f"eyes-{case.light}-{case.seed}-{mark}"
    spec = work / "spec.json"
    if not spec.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_json(spec, _spec(case, (albedo, albedo, albedo), template, work))
    render_capture(spec, work / "capture", progress)
    return work / "capture"


def _spec(
    case: EyeCase, iris_linear: tuple[float, float, float], template: HeadTemplate, work: Path
) -> dict[str, object]:
    """And the files that it names, in `work`."""
    identity = sample_identity(template, case.seed)
    anatomy = Anatomy(texel_map(template, TEXELS), template.neutral_m(identity))
    person = replace(draw_person(case.seed), iris_linear=iris_linear)
    maps = skin_maps(paint(person, anatomy, torch.device("cpu")), anatomy)
    hdri, rotation_deg = LIGHTS[case.light]
    return {
        "head": {"identity": identity.tolist(), "iris_linear": iris_linear},
        "skin": write_maps(maps, work),
        "light": {"hdri": hdri, "rotation_deg": rotation_deg},
        "path": PATH,
        "camera": CAMERA,
        "samples": SAMPLES,
        "seed": case.seed,
        "subdivision": SUBDIVISION,
    }
