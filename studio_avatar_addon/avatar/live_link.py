"""A Live Link Face recording (CSV) in, a `Performance` out.

Columns are found by name, whatever their case and order; unknown ones are left alone. Timecodes
are `HH:MM:SS:FF.fff`, where FF counts at the app's rate, whatever the rate of the rows: 60 a
second, or 30 where the take runs over seconds and FF stays below it.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import ShapeError
from .files import read_bytes
from .frames import rotation_about
from .performances import MAX_FRAMES, check_performance
from .shapes import SHAPE_NAMES
from .types import Performance

RECORDING_SUFFIX = ".csv"
RATES = (30.0, 60.0)  # of the timecode's frame count; the app's own is 60
DAY_S = 86400.0  # timecodes begin anew at midnight
TIMECODE_ENDS = (24.0, 60.0, 60.0, 1000.0)  # of hours, minutes, seconds and their frames
LIMIT_BYTES = 512 << 20  # twice an hour's take
LARGEST = 100.0  # of weights and of angles in radians: what is beyond was never recorded
REMEDY = "Export the take from Live Link Face again, as CSV."


def read_live_link(path: Path) -> Performance:
    """Read a recording; weights are clipped to [0, 1], rows with gaps are left out.

    Yaw and pitch count to the subject's right and down in the file (seen on the eyes of a real
    export, taken for the head alike). Raises ShapeError where the file is no such recording.
    """
    try:
        content = BytesIO(read_bytes(path, LIMIT_BYTES))
        with TextIOWrapper(content, newline="", encoding="utf-8-sig", errors="strict") as stream:
            # One more than `check_performance` lets pass, and the columns' names.
            filled = (row for row in csv.reader(stream) if row)
            rows = list(islice(filled, MAX_FRAMES + 2))
    except (OSError, ValueError, csv.Error) as error:
        raise ShapeError(f"The recording {path.name} cannot be read ({error}).", REMEDY) from error
    columns = {name.strip().lower(): place for place, name in enumerate(rows[0])} if rows else {}
    missing = [name for name in SHAPE_NAMES if name.lower() not in columns]
    if "timecode" not in columns or set(missing) - {"tongueOut"}:  # which older apps lack
        raise ShapeError(
            f"{path.name} is no Live Link Face recording: columns are missing.", REMEDY
        )
    whole = [row for row in rows[1:] if len(row) >= len(rows[0]) and all(row)]
    try:
        time_s = _seconds([row[columns["timecode"]] for row in whole])
        table = _Table(columns, whole)
        weights = np.stack([table.column(name) for name in SHAPE_NAMES], axis=1)
        gaze = np.stack([table.turn(f"{side}Eye") for side in ("Left", "Right")], axis=1)
        turns = np.column_stack([table.turn("Head"), table.column("HeadRoll")])
    except ValueError as error:
        raise ShapeError(f"The recording {path.name} is damaged ({error}).", REMEDY) from error
    every = np.column_stack([time_s, weights, gaze.reshape(len(gaze), 4), turns])
    finite = np.flatnonzero(np.isfinite(every).all(axis=1))
    kept = finite[np.unique(time_s[finite], return_index=True)[1]]
    if len(kept) < 2:
        raise ShapeError(f"The recording {path.name} has fewer than two whole rows.", REMEDY)
    performance = Performance(
        time_s=time_s[kept] - time_s[kept[0]],
        weights=np.clip(weights[kept], 0.0, 1.0).astype(np.float32),
        neck_from_head=np.stack([_about_the_neck(turn) for turn in turns[kept]]),
        gaze_rad=gaze[kept].astype(np.float32),
    )
    check_performance(performance, path.name)
    return performance


class _Table:
    """Numbers of the rows by column name; a missing column is zero."""

    def __init__(self, columns: dict[str, int], rows: Sequence[Sequence[str]]) -> None:
        self.columns, self.rows = columns, rows

    def column(self, name: str) -> NDArray[np.float64]:
        place = self.columns.get(name.lower())
        if place is None:
            return np.zeros(len(self.rows))
        values = np.array([float(row[place]) for row in self.rows])
        if (np.abs(values[np.isfinite(values)]) > LARGEST).any():
            raise ValueError(f"values of {name} are impossible")
        return values

    def turn(self, part: str) -> NDArray[np.float64]:
        """(T, 2) yaw to the subject's left and pitch up."""
        return -np.stack([self.column(f"{part}Yaw"), self.column(f"{part}Pitch")], axis=1)


def _seconds(timecodes: Sequence[str]) -> NDArray[np.float64]:
    """Seconds (T,) since midnight, over midnight on."""
    parts = np.array([[float(part) for part in code.split(":")] for code in timecodes])
    if parts.ndim != 2 or parts.shape[1] != 4:
        raise ValueError("timecodes are not HH:MM:SS:FF")
    if (parts < 0.0).any() or (parts > TIMECODE_ENDS).any():
        raise ValueError("a timecode is no time of a day")
    whole = parts[:, :3] @ [3600.0, 60.0, 1.0]
    slow = len(np.unique(whole)) > 2 and np.nanmax(parts[:, 3]) < RATES[0]
    seconds = whole + parts[:, 3] / RATES[0 if slow else 1]
    known = np.isfinite(seconds)  # a row without a time is left out later
    steps_s = np.diff(seconds[known], prepend=seconds[known][:1])
    seconds[known] += DAY_S * np.cumsum(steps_s < -DAY_S / 2)
    return seconds


def _about_the_neck(turn_rad: NDArray[np.float64]) -> NDArray[np.float32]:
    """`neck_from_head` (4, 4), about the origin, of yaw to the left, pitch up, roll."""
    yaw, pitch, roll = (float(angle) for angle in turn_rad)
    rotation = (
        rotation_about(np.array([0.0, 0.0, 1.0]), yaw)
        @ rotation_about(np.array([1.0, 0.0, 0.0]), -pitch)
        @ rotation_about(np.array([0.0, 1.0, 0.0]), roll)
    )
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = rotation
    return matrix
