"""Labelled windows in, features of single pixels with their labels out."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import LABEL_NAMES

from ...detector.person_network import PersonNetwork
from ...stages.tracking.labels.features import window_features
from .labelled_windows import LabelledWindow
from .repaint import repaint

PIXELS_A_CLASS = 250  # of each repainted picture, at most
BORDER_SHARE = 0.5  # of them beside another class: there the network must decide


def draw_samples(
    windows: Iterable[LabelledWindow], repaints: int, network: PersonNetwork, seed: int
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Features (N, F) and labels (N,) of every window as it is and `repaints` times repainted."""
    random = np.random.default_rng(seed)
    features, labels = [], []
    for one in windows:
        for turn in range(repaints + 1):
            picture = one.picture if turn == 0 else repaint(one.picture, one.labels, random)
            values = window_features(picture, one.window, network).values
            place = _draw_pixels(one.labels, random)
            features.append(values.reshape(-1, values.shape[2])[place].astype(np.float16))
            labels.append(one.labels.ravel()[place].astype(np.int64))
    return np.concatenate(features), np.concatenate(labels)


def _draw_pixels(labels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.int64]:
    """Flat places, as many of each class, half of them along its borders."""
    border = _beside_another(labels)
    drawn = []
    for label in range(len(LABEL_NAMES)):
        inside = np.flatnonzero(labels == label)
        edge = np.flatnonzero((labels == label) & border)
        along = min(len(edge), round(BORDER_SHARE * PIXELS_A_CLASS))
        drawn.append(random.choice(edge, along, replace=False) if along else edge)
        rest = min(len(inside), PIXELS_A_CLASS - along)
        drawn.append(random.choice(inside, rest, replace=False) if rest else inside[:0])
    return np.concatenate(drawn)


def _beside_another(labels: NDArray[np.uint8], reach: int = 5) -> NDArray[np.bool_]:
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    known = np.where(labels < len(LABEL_NAMES), labels, 0)
    return cv2.dilate(known, square) != cv2.erode(known, square)
