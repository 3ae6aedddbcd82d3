"""`python -m backend train labels`: rendered people who wear hair in, the label network out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.files import sha256_file, write_json
from studio_avatar_addon.avatar.labels import LABEL_NAMES
from studio_avatar_addon.avatar.template import load_template

from ...detector.person_network import PersonNetwork
from ...job.terminal import TerminalProgress
from ...stages.tracking.labels.head_window import WindowFinder
from ...stages.tracking.labels.label_network import WEIGHTS, LabelNetwork
from ...stages.tracking.labels.perceptron import train_perceptron
from ...synthetic.portraits.render_portraits import render_portraits
from .labelled_windows import windows_of_folder, windows_of_portraits
from .samples import draw_samples

SEED = 1  # of the portraits; the benchmark's have another
HIDDEN = (96, 96)
BATCH, RATE, DECAY, INPUT_NOISE, DROPOUT = 1024, 2e-3, 1e-3, 0.1, 0.15


@dataclass(frozen=True)
class Preset:
    """How long the training takes."""

    portraits: int
    repaints: int  # of each portrait; a studio's frames, which are few, STUDIO_REPAINTS
    steps: int


PRESETS = {"cpu": Preset(152, 4, 6000), "workstation": Preset(4000, 4, 20000)}
STUDIO_REPAINTS = 25
# Few are bald, and all others teach that scalps are hair: those are repainted so much more often.
RARE_STYLES = {"none": 4, "rim": 3, "stubble": 3, "receding": 2}


def train_labels(
    preset_name: str, labels: Path | None, hdris: Path | None, cache: Path, out: Path | None
) -> Path:
    """Train the network and store it as `out`/weights.npz, else among the sources; returns that.

    `labels`: a studio's own labelled frames, to learn from beside the rendered people. Rendering
    takes half an hour of two cores, goes on where it was interrupted, and is kept in `cache`.
    """
    preset, progress = PRESETS[preset_name], TerminalProgress()
    finder, network = WindowFinder(load_template()), PersonNetwork()
    real = [] if labels is None else windows_of_folder(labels, finder)
    portraits = render_portraits(cache / "portraits", preset.portraits, SEED, hdris, progress)
    drawn = chain(
        (
            (window, preset.repaints * RARE_STYLES.get(portrait.facts["style"], 1))
            for portrait, window in windows_of_portraits(portraits, finder)
        ),
        ((window, STUDIO_REPAINTS) for window in real),
    )
    x, y = draw_samples(drawn, network, SEED)
    trained = train_network(x, y, preset.steps)
    path = WEIGHTS if out is None else out / WEIGHTS.name
    _store(trained, path, preset_name, len(portraits), len(real))
    return path


def train_network(x: NDArray[np.float16], y: NDArray[np.int64], steps: int) -> LabelNetwork:
    """From features (N, F) and labels (N,)."""
    return train_perceptron(
        x.astype(np.float32), y, HIDDEN, len(LABEL_NAMES), steps, BATCH, RATE, DECAY,
        INPUT_NOISE, DROPOUT,
    )  # fmt: skip


def _store(network: LabelNetwork, path: Path, preset: str, portraits: int, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = enumerate(zip(network.matrices, network.offsets, strict=True))
    arrays = {"mean": network.mean, "scale": network.scale}
    for number, (matrix, offset) in layers:
        arrays |= {f"matrix_{number}": matrix, f"offset_{number}": offset}
    write_arrays(path, **{name: value.astype(np.float16) for name, value in arrays.items()})
    write_json(
        path.with_suffix(".json"),
        {
            "sha256": sha256_file(path),
            "preset": preset,
            "portraits": portraits,
            "studio_frames": frames,
            "licence": "CC0-1.0",
        },
    )
