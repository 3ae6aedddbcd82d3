"""A pixel's features in, how likely it is each class out: the shipped network.

Two hidden layers over one pixel's features; what lies round it is told by the person network's
layers among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import sha256_file
from studio_avatar_addon.avatar.labels import LABEL_NAMES

WEIGHTS = Path(__file__).with_name("weights.npz")


@dataclass(frozen=True)
class LabelNetwork:
    """Layers of a perceptron; all but the last end in ReLU."""

    mean: NDArray[np.float32]  # (F,) of the features
    scale: NDArray[np.float32]  # (F,) 1 / their standard deviation
    matrices: tuple[NDArray[np.float32], ...]  # (in, out) each
    offsets: tuple[NDArray[np.float32], ...]  # (out,)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., F) to (..., C), C classes in the order of their labels."""
        # The features' scale goes into the first layer: there are many more pixels than weights.
        first = self.scale[:, None] * self.matrices[0]
        x = features @ first + (self.offsets[0] - self.mean @ first)
        for matrix, offset in zip(self.matrices[1:], self.offsets[1:], strict=True):
            x = np.maximum(x, 0.0, out=x) @ matrix + offset
        return softmax(x)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def weights_sha256(path: Path = WEIGHTS) -> str:
    """Of the stored weights; empty where there are none."""
    return sha256_file(path) if path.is_file() else ""


def load_label_network(path: Path = WEIGHTS) -> LabelNetwork:
    """Read stored weights. Raises EnvironmentProblem where they are missing or damaged."""
    try:
        stored = {name: value.astype(np.float32) for name, value in read_arrays(path).items()}
        count = sum(name.startswith("matrix_") for name in stored)
        network = LabelNetwork(
            stored["mean"],
            stored["scale"],
            tuple(stored[f"matrix_{i}"] for i in range(count)),
            tuple(stored[f"offset_{i}"] for i in range(count)),
        )
        widths = [len(network.mean), *(len(offset) for offset in network.offsets)]
        shapes = [matrix.shape for matrix in network.matrices]
        if shapes != list(pairwise(widths)) or widths[-1] != len(LABEL_NAMES):
            raise ValueError("its layers do not fit together")
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise EnvironmentProblem(
            f"The network that tells hair from skin is missing or damaged ({error}).",
            "Install the extension again.",
        ) from error
    return network
