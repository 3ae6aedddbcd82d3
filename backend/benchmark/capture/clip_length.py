"""A clip, repeated until it lasts so long, in; what reading it costs out."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from studio_avatar_addon.avatar.types import QUALITY

from ...job.terminal import Silent
from ...stages.footage import read_footage
from .capture_run import peak_mb

# A usual clip, a long one, one that somebody forgot to stop: memory must not grow with length.
LENGTHS_S = (10, 60, 600)


@dataclass(frozen=True)
class Length:
    """A clip, and how many seconds its repetition is to last."""

    clip: Path
    seconds: int


@dataclass(frozen=True)
class LengthCost:
    """Choosing the frames of a clip of `seconds`."""

    seconds: int
    read_s: float = math.nan
    peak_mb: float = math.nan
    failure: str = ""


def measure_cost(length: Length) -> list[LengthCost]:
    """Read a clip of that length; the process should be its own, as the peak is the process's."""
    with TemporaryDirectory() as scratch:
        clip = Path(scratch) / length.clip.name
        repeat_clip(length.clip, clip, length.seconds)
        began = time.monotonic()
        read_footage(clip, Path(scratch), QUALITY["standard"], Silent())
        return [LengthCost(length.seconds, time.monotonic() - began, peak_mb())]


def failed_cost(length: Length, problem: str) -> list[LengthCost]:
    """What stands in for a clip that could not be read."""
    return [LengthCost(length.seconds, failure=problem)]


def repeat_clip(source: Path, target: Path, seconds: float) -> None:
    """Copy the pictures of `source` to `target` again and again, without encoding them anew."""
    with av.open(str(source)) as first, av.open(str(target), "w") as output:
        filmed = first.streams.video[0]
        stream = output.add_stream_from_template(filmed)
        packets = [packet for packet in first.demux(filmed) if packet.size]
        tick = float(filmed.time_base or 0)
        step = max(packet.duration or 1 for packet in packets)
        start = min(packet.dts or 0 for packet in packets)
        span = max(packet.dts or 0 for packet in packets) - start + step
        for turn in range(math.ceil(seconds / (span * tick))):
            with av.open(str(source)) as again:
                for packet in again.demux(again.streams.video[0]):
                    if not packet.size:
                        continue
                    packet.pts = (packet.pts or 0) + turn * span
                    packet.dts = (packet.dts or 0) + turn * span
                    packet.stream = stream
                    output.mux(packet)
