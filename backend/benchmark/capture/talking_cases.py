"""Nothing in, simulated clips of the same persons out: each keeps calm once and talks once.

Their heads leave the span of the template's identity, and their faces move otherwise than the
template's do: every shape has its own strength and some of another shape in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES, mirrored_shape
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray, Progress

from ...stages.fitting.freeform import smooth_modes
from ...stages.fitting.riggable_head import make_riggable
from ...store.source_fingerprint import source_fingerprint
from ...store.stage_cache import fingerprint
from ...synthetic.corpus.skin_maps import write_maps
from ...synthetic.render_capture import render_capture, studio_fingerprint
from .capture_cases import LIGHTS, RENDERS_FOLDER, paint_random_head
from .capture_truth import CaptureTruth, read_truth

CALM, TALKING = "calm", "talking"
# How far the head turns: as in a clip that goes round it, and as in a call.
TURNS = {
    "turning": ((0.0, 0.0), (-28.0, 4.0), (28.0, -4.0), (0.0, 0.0)),
    "still": ((0.0, 0.0), (-6.0, 2.0), (6.0, -2.0), (0.0, 0.0)),
}
SEEDS = (300, 301)
VIEWS, SIZE_PX, SAMPLES, TEXELS = 14, (360, 480), 4, 1024
FOCAL_PX, DISTANCE_M = 520.0, 0.5
# Free-form modes of the fit's kind that no identity parameter holds, and the strength of each.
MODES, MODE_SD = 12, 0.25
# Of a person's shapes: standard deviation of their strength, share of another shape in each.
STRENGTH_SD, CROSSTALK = 0.15, 0.1
# A calm face is never quite still; a talking one closes its lips for every third view or so.
CALM_SD, CLOSED_SHARE = 0.03, 0.3
SPEECH = {
    "jawOpen": 0.55, "mouthFunnel": 0.5, "mouthPucker": 0.6, "mouthStretchLeft": 0.4,
    "mouthSmileLeft": 0.6, "mouthLowerDownLeft": 0.6, "mouthUpperUpLeft": 0.5,
    "mouthShrugLower": 0.4, "mouthRollLower": 0.5, "browInnerUp": 0.5,
}  # fmt: skip


@dataclass(frozen=True)
class TalkingCase:
    seed: int
    turn: str  # one of TURNS
    manner: str  # CALM or TALKING

    @property
    def name(self) -> str:
        return f"{self.seed}-{self.turn}-{self.manner}"


def talking_cases() -> tuple[TalkingCase, ...]:
    """Calm and talking of the same person follow one another."""
    return tuple(TalkingCase(*one) for one in product(SEEDS, TURNS, (CALM, TALKING)))


def rendered_case(
    case: TalkingCase, folder: Path, template: HeadTemplate, progress: Progress
) -> CaptureTruth:
    """The case's capture, rendered into `folder` if it is not there yet: two minutes.

    Raises EnvironmentProblem as `render_capture` does.
    """
    made_by = (SIZE_PX, SAMPLES, TEXELS, TURNS, SPEECH, studio_fingerprint())
    mark = fingerprint(*made_by, template.sha256, source_fingerprint(__name__))
    work = folder / f"{case.name}-{mark}"
    spec = work / "spec.json"
    if not spec.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_json(spec, _spec(case, work, template))
    render_capture(spec, work / RENDERS_FOLDER, progress)
    return read_truth(work / RENDERS_FOLDER / "cameras.npz", template)


def _spec(case: TalkingCase, work: Path, template: HeadTemplate) -> dict[str, object]:
    identity, skin, maps = paint_random_head(template, case.seed, TEXELS)
    random = np.random.default_rng(case.seed)
    modes = smooth_modes(template.vertices_m.astype(np.float64), MODES)
    bent = template.neutral_m(identity) + modes @ random.normal(0.0, MODE_SD, modes.shape[2])
    head = make_riggable(template, bent, template.eye_centres_m(bent))
    write_arrays(
        work / "shape.npz",
        vertices_m=head.neutral_m.astype(np.float32),
        shape_deltas_m=_own_shapes(head.shape_deltas_m, random).astype(np.float32),
        corrective_deltas_m=head.corrective_deltas_m.astype(np.float32),
    )
    # The same seed for both manners but here.
    moving = np.random.default_rng([case.seed, (CALM, TALKING).index(case.manner)])
    write_arrays(work / "expression.npz", weights=_weights(case.manner, moving))
    hdri, rotation_deg = LIGHTS["soft"]
    return {
        "head": {
            "shape": "shape.npz", "expression": "expression.npz", "identity": identity.tolist(),
            "iris_linear": skin.iris_linear,
        },
        "skin": write_maps(maps, work),
        "light": {"hdri": hdri, "rotation_deg": rotation_deg},
        "path": {"kind": "head_turns", "views": VIEWS, "yaw_pitch_deg": TURNS[case.turn]},
        "camera": {"size_px": SIZE_PX, "focal_px": FOCAL_PX, "distance_m": DISTANCE_M},
        "samples": SAMPLES,
        "seed": case.seed,
    }  # fmt: skip


def _own_shapes(deltas_m: FloatArray, random: np.random.Generator) -> FloatArray:
    """(52, V, 3) of somebody who moves a little otherwise."""
    strength = np.exp(random.normal(0.0, STRENGTH_SD, len(deltas_m)))
    speech = [SHAPE_INDEX[name] for name in SPEECH]
    own = strength[:, None, None] * deltas_m
    for name in SPEECH:
        other = int(random.choice([index for index in speech if index != SHAPE_INDEX[name]]))
        own[SHAPE_INDEX[name]] += CROSSTALK * deltas_m[other]
    return own


def _weights(manner: str, random: np.random.Generator) -> FloatArray:
    """(VIEWS, 52)."""
    weights = np.zeros((VIEWS, len(SHAPE_NAMES)), np.float32)
    closed = random.random(VIEWS) < CLOSED_SHARE
    for name, most in SPEECH.items():
        drawn = np.abs(random.normal(0.0, CALM_SD, VIEWS))
        if manner == TALKING:
            # Few shapes are strong at a time.
            drawn = np.where(closed, drawn, most * random.random(VIEWS) ** 2)
        weights[:, SHAPE_INDEX[name]] = drawn
        weights[:, SHAPE_INDEX[mirrored_shape(name)]] = drawn
    return np.clip(weights, 0.0, 1.0)
