"""A square picture of a head in, what MediaPipe's selfie network makes of it out: its answer and
the layers before it, which the package's own solution keeps to itself.

The network tells persons from background only; its inner layers tell more. OpenCV runs the same
file that MediaPipe ships (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..imaging.image_files import Image8

SIDE_PX = 256  # of the picture that the network takes
# Sums of skip connections of the decoder, from coarse (16 x 16) to fine (128 x 128), as OpenCV
# names them.
LAYERS = (
    "add_4__xeno_compat__1", "add_7__xeno_compat__1", "add_10__xeno_compat__1",
    "add_13__xeno_compat__1",
)  # fmt: skip
ANSWER = "activation_10"
MODEL = Path("modules", "selfie_segmentation", "selfie_segmentation.tflite")


@dataclass(frozen=True)
class PersonFeatures:
    """What the network found, at the picture's size."""

    person: NDArray[np.float32]  # (256, 256) in [0, 1]
    layers: NDArray[np.float32]  # (256, 256, C)


class PersonNetwork:
    """The selfie network with its inner layers."""

    def __init__(self) -> None:
        package = find_spec("mediapipe")
        assert package is not None and package.origin is not None  # of the lock
        self._net = cv2.dnn.readNetFromTFLite(str(Path(package.origin).parent / MODEL))

    def features(self, image_srgb: Image8) -> PersonFeatures:
        """(256, 256, 3) uint8."""
        blob = np.ascontiguousarray(image_srgb.transpose(2, 0, 1)[None], np.float32) / 255.0
        self._net.setInput(blob)
        *layers, answer = self._net.forward([*LAYERS, ANSWER])
        size = (SIDE_PX, SIDE_PX)
        enlarged = [
            np.atleast_3d(
                cv2.resize(layer[0].transpose(1, 2, 0), size, interpolation=cv2.INTER_LINEAR)
            )
            for layer in layers
        ]
        person = cv2.resize(answer.reshape(answer.shape[-2:]), size)
        return PersonFeatures(person, np.concatenate(enlarged, axis=2))
