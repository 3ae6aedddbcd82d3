"""Pictures in, MediaPipe's faces, hands and persons out; the only file that knows MediaPipe.

The legacy Face Mesh carries its networks inside its wheel and runs offline. Only four of its
solutions are imported, which works without jax, sounddevice and sentencepiece.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.layout import LANDMARK_COUNT

from ..imaging.image_files import Image8

HANDS, HAND_JOINTS = 2, 21  # one person's; MediaPipe's joints of a hand


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what the C++ side prints on standard error while its networks start.

    It logs before any log level can be set from Python, so the descriptor itself is turned away.
    """
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _allow_denormals() -> None:
    """Libraries built with -ffast-math make the processor flush denormals to zero for the whole
    process; XNNPACK then refuses scale factors it takes for zero and a network may not start."""
    tiny = np.full(1, 1e-40, np.float32)
    if (tiny * np.float32(1.0))[0] == 0.0:
        import torch

        torch.set_flush_denormal(False)


class _Solution:
    """One MediaPipe graph as a context manager; the picture that warms it up is black."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._graph.process(np.zeros((64, 64, 3), np.uint8))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._graph.close()


class FaceMesh(_Solution):
    """Finds 478 landmarks of up to `faces` faces.

    `tracking`: consecutive frames of a clip, steadier; otherwise every picture by itself.
    """

    def __init__(self, tracking: bool, faces: int = 1) -> None:
        self._has_found = False
        _allow_denormals()
        with _quiet():
            from mediapipe.python.solutions.face_mesh import FaceMesh as Graph

            super().__init__(
                Graph(static_image_mode=not tracking, max_num_faces=faces, refine_landmarks=True)
            )

    def detect(self, image_srgb: Image8) -> NDArray[np.float32]:
        """(H, W, 3) uint8 to landmarks (F, 478, 2) in the picture's pixels; F may be 0.

        The picture is padded to a square, as the graph rotates faces in normalised coordinates and
        would misplace a tilted face in any other shape.
        """
        height, width = image_srgb.shape[:2]
        side = max(height, width)
        square = np.zeros((side, side, 3), np.uint8)
        square[:height, :width] = image_srgb
        # The first face it sees brings one more warning of the C++ side.
        with nullcontext() if self._has_found else _quiet():
            found = self._graph.process(square).multi_face_landmarks or []
        self._has_found = self._has_found or bool(found)
        points = [[(point.x, point.y) for point in face.landmark] for face in found]
        return np.array(points, np.float32).reshape(-1, LANDMARK_COUNT, 2) * side


class FaceDetector(_Solution):
    """Finds faces by their boxes only, small ones too: down to about a thirtieth of the width."""

    def __init__(self) -> None:
        _allow_denormals()
        with _quiet():
            from mediapipe.python.solutions.face_detection import FaceDetection as Graph

            super().__init__(Graph(model_selection=1, min_detection_confidence=0.6))

    def detect(self, image_srgb: Image8) -> NDArray[np.float32]:
        """(H, W, 3) uint8 to boxes (F, 4) as centre x, y, width and height in pixels."""
        height, width = image_srgb.shape[:2]
        found = self._graph.process(image_srgb).detections or []
        boxes = [detection.location_data.relative_bounding_box for detection in found]
        corners = [(b.xmin + b.width / 2, b.ymin + b.height / 2, b.width, b.height) for b in boxes]
        return np.array(corners, np.float32).reshape(-1, 4) * (width, height, width, height)


class HandDetector(_Solution):
    """Finds up to two hands, picture by picture."""

    def __init__(self) -> None:
        _allow_denormals()
        with _quiet():
            from mediapipe.python.solutions.hands import Hands as Graph

            super().__init__(
                Graph(static_image_mode=True, max_num_hands=HANDS, min_detection_confidence=0.6)
            )

    def detect(self, image_srgb: Image8) -> NDArray[np.float32]:
        """(H, W, 3) uint8 to joints (HANDS, 21, 2) in pixels; NaN: no such hand."""
        found = self._graph.process(image_srgb).multi_hand_landmarks or []
        out = np.full((HANDS, HAND_JOINTS, 2), np.nan, np.float32)
        for place, hand in zip(out, found, strict=False):
            place[:] = [(joint.x, joint.y) for joint in hand.landmark]
        return out * np.array(image_srgb.shape[1::-1], np.float32)


class PersonSegmenter(_Solution):
    """Tells persons from background; works on 256 x 256 inside, so give it the head's crop."""

    def __init__(self) -> None:
        _allow_denormals()
        with _quiet():
            from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation as Graph

            super().__init__(Graph(model_selection=0))

    def segment(self, image_srgb: Image8) -> NDArray[np.float32]:
        """(H, W, 3) uint8 to the person's probability (H, W) in [0, 1]."""
        return np.asarray(self._graph.process(image_srgb).segmentation_mask, np.float32)
