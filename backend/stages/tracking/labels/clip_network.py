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

# Probabilities from which a pixel is an example: the first that gives a class enough of them.
SURE = (0.9, 0.6)
FRAMES, EXAMPLES = 8, 500  # at most: frames, and pixels of a class in each
MIN_EXAMPLES = 60  # of a class in all; one with fewer is not in the clip
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
    chosen = np.unique(np.linspace(0, len(looks) - 1, FRAMES).round().astype(int))
    shown = np.stack([looks[k].reshape(-1, looks[k].shape[-1]) for k in chosen])
    likely = np.stack([probabilities[k].reshape(-1, probabilities[k].shape[-1]) for k in chosen])
    classes = likely.shape[-1]
    samples: list[NDArray[np.float16]] = []
    truth: list[NDArray[np.int64]] = []
    for label in range(classes):
        # Cropped hair is nowhere sure, yet it is there.
        sure = next((s for s in SURE if (likely[..., label] > s).sum() >= MIN_EXAMPLES), None)
        for look, probability in zip(shown, likely[..., label], strict=True) if sure else ():
            places = np.flatnonzero(probability > sure)
            taken = random.choice(places, min(len(places), EXAMPLES), replace=False)
            samples.append(look[taken])
            truth.append(np.full(len(taken), label, np.int64))
    if len({int(labels[0]) for labels in truth if len(labels)}) < 2:
        return None
    x, y = np.concatenate(samples).astype(np.float32), np.concatenate(truth)
    network = train_perceptron(x, y, (HIDDEN,), classes, STEPS, BATCH, RATE, DECAY, INPUT_NOISE)
    network.offsets[-1][np.setdiff1d(np.arange(classes), y)] = ABSENT
    return network
