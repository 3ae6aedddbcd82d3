"""Labels and the truth in, what they share out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import CLOTHES, HAIR, SKIN, UNSURE

JUDGED = {"skin": SKIN, "hair": HAIR, "clothes": CLOTHES}
MIN_PIXELS = 200  # of a class in the truth, to be judged by


@dataclass(frozen=True)
class Score:
    """Of one frame; NaN: nothing of the kind is in it."""

    iou: dict[str, float]  # by class
    skin_as_hair: float  # share of the true skin
    hair_as_skin: float  # share of the true hair
    unsure: float  # share of what is judged


def score_labels(labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Score:
    """Both (H, W); where the truth is UNSURE nothing counts."""
    judged = truth != UNSURE
    given, true = labels[judged], truth[judged]
    return Score(
        {name: _iou(given == value, true == value) for name, value in JUDGED.items()},
        _share(given == HAIR, true == SKIN),
        _share(given == SKIN, true == HAIR),
        float((given == UNSURE).mean()) if len(given) else np.nan,
    )


def _iou(given: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    if true.sum() < MIN_PIXELS:
        return np.nan
    return float((given & true).sum() / (given | true).sum())


def _share(inside: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    return float((inside & of).sum() / of.sum()) if of.sum() >= MIN_PIXELS else np.nan


def summary_cells(scores: Sequence[Score]) -> list[str]:
    """Mean IoU and the lowest, by class; skin called hair and hair called skin in percent."""
    cells = []
    for name in JUDGED:
        values = np.array([score.iou[name] for score in scores])
        values = values[np.isfinite(values)]
        cells.append(f"{values.mean():.3f} ({values.min():.2f})" if len(values) else "")
    for values in ([s.skin_as_hair for s in scores], [s.hair_as_skin for s in scores]):
        finite = np.array(values)[np.isfinite(values)]
        cells.append(f"{100 * finite.mean():.1f}" if len(finite) else "")
    return cells
