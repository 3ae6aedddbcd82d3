"""A learner in; steps, with their logs, checkpoints and sheets, out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from accelerate import Accelerator

from studio_avatar_addon.avatar.types import Progress

from .distributed import any_process
from .log import TrainingLog


class Learner(Protocol):
    @property
    def name(self) -> str: ...

    def step(self, number: int) -> dict[str, float]:
        """Learn from one batch; losses by name. Raises NotFinite with the step's number."""
        ...


@dataclass(frozen=True)
class Schedule:
    """Numbers of steps."""

    steps: int  # in all
    log_every: int
    keep_every: int  # between checkpoints
    sheet_every: int  # between sheets of pictures


@dataclass(frozen=True, eq=False)
class Loop:
    """`save_checkpoint` and `sheet` get the number of steps done; `sheet` returns figures to log.

    `stop_at_s` is of time.monotonic(). Of several processes the main one writes.
    """

    accelerator: Accelerator
    save_checkpoint: Callable[[int], None]
    sheet: Callable[[int], dict[str, float]]
    log: TrainingLog
    progress: Progress
    stop_at_s: float | None = None

    def run(self, learner: Learner, schedule: Schedule, done: int) -> bool:
        """From step `done` to the last; False where the time was up before."""
        started, logged = time.monotonic(), done
        writes = self.accelerator.is_main_process
        for number in range(done, schedule.steps):
            losses = learner.step(number)
            step = number + 1
            is_last = step == schedule.steps
            time_is_up = self.stop_at_s is not None and time.monotonic() > self.stop_at_s
            time_is_up = any_process(self.accelerator, time_is_up)
            if writes and (step % schedule.log_every == 0 or is_last):
                seconds = (time.monotonic() - started) / (step - logged)
                self.log.write(learner.name, step, {"seconds_a_step": seconds} | losses)
                started, logged = time.monotonic(), step
                summary = " ".join(f"{k} {v:.3f}" for k, v in list(losses.items())[:3])
                self.progress(step, schedule.steps, f"{learner.name}: {summary}")
            if writes and (step % schedule.keep_every == 0 or is_last or time_is_up):
                self.save_checkpoint(step)
            if writes and (step % schedule.sheet_every == 0 or is_last):
                self.log.write(learner.name, step, self.sheet(step))
            if time_is_up and not is_last:
                return False
        return True
