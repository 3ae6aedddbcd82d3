"""A picture and the detector's 478 landmarks in it in; dlib's description of whose face it is out.

Two descriptions of a person are about .3 to .5 apart, those of two persons mostly more than .6
(King, "High Quality Face Recognition with Deep Metric Learning", 2017). The packages are optional
(`requirements.likeness.lock`), only their recognition network is read, and nothing of them ships.

dlib's own detector misses many renders, so that faces are laid straight by landmarks in frames and
renders alike: the eyes' corners and the nose's base, which is what dlib's 5-point predictor finds.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.types import FloatArray

from ...detector.landmark_indices import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    SUBNASALE,
)
from ...imaging.image_files import Image8

MODELS, NETWORK = "face_recognition_models", "dlib_face_recognition_resnet_model_v1.dat"
# In the order of dlib's 5-point predictor.
FIVE_POINTS = (LEFT_EYE_OUTER, LEFT_EYE_INNER, RIGHT_EYE_OUTER, RIGHT_EYE_INNER, SUBNASALE)
CHIP_PX, CHIP_PADDING = 150, 0.25  # what the network was trained on
# dlib's points are whole pixels: so much between the eyes' outer corners makes that no matter.
EYE_DISTANCE_PX = 300.0
AROUND = 1.6  # the part that is looked at, in such distances to every side


class FaceDescriber:
    """dlib's network, loaded once. Raises EnvironmentProblem where it is not installed."""

    def __init__(self) -> None:
        try:
            self._dlib: Any = import_module("dlib")
            # Found, not imported: its module asks for pkg_resources, which setuptools lacks.
            models = find_spec(MODELS)
        except ImportError:
            models = None
        if models is None or models.origin is None:
            raise EnvironmentProblem(
                "This benchmark compares faces with dlib, which is not installed.",
                "Run `python build.py setup --likeness`.",
            )
        network = Path(models.origin).with_name("models") / NETWORK
        self._network = self._dlib.face_recognition_model_v1(str(network))

    def describe(self, picture: Image8, landmarks_px: FloatArray) -> NDArray[np.float64]:
        """(128,) of the face in (H, W, 3) sRGB; `landmarks_px` (478, 2), pixel centres at + 0.5."""
        part, points = _around_face(picture, landmarks_px[list(FIVE_POINTS)])
        dlib = self._dlib
        shape = dlib.full_object_detection(
            dlib.rectangle(0, 0, part.shape[1], part.shape[0]),
            [dlib.point(round(x), round(y)) for x, y in (points - 0.5).tolist()],
        )
        chip = dlib.get_face_chip(part, shape, CHIP_PX, CHIP_PADDING)
        return np.array(self._network.compute_face_descriptor(chip))


def _around_face(picture: Image8, points_px: FloatArray) -> tuple[Image8, FloatArray]:
    """The face, at one scale in every picture, and the five points (5, 2) in it."""
    eyes = np.linalg.norm(points_px[0] - points_px[2])
    nose = np.linalg.norm(points_px[:4].mean(axis=0) - points_px[4])
    # Of a face that is turned away, the eyes say too little about its size.
    size = max(float(eyes), 1.6 * float(nose), 1.0)
    centre, scale = points_px.mean(axis=0), EYE_DISTANCE_PX / size
    edge = round(2 * AROUND * EYE_DISTANCE_PX)
    corner = centre - edge / 2 / scale
    if scale < 1.0:  # smoothed first: resampling alone would alias
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale).astype(np.uint8)
    shift = -scale * corner + 0.5 * scale - 0.5  # pixel centres of OpenCV are whole numbers
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    part = cv2.warpAffine(picture, matrix, (edge, edge), flags=cv2.INTER_CUBIC)
    return part.astype(np.uint8), (points_px - corner) * scale


def distances(some: FloatArray, others: FloatArray) -> NDArray[np.float64]:
    """(n, m) between descriptions (n, 128) and (m, 128)."""
    return np.linalg.norm(some[:, None] - others[None], axis=-1)
