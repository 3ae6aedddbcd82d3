"""Ways to label a clip's frames: the product's, its parts, and the plain one by place alone."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import UNSURE
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import FloatArray

from ...detector.person_network import PersonNetwork
from ...imaging.image_files import Image8
from ...stages.tracking.labels.features import window_features
from ...stages.tracking.labels.head_window import HeadWindow, WindowFinder
from ...stages.tracking.labels.label_frames import FrameLabeller
from ...stages.tracking.labels.label_network import LabelNetwork, load_label_network
from ...stages.tracking.labels.place_prior import place_prior
from ...stages.tracking.labels.refine import enlarge
from .hand_labels import at_size_of

PLACE, NETWORK, PRODUCT = "place on the head alone", "shipped network alone", "product"
WAYS = (PLACE, NETWORK, PRODUCT)


@dataclass(frozen=True)
class Labelled:
    """One frame's labels by each way, and how long the product took for all frames."""

    by_way: dict[str, NDArray[np.uint8]]  # (H, W)
    labelled: NDArray[np.bool_]  # (H, W): near the head; the rest is not told apart
    seconds_per_frame: float

    def within(self, truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The truth (h, w) of where labels are."""
        return np.where(at_size_of(truth, self.labelled.astype(np.uint8)), truth, UNSURE)


class Labeller:
    """Labels one frame among several of its clip by every way."""

    def __init__(self, network: LabelNetwork | None = None) -> None:
        template = load_template()
        self._finder, self._person = WindowFinder(template), PersonNetwork()
        self._network = network or load_label_network()
        self._product = FrameLabeller(template, self._network)

    def label(self, frames: list[Image8], landmarks_px: FloatArray, at: int) -> Labelled:
        """Frames (K of (H, W, 3)), their landmarks (K, 478, 2), and which of them is judged."""
        began = time.monotonic()
        none = np.zeros(frames[0].shape[:2], bool)
        product = list(
            self._product.label(
                frames.__getitem__, landmarks_px, [none] * len(frames), lambda k: None
            )
        )[at].labels
        seconds = (time.monotonic() - began) / len(frames)
        image = frames[at]
        window = self._finder.find(landmarks_px[at], image)
        found = window_features(window.picture(image), window, self._person)
        plain = {
            PLACE: place_prior(window.place, found.person),
            NETWORK: self._network.probabilities(found.values),
        }
        size = (image.shape[1], image.shape[0])
        by_way = {way: _likeliest(window, values, size) for way, values in plain.items()}
        labelled = by_way[PLACE] != UNSURE
        return Labelled({**by_way, PRODUCT: product}, labelled, seconds)


def _likeliest(
    window: HeadWindow, probabilities: NDArray[np.float32], size_px: tuple[int, int]
) -> NDArray[np.uint8]:
    """(H, W) of the grid's (GRID_PX, GRID_PX, C)."""
    there = [
        window.in_frame(one, size_px, -1.0) for one in np.moveaxis(enlarge(probabilities), 2, 0)
    ]
    best = np.stack(there)
    return np.where(best.max(axis=0) < 0.0, UNSURE, best.argmax(axis=0)).astype(np.uint8)
