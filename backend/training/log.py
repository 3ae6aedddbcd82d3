"""A training's figures in; a line of JSON every so many steps, and TensorBoard's events, out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

LOG, EVENTS = "log.jsonl", "tensorboard"


@dataclass(frozen=True)
class TrainingLog:
    """In the folder of a training, which need not be there yet; `tensorboard --logdir` shows it."""

    folder: Path

    def write(self, phase: str, step: int, values: dict[str, float]) -> None:
        if not values:
            return
        line = {"phase": phase, "step": step} | {k: round(v, 6) for k, v in values.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        for name, value in values.items():
            self._events.add_scalar(f"{phase}/{name}", value, step)
        self._events.flush()

    @cached_property
    def _events(self) -> SummaryWriter:
        return SummaryWriter(str(self.folder / EVENTS))
