"""What learns in; steps, with their logs, checkpoints and sheets, out."""

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
    steps: int
    log_every: int
    keep_every: int
    sheet_every: int


@dataclass(frozen=True, eq=False)
class Loop:
    """`keep` writes a checkpoint and `sheet` pictures, after so many steps; the latter tells the
    figures to log. `stop_at_s` is of time.monotonic(). Of several processes the main one writes."""

    accelerator: Accelerator
    keep: Callable[[int], None]
    sheet: Callable[[int], dict[str, float]]
    log: TrainingLog
    progress: Progress
    stop_at_s: float | None = None

    def run(self, learner: Learner, pace: Schedule, done: int) -> bool:
        """From step `done` to the last; False where the time was up before."""
        started, logged = time.monotonic(), done
        writes = self.accelerator.is_main_process
        for number in range(done, pace.steps):
            found = learner.step(number)
            step = number + 1
            ends = step == pace.steps
            late = self.stop_at_s is not None and time.monotonic() > self.stop_at_s
            late = any_process(self.accelerator, late)
            if writes and (step % pace.log_every == 0 or ends):
                took = (time.monotonic() - started) / (step - logged)
                self.log.write(learner.name, step, {"seconds_a_step": took} | found)
                started, logged = time.monotonic(), step
                told = " ".join(f"{k} {v:.3f}" for k, v in list(found.items())[:3])
                self.progress(step, pace.steps, f"{learner.name}: {told}")
            if writes and (step % pace.keep_every == 0 or ends or late):
                self.keep(step)
            if writes and (step % pace.sheet_every == 0 or ends):
                self.log.write(learner.name, step, self.sheet(step))
            if late and not ends:
                return False
        return True
