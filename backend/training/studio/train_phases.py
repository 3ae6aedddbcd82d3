"""A preset and what it draws from in; a trained network, or where the training stopped, out.

In the folder of a training:
checkpoint.json, checkpoint_*.safetensors   to go on from
log.jsonl, tensorboard/                     what it tells of itself
samples/<phase>_<step>.jpg                  to look at
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio_avatar_addon.avatar.types import Progress

from ...stages.studio_texture.networks import StudioNet
from ..checkpoint import Origin, ResumePoint, read_checkpoint, write_checkpoint
from ..log import TrainingLog
from ..loop import Loop, Schedule
from .phases import PHASE_OF, Phase, TrainingContext
from .studio_presets import PHASES
from .studio_sheets import write_prediction_sheet, write_sample_sheet

SAMPLES = "samples"


@dataclass(frozen=True, eq=False)
class Run:
    """One call of the command."""

    context: TrainingContext
    origin: Origin
    folder: Path
    progress: Progress
    stop_at_s: float | None = None  # of time.monotonic()


def train(run: Run, resume_point: ResumePoint | None) -> StudioNet | None:
    """From the start, or from where a checkpoint stands; None where the time was up before the
    end. Raises NotFinite with the step's number; the last checkpoint is kept then."""
    begin = PHASES.index(resume_point.phase) if resume_point else 0
    for name in PHASES[begin:]:
        phase = _phase(run, name, resume_point)
        done = resume_point.step if resume_point else 0
        resume_point = None
        if not _run(run, phase, done):
            return None
    return run.context.nets.result()


def _phase(run: Run, name: str, resume_point: ResumePoint | None) -> Phase:
    """Ready for its first step, or for the one after the checkpoint."""
    nets, preset = run.context.nets, run.context.preset
    first = sum(preset.steps(before) for before in PHASES[: PHASES.index(name)])
    if name == "studio" and resume_point is None:
        nets.start_studio()
    phase = PHASE_OF[name](run.context, first)
    if resume_point is not None:
        read_checkpoint(run.folder, resume_point, nets, phase)
    return phase


def _run(run: Run, phase: Phase, done: int) -> bool:
    """The phase from step `done` to its end; False where the time was up before."""
    preset = run.context.preset
    schedule = Schedule(
        preset.steps(phase.name), preset.log_every, preset.keep_every, preset.sheet_every
    )
    loop = Loop(
        run.context.accelerator,
        save_checkpoint=lambda step: write_checkpoint(
            run.folder, run.origin, run.context.nets, phase, step
        ),
        sheet=lambda step: _sheet(run, phase, step),
        log=TrainingLog(run.folder),
        progress=run.progress,
        stop_at_s=run.stop_at_s,
    )  # fmt: skip
    return loop.run(phase, schedule, done)


def _sheet(run: Run, phase: Phase, step: int) -> dict[str, float]:
    nets, path = run.context.nets, run.folder / SAMPLES / f"{phase.name}_{step:06d}.jpg"
    if phase.name == "phone":
        write_sample_sheet(path, nets.phone_mean, run.context.accelerator.device)
        return {}
    generator = nets.phone_mean if phase.name == "encoder" else nets.studio_mean
    net = StudioNet(generator.shape, nets.encoder_mean, generator)
    return write_prediction_sheet(path, net, run.context.sources)
