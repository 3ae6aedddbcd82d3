"""Pictures of a clip in, the faces in each out, in a crop where they are small."""

from __future__ import annotations

from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.layout import LANDMARK_COUNT

from ...detector.face_mesh import FaceDetector, FaceMesh
from .head_view import face_centre_px, face_width_px

# The landmark network takes a face at 130 px; a smaller one in the shrunk picture costs detail, so
# that a window round it is looked at instead.
SMALL_FACE_PX = 140
# Longer side of what the networks get: more is slower, less shrinks whole faces below the above.
DETECTION_SIDE_PX = 640
# In face widths: leaves the face room to move before the window must, which restarts the tracker.
WINDOW_FACES = 4.0
# The window moves when the face has left its middle by this share of its side, or its own side
# would be out of this range of the present one.
MAX_DRIFT, WINDOW_SIDE_RANGE = 0.2, (0.7, 1.4)
SEARCH_INTERVAL = 5  # frames between searches of the whole picture while there is no face
COUNT_INTERVAL = 15  # frames between counts of everybody in the picture
BYSTANDER_SHARE = 0.5  # smaller faces than this share of the largest do not matter


class FaceTracker:
    """Keeps the landmark tracker on the faces of a clip.

    MediaPipe's tracker remembers where a face was in the picture it got, so the window stays put
    until the face leaves its middle; then the tracker starts anew.
    """

    def __init__(self, consecutive: bool, faces: int = 3) -> None:
        self._consecutive = consecutive
        self._faces = faces
        self._mesh = FaceMesh(tracking=consecutive, faces=faces)
        self._detector = FaceDetector()
        self._window: tuple[int, int, int] | None = None  # left, top, side
        self._frame_count = 0
        self._missed_frames = 0
        self.people = 0  # as counted last: faces of a size comparable to the largest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mesh.close()
        self._detector.close()

    def detect(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) uint8 sRGB to landmarks (F, 478, 2) float32 in its pixels; F may be 0."""
        if self._frame_count % COUNT_INTERVAL == 0 or not self._consecutive:
            self._count_people(picture)
        self._frame_count += 1
        faces = self._detect(picture)
        if not len(faces) and self._window is not None:
            self._move_window(None)
            faces = self._detect(picture)
        if not len(faces):
            faces = self._search(picture)
        self._missed_frames = 0 if len(faces) else self._missed_frames + 1
        self._update_window(faces, picture.shape)
        return faces

    def _detect(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        left, top, side = self._window or (0, 0, max(picture.shape[:2]))
        part = picture[top : top + side, left : left + side]
        shrink = min(1.0, DETECTION_SIDE_PX / max(part.shape[:2]))
        if shrink < 1.0:
            # Area averaging is slow, and needed only where more than two pixels become one.
            method = cv2.INTER_LINEAR if shrink > 0.5 else cv2.INTER_AREA
            resized = cv2.resize(part, None, fx=shrink, fy=shrink, interpolation=method)
            part = np.asarray(resized, np.uint8)
        scale = np.array(
            [
                min(side, picture.shape[1] - left) / part.shape[1],
                min(side, picture.shape[0] - top) / part.shape[0],
            ],
            np.float32,
        )
        return self._mesh.detect(part) * scale + np.array([left, top], np.float32)

    def _search(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A slower search for small or distant faces, now and then."""
        nothing = np.empty((0, LANDMARK_COUNT, 2), np.float32)
        if self._consecutive and self._missed_frames % SEARCH_INTERVAL:
            return nothing
        boxes = self._detector.detect(picture)
        if not len(boxes):
            return nothing
        x, y, width, height = boxes[boxes[:, 2].argmax()]
        self._move_window(_window_around((x, y), max(width, height), picture.shape))
        return self._detect(picture)

    def _count_people(self, picture: NDArray[np.uint8]) -> None:
        widths = self._detector.detect(picture)[:, 2]
        self.people = int((widths > BYSTANDER_SHARE * widths.max(initial=0.0)).sum())

    def _update_window(self, faces: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        if not len(faces) or not self._consecutive:
            return
        widths = face_width_px(faces)
        width, box = float(widths.max()), faces[widths.argmax()]
        centre = face_centre_px(box)
        if self._window is None:
            shrink = min(1.0, DETECTION_SIDE_PX / max(shape[:2]))
            if width * shrink < SMALL_FACE_PX and shrink < 1.0:
                self._move_window(_window_around(centre, width, shape))
            return
        left, top, side = self._window
        wanted = _window_around(centre, width, shape)
        drift = np.abs(np.array(wanted[:2]) + wanted[2] / 2 - np.array([left, top]) - side / 2)
        low, high = WINDOW_SIDE_RANGE
        if drift.max() > MAX_DRIFT * side or not low < wanted[2] / side < high:
            self._move_window(wanted)

    def _move_window(self, window: tuple[int, int, int] | None) -> None:
        if window == self._window:
            return
        self._window = window
        if self._consecutive:
            self._mesh.close()
            self._mesh = FaceMesh(tracking=True, faces=self._faces)


def _window_around(
    centre: NDArray[np.float32] | tuple[float, float], width: float, shape: tuple[int, ...]
) -> tuple[int, int, int]:
    """Left, top and side of a square, pushed into the picture where it fits."""
    side = int(min(WINDOW_FACES * width, max(shape[:2])))
    left = int(np.clip(centre[0] - side / 2, 0, max(0, shape[1] - side)))
    top = int(np.clip(centre[1] - side / 2, 0, max(0, shape[0] - side)))
    return left, top, side
