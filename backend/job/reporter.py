"""Reports to the asking side how a job goes: stages and progress out, the cancel file in.

Measures seconds and peak memory of each stage on the way.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from studio_avatar_addon.avatar.errors import JobCancelled
from studio_avatar_addon.avatar.job import CANCEL_FILE, Stage, StageProgress, Warned
from studio_avatar_addon.avatar.types import Finding

from .event_log import EventLog

EVENT_INTERVAL_S = 0.1  # a bar moves smoothly, and the events' file stays small
MEMORY_INTERVAL_S = 0.05  # between samples: seldom enough to cost nothing, often enough for peaks


@dataclass(frozen=True)
class StageCost:
    stage: str
    seconds: float
    peak_bytes: int  # resident memory of the process
    skipped: bool


class Reporter:
    """The pipeline's `Progress`: one stage at a time."""

    def __init__(self, job: Path, events: EventLog, stage_count: int) -> None:
        self.cancel_file = job / CANCEL_FILE
        self._events = events
        self._count = stage_count
        self._memory = MemoryMeter()
        self._index = -1
        self._began = 0.0
        self._last_event = 0.0
        self.stage = ""
        self.costs: list[StageCost] = []
        self.findings: list[Finding] = []

    def begin(self, stage: str, message: str = "") -> None:
        self.stage, self._index = stage, self._index + 1
        self._began = time.monotonic()
        self._memory.restart()
        self._events.write(Stage(stage, self._index, self._count, message))
        self.check_cancelled()

    def end(self, *, skipped: bool = False) -> None:
        seconds = time.monotonic() - self._began
        self.costs.append(StageCost(self.stage, seconds, self._memory.peak_bytes, skipped))
        self.check_cancelled()

    def __call__(self, done: float, total: float, message: str = "") -> None:
        self.check_cancelled()
        now = time.monotonic()
        if now - self._last_event < EVENT_INTERVAL_S:
            return
        self._last_event = now
        elapsed = now - self._began
        eta = round(elapsed * (total - done) / done, 1) if done > 0 and elapsed > 1.0 else None
        self._events.write(StageProgress(self.stage, done, total, message, eta))

    def warn(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)
            self._events.write(Warned(finding.code, finding.message))

    def check_cancelled(self) -> None:
        if self.cancel_file.exists():
            raise JobCancelled

    def close(self) -> None:
        self._memory.stop()


class MemoryMeter:
    """Peak resident memory of this process since `restart`, sampled from a thread."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._process = psutil.Process()
        self._stopped = threading.Event()
        threading.Thread(target=self._sample, daemon=True).start()

    def restart(self) -> None:
        self.peak_bytes = self._process.memory_info().rss

    def stop(self) -> None:
        self._stopped.set()

    def _sample(self) -> None:
        while not self._stopped.wait(MEMORY_INTERVAL_S):
            self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)
