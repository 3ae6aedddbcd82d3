"""`python -m backend benchmark shapes`: the 52 shapes in, a table of their figures out.

Agreement with the reference's shapes, and what penetrates or crosses in single shapes, likely pairs
and a real recording, on the template and on random heads with their shapes made again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.live_link import read_live_link
from studio_avatar_addon.avatar.shapes import CORRECTIVES, SHAPE_INDEX, SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate, load_template, pose_vertices
from studio_avatar_addon.avatar.types import FloatArray

from ...geometry.fold_removal import remove_self_intersections
from ...template.mesh import HeadMesh, build_mesh
from ...template.personalize import personalize_blendshapes
from ...template.shapes import HeadShapes
from ..figures import Figure, Section, Target, as_json, as_table
from .contact_figures import Contact, contact_of
from .reference import DEFAULT_HEADS, load_reference
from .shape_agreement import agreement_figures, agreements
from .wrap import cached_wrap

# More heads find rarer contacts; each costs its shapes made again and some 300 poses.
RANDOM_HEADS = 5
# Any: the same heads in every run.
HEAD_SEED = 3
# Half-way as well: lids that meet at 1 may cut the eye on their way.
STRENGTHS = (0.5, 1.0)
RECORDING = Path("performance") / "livelinkface_rom.csv"
# Of a few thousand, enough to meet every expression of the recording.
RECORDED_FRAMES = 200
DEPTH_TARGET = Target(0.5)  # mm
# Alone it is meant to overlap: it undoes an open jaw.
NOT_ALONE = ("mouthClose",)
LIKELY_PAIRS = (
    *CORRECTIVES,
    *(("jawOpen", name) for name in ("tongueOut", "mouthStretchLeft", "mouthLowerDownLeft",
      "mouthUpperUpRight", "jawLeft", "browInnerUp", "mouthFrownLeft", "mouthRollLower")),
    ("mouthSmileLeft", "mouthSmileRight"), ("mouthFrownLeft", "mouthFrownRight"),
    ("mouthSmileLeft", "cheekSquintLeft"), ("mouthSmileRight", "mouthUpperUpRight"),
    ("mouthPucker", "mouthFunnel"), ("mouthPucker", "mouthLeft"), ("mouthFrownLeft",
    "mouthShrugLower"), ("mouthPressLeft", "mouthPressRight"), ("mouthDimpleLeft",
    "mouthSmileLeft"), ("mouthRollLower", "mouthRollUpper"), ("cheekPuff", "mouthPucker"),
)  # fmt: skip


@dataclass(frozen=True)
class _Subject:
    """A head with its shapes."""

    name: str
    head: HeadMesh
    shapes: HeadShapes

    def posed(self, template: HeadTemplate, weights: FloatArray) -> FloatArray:
        """Vertices (V, 3) with shape weights (52,)."""
        return pose_vertices(
            template, self.head.vertices_m, self.shapes.deltas_m,
            self.shapes.corrective_deltas_m, weights, np.zeros((2, 2)), self.head.eye_centre_m,
        )  # fmt: skip


def benchmark_shapes(heads: Path | None, out: Path | None) -> None:
    """Print the table, and write it to `out` as JSON.

    `heads`: the folder that holds ict_facekit, else DEFAULT_HEADS; the recording lies beside it.
    What needs neither is measured in any case; after that raises ReferenceMissing.
    """
    template = load_template()
    folder = heads or DEFAULT_HEADS
    sections: list[Section] = []
    failure = None
    started = time.monotonic()
    try:
        reference = load_reference(folder)
        wrap = cached_wrap(template, reference)
        figures = agreement_figures(agreements(template, reference, wrap))
        sections.append(Section("Agreement", time.monotonic() - started, tuple(figures)))
    except StudioAvatarError as error:
        failure = error
        sections.append(Section("Agreement", 0.0, (), error.problem))
    recording = folder.parent / RECORDING
    recorded = _recorded_frames(recording) if recording.is_file() else []
    for subject in _subjects(template):
        sections.append(_contact_section(template, subject, recorded))
    print(as_table(sections))
    if out is not None:
        write_json(out, {"template": template.sha256, "sections": as_json(sections)})
    if failure is not None:
        raise failure


def _subjects(template: HeadTemplate) -> Iterator[_Subject]:
    """The template, then random heads."""
    mean = build_mesh()
    own = HeadShapes(template.shape_deltas_m, template.corrective_deltas_m)
    yield _Subject("template", mean, own)
    random = np.random.default_rng(HEAD_SEED)
    for number in range(RANDOM_HEADS):
        drawn = template.neutral_m(template.random_identity(random)).astype(np.float64)
        neutral = remove_self_intersections(template, drawn).vertices_m
        eyes = template.eye_centres_m(neutral)
        head = replace(mean, vertices_m=neutral, eye_centre_m=eyes)
        shapes = personalize_blendshapes(template, neutral, eyes, template.eye_radius_m)
        yield _Subject(f"random head {number + 1}", head, shapes)


def _contact_section(
    template: HeadTemplate, subject: _Subject, recorded: list[FloatArray]
) -> Section:
    """Worst of each kind of pose, then every single shape that misses the target."""
    started = time.monotonic()
    singles = {
        f"{name} {strength:g}": _weights((name,), strength)
        for name in SHAPE_NAMES
        for strength in STRENGTHS
        if name not in NOT_ALONE
    }
    pairs = {" + ".join(pair): _weights(pair, 1.0) for pair in LIKELY_PAIRS}
    frames = {f"frame {number}": weights for number, weights in enumerate(recorded)}
    figures: list[Figure] = []
    for kind, poses in (("single shapes", singles), ("pairs", pairs), ("recording", frames)):
        contacts = {
            name: contact_of(subject.head, subject.posed(template, weights))
            for name, weights in poses.items()
        }
        if contacts:
            figures += _summary(kind, contacts)
    return Section(f"Contact, {subject.name}", time.monotonic() - started, tuple(figures))


def _summary(kind: str, contacts: dict[str, Contact]) -> list[Figure]:
    deepest = max(contacts, key=lambda name: contacts[name].worst_mm)
    crossed = max(contacts, key=lambda name: contacts[name].crossings)
    values = contacts.values()
    missing = sorted(
        (name for name in contacts if not DEPTH_TARGET.is_met(contacts[name].worst_mm)),
        key=lambda name: -contacts[name].worst_mm,
    )
    return [
        Figure(
            f"{kind}: lids in eyes",
            max(c.lids_in_eyes.worst_mm for c in values),
            "mm",
            DEPTH_TARGET,
        ),
        Figure(
            f"{kind}: lips in teeth",
            max(c.lips_in_teeth.worst_mm for c in values),
            "mm",
            DEPTH_TARGET,
        ),
        Figure(
            f"{kind}: lip in lip", max(c.lip_in_lip.worst_mm for c in values), "mm", DEPTH_TARGET
        ),
        Figure(f"{kind}: deepest is {deepest}", contacts[deepest].worst_mm, "mm"),
        Figure(f"{kind}: beyond {DEPTH_TARGET.limit:g} mm, of {len(contacts)}", len(missing), ""),
        Figure(
            f"{kind}: new crossings, mean", float(np.mean([c.crossings for c in values])), "pairs"
        ),
        Figure(f"{kind}: most crossings in {crossed}", contacts[crossed].crossings, "pairs"),
        *(
            Figure(f"  {name}", contacts[name].worst_mm, "mm", DEPTH_TARGET)
            for name in missing[:10]
        ),
    ]


def _weights(names: tuple[str, ...], strength: float) -> FloatArray:
    weights = np.zeros(len(SHAPE_NAMES))
    weights[[SHAPE_INDEX[name] for name in names]] = strength
    return weights


def _recorded_frames(path: Path) -> list[FloatArray]:
    """RECORDED_FRAMES evenly spread over a recording."""
    weights = read_live_link(path).weights
    chosen = np.linspace(0, len(weights) - 1, RECORDED_FRAMES).round().astype(int)
    return list(weights[chosen].astype(np.float64))
