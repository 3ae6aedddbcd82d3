"""Labelled windows in, features of single pixels with their labels out."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import LABEL_NAMES, UNSURE

from ...detector.person_network import PersonNetwork
from ...stages.tracking.labels.features import window_features
from .labelled_windows import LabelledWindow
from .repaint import Repainted, repaint

# Of each repainted picture: anywhere, beside another class, where the network must decide, and of
# each class.
PIXELS, BORDER_PIXELS, RARE_PIXELS = 400, 500, 40


def draw_samples(
    windows: Iterable[tuple[LabelledWindow, int]], network: PersonNetwork, seed: int
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Features (N, F) and labels (N,) of every window, as it is and so many times repainted."""
    random = np.random.default_rng(seed)
    features, labels = [], []
    for one, repaints in windows:
        for turn in range(repaints + 1):
            shown = Repainted(one.picture, one.labels)
            if turn > 0:
                shown = repaint(one.picture, one.labels, one.window.place, random)
            values = window_features(shown.picture, one.window, network).values
            place = _draw_pixels(shown.labels, random)
            features.append(values.reshape(-1, values.shape[2])[place].astype(np.float16))
            labels.append(shown.labels.ravel()[place].astype(np.int64))
    return np.concatenate(features), np.concatenate(labels)


def _draw_pixels(labels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.int64]:
    """Flat places, by chance: so the network learns how frequent each class is. Some of each rare
    one, too."""
    judged = np.flatnonzero(labels < len(LABEL_NAMES))
    border = np.flatnonzero((labels < len(LABEL_NAMES)) & _beside_another(labels))
    drawn = [_some(judged, PIXELS, random), _some(border, BORDER_PIXELS, random)]
    drawn += [
        _some(np.flatnonzero(labels == label), RARE_PIXELS, random)
        for label in range(len(LABEL_NAMES))
    ]
    return np.concatenate(drawn)


def _some(places: NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    return random.choice(places, min(count, len(places)), replace=False)


def _beside_another(labels: NDArray[np.uint8], reach: int = 5) -> NDArray[np.bool_]:
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    # What is not judged is no class: a border with it is none.
    judged = labels < len(LABEL_NAMES)
    highest = cv2.dilate(np.where(judged, labels, 0), square)
    return highest != cv2.erode(np.where(judged, labels, UNSURE), square)
