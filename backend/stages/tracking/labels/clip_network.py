"""What is sure in a clip's frames in, a network that knows this person's colours out.

The shipped network knows heads; this one, of colour and texture alone, knows that *this* hair is
blond and *this* shirt is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .label_network import LabelNetwork
from .perceptron import train_perceptron

SURE = 0.9  # probability from which a pixel is an example
FRAMES, EXAMPLES = 8, 500  # at most: frames, and pixels of a class in each
MIN_EXAMPLES = 60  # of a class in all; a class with fewer is left to the shipped network
HIDDEN, STEPS, BATCH = 24, 400, 1024
RATE, DECAY, INPUT_NOISE = 5e-3, 1e-3, 0.1
ABSENT = -12.0  # log odds of a class without examples


def fit_clip_network(
    looks: Sequence[NDArray[np.float16]], probabilities: Sequence[NDArray[np.float16]]
) -> LabelNetwork | None:
    """From frames' look features (H, W, L) and the shipped network's answers (H, W, C).

    None where fewer than two classes are sure anywhere.
    """
    random = np.random.default_rng(0)
    classes = probabilities[0].shape[-1]
    chosen = np.unique(np.linspace(0, len(looks) - 1, FRAMES).round().astype(int))
    samples: list[NDArray[np.float32]] = []
    truth: list[NDArray[np.int64]] = []
    for k in chosen:
        flat = looks[k].reshape(-1, looks[k].shape[-1]).astype(np.float32)
        likely = probabilities[k].reshape(-1, classes).astype(np.float32)
        for label in range(classes):
            sure = np.flatnonzero(likely[:, label] > SURE)
            taken = random.choice(sure, min(len(sure), EXAMPLES), replace=False)
            samples.append(flat[taken])
            truth.append(np.full(len(taken), label, np.int64))
    x, y = np.concatenate(samples), np.concatenate(truth)
    present = np.bincount(y, minlength=classes) >= MIN_EXAMPLES
    x, y = x[present[y]], y[present[y]]
    if present.sum() < 2:
        return None
    network = train_perceptron(x, y, (HIDDEN,), classes, STEPS, BATCH, RATE, DECAY, INPUT_NOISE)
    network.offsets[-1][~present] = ABSENT
    return network
