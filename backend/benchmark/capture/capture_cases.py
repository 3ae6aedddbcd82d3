"""Nothing in, the benchmark's simulated captures out: each a folder that `capture_studio` rendered.

Half show heads of our template, with identities that no prior of the fit was told and skins of the
corpus that no training saw; half persons of the reference head, whose shape our template does not
span, in real skins withheld from every training. All keep still, so that what a fit gets wrong is
the fit's. Rendered once into the user's cache and found there again; interrupted, they go on where
they stopped.
"""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray, Progress

from ...atlas.texel_map import texel_map
from ...imaging.image_files import write_png
from ...store.source_fingerprint import source_fingerprint
from ...store.stage_cache import fingerprint
from ...synthetic.corpus.anatomy import Anatomy
from ...synthetic.corpus.painter import StudioTexture, paint
from ...synthetic.corpus.person import TYPES, draw_person
from ...synthetic.corpus.skin_maps import skin_maps, write_maps
from ...synthetic.render_capture import render_capture, studio_fingerprint
from ..head.reference import load_reference
from ..head.wrap import cached_wrap
from .capture_truth import CaptureTruth, read_truth
from .foreign_head import foreign_skin, load_foreign_mesh, write_reference_person
from .real_skin import make_withheld_skin

TEMPLATE, REFERENCE = "template", "ict"
# Soft indoor light, a low sun from the side, a coloured evening: Blender's own, and their turn.
LIGHTS = {"soft": ("interior", 0.0), "sun": ("sunrise", 90.0), "coloured": ("night", 120.0)}
MOTIONS = {"camera": "camera_moves", "head": "head_turns"}
FOCAL_RATIOS = (0.85, 1.05, 1.3, 0.95, 1.5)  # over the longer side, case by case
FACE_SHARE = 0.36  # of the picture's longer side that .2 m of head take up
TEXELS = 2048
IDENTITY_BOUND = 1.6  # standard deviations
# What a capture's folder holds beside what was rendered: its skin in our atlas, whichever head wore
# it, and the moles of a painted person.
ATLAS_COLOR_FILE, MOLES_FILE, RENDERS_FOLDER = "atlas_color.png", "moles.npz", "capture"


@dataclass(frozen=True)
class CaptureFilming:
    """How a head is filmed: by default as the fit's benchmark wants it."""

    views: int = 20
    size_px: tuple[int, int] = (432, 768)
    samples: int = 4
    # From ear to ear, now from above, now from below: some 6 degrees from view to view.
    yaw_pitch_deg: tuple[tuple[float, float], ...] = (
        (-55.0, 0.0), (-28.0, 12.0), (0.0, 0.0), (28.0, -12.0), (55.0, 0.0),
    )  # fmt: skip

    def focal_px(self, case: CaptureCase) -> float:
        return FOCAL_RATIOS[case.seed % len(FOCAL_RATIOS)] * max(self.size_px)


@dataclass(frozen=True)
class CaptureCase:
    """One capture: whose head, which light, what moves, which seed."""

    head: str  # TEMPLATE or REFERENCE
    light: str  # one of LIGHTS
    moving: str  # one of KINDS
    seed: int

    @property
    def name(self) -> str:
        return f"{self.head}-{self.light}-{self.moving}-{self.seed}"

    @property
    def skin_type(self) -> int:
        """0 to 5: Fitzpatrick I to VI."""
        return self.seed % TYPES


def all_cases() -> tuple[CaptureCase, ...]:
    """Twelve; the first six are a fair half: each head, light and way of moving alike often."""
    moves = tuple(MOTIONS)
    order = product(range(len(moves)), enumerate(LIGHTS), enumerate((TEMPLATE, REFERENCE)))
    return tuple(
        CaptureCase(head, light, moves[(first + i + j) % len(moves)], seed)
        for seed, (first, (i, light), (j, head)) in enumerate(order)
    )


