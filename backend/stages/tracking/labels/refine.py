"""Likely classes of the grid in, classes whose borders follow the picture's own out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ....imaging.image_files import Image8
from .head_window import PICTURE_PX
from .label_network import softmax

# The guided filter (He, Sun & Tang 2010): window and how much contrast a border has.
RADIUS_PX, CONTRAST = 5, 0.002 * 255.0**2
ROUNDS = 2
# How the filter's answer and the networks' are mixed in each round, in logarithms.
FILTERED, GIVEN = 0.5, 1.5
MIN_PROBABILITY = 1e-4


def enlarge(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The grid's (GRID_PX, GRID_PX, C) at the picture's size."""
    size = (PICTURE_PX, PICTURE_PX)
    return np.dstack(
        [
            cv2.resize(one, size, interpolation=cv2.INTER_LINEAR)
            for one in np.moveaxis(probabilities, 2, 0)
        ]
    )


def refine(picture: Image8, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """(PICTURE_PX, PICTURE_PX, C) of the grid's (GRID_PX, GRID_PX, C), along the picture's
    borders."""
    given = enlarge(probabilities)
    guide = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    filter_ = cv2.ximgproc.createGuidedFilter(guide, RADIUS_PX, CONTRAST)
    log_given = np.log(np.maximum(given, MIN_PROBABILITY))
    current = given
    for _ in range(ROUNDS):
        smooth = np.dstack([filter_.filter(one) for one in np.moveaxis(current, 2, 0)])
        log_smooth = np.log(np.clip(smooth, MIN_PROBABILITY, 1.0))
        current = softmax(FILTERED * log_given + GIVEN * log_smooth)
    return current
