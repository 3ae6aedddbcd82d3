"""A preset and what it draws from in; a trained network, or where the training stopped, out.

In the folder of a training:
checkpoint.json, checkpoint_*.safetensors   to go on from
log.jsonl                                   a line every so many steps
samples/<phase>_<step>.jpg                  to look at
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from studio_avatar_addon.avatar.types import Progress

from ...studio.networks import StudioNet
from ..checkpoint import Origin, Standing, read_checkpoint, write_checkpoint
from .phases import PHASE_OF, Phase, Setting
from .presets import PHASES
from .sheets import write_answers, write_drawn

LOG, SAMPLES = "log.jsonl", "samples"


@dataclass(frozen=True, eq=False)
class Run:
    """One call of the command."""

    setting: Setting
    origin: Origin
    folder: Path
    progress: Progress
    stop_at_s: float | None = None  # of time.monotonic()


def train(run: Run, standing: Standing | None) -> StudioNet | None:
    """From the start, or from where a checkpoint stands; None where the time was up before the
    end. Raises NotFinite with the step's number; the last checkpoint is kept then."""
    begin = PHASES.index(standing.phase) if standing else 0
    for name in PHASES[begin:]:
        phase = _phase(run, name, standing)
        done = standing.step if standing else 0
        standing = None
        if not _run(run, phase, done):
            return None
    return run.setting.nets.result()


def _phase(run: Run, name: str, standing: Standing | None) -> Phase:
    """Ready for its first step, or for the one after the checkpoint."""
    nets, preset = run.setting.nets, run.setting.preset
    first = sum(preset.steps(before) for before in PHASES[: PHASES.index(name)])
    if name == "studio" and standing is None:
        nets.start_studio()
    phase = PHASE_OF[name](run.setting, first)
    if standing is not None:
        read_checkpoint(run.folder, standing, nets, phase)
    return phase


def _run(run: Run, phase: Phase, done: int) -> bool:
    """The phase from step `done` to its end; False where the time was up before."""
    preset, started, logged = run.setting.preset, time.monotonic(), done
    steps = preset.steps(phase.name)
    for number in range(done, steps):
        found = phase.step(number)
        step = number + 1
        ends = step == steps
        late = run.stop_at_s is not None and time.monotonic() > run.stop_at_s
        if step % preset.log_every == 0 or ends:
            took = (time.monotonic() - started) / (step - logged)
            _log(run, phase, step, {"seconds_a_step": round(took, 4)} | found)
            started, logged = time.monotonic(), step
            told = " ".join(f"{k} {v:.3f}" for k, v in list(found.items())[:3])
            run.progress(step, steps, f"{phase.name}: {told}")
        if step % preset.keep_every == 0 or ends or late:
            write_checkpoint(run.folder, run.origin, run.setting.nets, phase, step)
        if step % preset.sheet_every == 0 or ends:
            _log(run, phase, step, _sheet(run, phase, step))
        if late and not ends:
            return False
    return True


def _sheet(run: Run, phase: Phase, step: int) -> dict[str, float]:
    nets, path = run.setting.nets, run.folder / SAMPLES / f"{phase.name}_{step:06d}.jpg"
    if phase.name == "phone":
        write_drawn(path, nets.phone_mean, run.setting.device)
        return {}
    generator = nets.phone_mean if phase.name == "encoder" else nets.studio_mean
    net = StudioNet(generator.shape, nets.encoder_mean, generator)
    return write_answers(path, net, run.setting.sources)


def _log(run: Run, phase: Phase, step: int, values: dict[str, float]) -> None:
    if not values:
        return
    line = {"phase": phase.name, "step": step} | {k: round(v, 6) for k, v in values.items()}
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