class CaptureCache:
    """Where captures lie, and how one comes there."""

    def __init__(
        self,
        folder: Path,
        template: HeadTemplate,
        heads: Path,
        filming: CaptureFilming | None = None,
    ) -> None:
        """`heads`: the folder of the reference heads, beside that of the real skins."""
        self._folder, self._template, self._heads = folder, template, heads
        self._filming = filming or CaptureFilming()
        made_by = (LIGHTS, FOCAL_RATIOS, FACE_SHARE, TEXELS, astuple(self._filming))
        versions = template.sha256, studio_fingerprint(), source_fingerprint(__name__)
        self.mark = fingerprint(*made_by, *versions)

    def folder(self, case: CaptureCase) -> Path:
        """Where the case lies or will lie."""
        return self._folder / f"{case.name}-{self.mark}"

    def rendered(self, case: CaptureCase, progress: Progress) -> CaptureTruth:
        """The case's capture, rendered if it is not there yet: some four minutes of two cores.

        Raises ReferenceMissing or CorpusError where its head or skin is absent, EnvironmentProblem
        as `render_capture` does.
        """
        work = self.folder(case)
        spec = work / "spec.json"
        if not spec.is_file():
            head, maps = self._write_head_and_skin(case, work)
            write_json(spec, self._spec(case, head, maps))
        render_capture(spec, work / RENDERS_FOLDER, progress)
        return read_truth(work / RENDERS_FOLDER / "cameras.npz", self._template)

    def _write_head_and_skin(
        self, case: CaptureCase, work: Path
    ) -> tuple[dict[str, object], dict[str, str]]:
        """The spec's head and skin, their files written."""
        work.mkdir(parents=True, exist_ok=True)
        template = self._template
        if case.head == TEMPLATE:
            identity, skin, maps = paint_random_head(template, case.seed, TEXELS)
            write_arrays(work / MOLES_FILE, **asdict(skin.moles))
            write_png(work / ATLAS_COLOR_FILE, maps["base_color"])
            head = {"identity": identity.tolist(), "iris_linear": skin.iris_linear}
            return head, write_maps(maps, work)
        reference, mesh = load_reference(self._heads), load_foreign_mesh(self._heads)
        wrap = cached_wrap(template, reference)
        write_reference_person(
            work / "head.npz", reference, mesh, wrap.head_from_reference, case.seed
        )
        anatomy = Anatomy(texel_map(template, TEXELS), template.vertices_m)
        skin = make_withheld_skin(self._heads.parent, anatomy, case.skin_type, case.seed)
        maps = skin_maps(skin, anatomy)
        write_png(work / ATLAS_COLOR_FILE, maps["base_color"])
        maps = foreign_skin(template, reference, mesh, wrap, TEXELS).transfer(maps)
        head = {"mesh": "head.npz", "iris_linear": skin.iris_linear}
        return head, write_maps(maps, work)

    def _spec(
        self, case: CaptureCase, head: dict[str, object], maps: dict[str, str]
    ) -> dict[str, object]:
        hdri, rotation_deg = LIGHTS[case.light]
        filming = self._filming
        focal_px = filming.focal_px(case)
        return {
            "head": head,
            "skin": maps,
            "light": {"hdri": hdri, "rotation_deg": rotation_deg},
            "path": {
                "kind": MOTIONS[case.moving],
                "views": filming.views,
                "yaw_pitch_deg": filming.yaw_pitch_deg,
            },
            "camera": {
                "size_px": filming.size_px,
                "focal_px": focal_px,
                "distance_m": 0.2 * focal_px / (FACE_SHARE * max(filming.size_px)),
            },
            "samples": filming.samples,
            "seed": case.seed,
            "subdivision": 2 if case.head == TEMPLATE else 1,
        }


def paint_random_head(
    template: HeadTemplate, seed: int, texels: int
) -> tuple[FloatArray, StudioTexture, dict[str, NDArray[np.uint8]]]:
    """Another person for each seed: identity (P,), skin, and its maps for Blender."""
    identity = sample_identity(template, seed)
    anatomy = Anatomy(texel_map(template, texels), template.neutral_m(identity))
    skin = paint(draw_person(seed), anatomy, torch.device("cpu"))
    return identity, skin, skin_maps(skin, anatomy)


def sample_identity(template: HeadTemplate, seed: int) -> FloatArray:
    """(P,) standard deviations: another person for each seed."""
    drawn = np.random.default_rng(seed).standard_normal(len(template.identity_names))
    return np.clip(drawn, -IDENTITY_BOUND, IDENTITY_BOUND)
