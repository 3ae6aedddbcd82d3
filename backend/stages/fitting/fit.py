"""The stage: a `Capture` and its `FaceTrack` in, a `HeadFit` out, and a file to go on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Capture, FaceTrack, HeadFit, Progress

from .finish import finish_head
from .solution import load_solution, store_solution
from .solve import solve_from_previous, solve_head


@dataclass(frozen=True)
class SolutionFile:
    """Where the last whole solution is stored, and what it must be of to be a warm start."""

    path: Path
    mark: str


def fit_head(
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    progress: Progress,
    corrections: Corrections | None = None,
    stored: SolutionFile | None = None,
) -> HeadFit:
    """Fit `template` to the K chosen frames; from the `stored` solution where there is one.

    Raises FitError where no frame shows a face that a head can be fitted to, CorrectionError
    where a correction names what is not there.
    """
    corrections = corrections or Corrections()
    previous = load_solution(stored.path, stored.mark) if stored else None
    left_out = np.isin(capture.frame_index, list(corrections.leave_out))
    if previous and previous.can_start(left_out):
        # Its result is not stored: corrections come and go, and each starts from the same.
        solution = solve_from_previous(capture, track, template, progress, corrections, previous)
    else:
        solution = solve_head(capture, track, template, progress, corrections)
        if stored:
            store_solution(stored.path, solution, stored.mark)
    return finish_head(capture, track, solution, corrections.measures_m)
