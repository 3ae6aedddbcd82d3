"""A frame's landmarks in; an upright window round the head, of one scale in life, out.

It needs no fitted head: the mean head is posed on the landmarks, so that labels can be made before
the fit, which stands on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ....detector.landmark_indices import (
    EYE_REGIONS,
    FACE_OVAL,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)
from ....detector.landmark_table import load_landmark_table
from ....geometry.raster import interpolate_vertices, rasterize
from ....imaging.image_files import Image8, Pixels

# The window: a square of .51 m, so that the person network takes it as it is at 2 mm a pixel. Hair
# over the shoulders fits in; what lies beyond is not labelled.
PICTURE_PX, GRID_PX = 512, 256
SIDE_M = 0.512
ABOVE_M = 0.206  # of the head's origin, midway between the ear canals
# Of the focal length, longest sides of the picture: a phone's front camera. Only the turn of the
# head depends on it, and little.
FOCAL_SIDES = 1.2
# Of the longest side: OpenCV's steadiest way to a pose refuses smaller faces.
MIN_FACE_SHARE = 1 / 40
MESH_LANDMARKS = 468  # irises left out: they turn
PARTS = ("scalp", "forehead", "cheeks", "ears", "neck", "jaw")
_REGIONS = {
    "scalp": ("scalp",), "forehead": ("forehead",), "cheeks": ("cheeks", "nose", "lips"),
    "ears": ("ears_L", "ears_R"), "neck": ("neck",), "jaw": ("jaw", "chin"),
}  # fmt: skip
DISTANCE_M = 0.1  # that counts as one among the features
CHIN_M = -0.1  # of the eyes' height, chin and beard
FACE_EDGE_M = 0.009  # taken off the face's oval: hair hangs over its rim


class Place(IntEnum):
    """What `HeadWindow.place` holds of each pixel; the weights of PARTS follow in their order."""

    HEIGHT = 0  # over the eyes
    SIDEWAYS = 1  # from the head's middle, unsigned
    BEHIND = 2  # the same towards the side where the back of the head shows
    INSIDE, OUTSIDE = 3, 4  # from the mean head's outline
    HEAD = 5  # the weight of all parts
    SCALP = 6  # the first of PARTS


@dataclass(frozen=True)
class HeadWindow:
    """Where the window lies in the frame, and the mean head in it.

    Its picture has PICTURE_PX pixels a side, one millimetre each; the grid, on which labels are
    judged, half as many.
    """

    frame_from_window: NDArray[np.float64]  # (2, 3) frame pixels from the picture's, corners at 0
    landmarks_px: NDArray[np.float32]  # (478, 2) in the picture
    place: NDArray[np.float32]  # (GRID_PX, GRID_PX, len(Place) - 1 + len(PARTS))

    def picture(self, image: Image8) -> Image8:
        """The window's part of a frame (H, W, 3), borders continued."""
        scale = float(np.sqrt(abs(np.linalg.det(self.frame_from_window[:, :2]))))
        if scale > 1.0:  # average what is shrunk
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.45 * scale), np.uint8)
        return np.asarray(
            cv2.warpAffine(
                image, _centres(self.frame_from_window), (PICTURE_PX, PICTURE_PX),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
            ), np.uint8,
        )  # fmt: skip

    def labels(self, labels: NDArray[np.uint8], unknown: int) -> NDArray[np.uint8]:
        """The grid's labels (GRID_PX, GRID_PX) of a frame's (H, W)."""
        return np.asarray(
            cv2.warpAffine(
                labels, _centres(self.frame_from_window @ _DOUBLED), (GRID_PX, GRID_PX),
                flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderValue=(unknown,) * 3,
            ), np.uint8,
        )  # fmt: skip

    def in_frame(
        self, values: FloatArray, size_px: tuple[int, int], beyond: float
    ) -> NDArray[np.float32]:
        """Values of the picture (PICTURE_PX, PICTURE_PX) in the frame (H, W)."""
        return np.asarray(
            cv2.warpAffine(
                np.asarray(values, np.float32), _centres(self.frame_from_window), size_px,
                flags=cv2.INTER_LINEAR, borderValue=(beyond,) * 4,
            ), np.float32,
        )  # fmt: skip

    @property
    def on_head(self) -> NDArray[np.bool_]:
        """(PICTURE_PX, PICTURE_PX) where the mean head lies."""
        return np.kron(self.place[..., Place.INSIDE] > 0.0, np.ones((2, 2), bool))

    @property
    def chin_row(self) -> int:
        """Of the picture, which is upright: the first one below the mean head's chin."""
        height_m = self.place[:, 0, Place.HEIGHT] * DISTANCE_M
        return 2 * int((height_m > CHIN_M).sum())

    @cached_property
    def face(self) -> NDArray[np.bool_]:
        """(GRID_PX, GRID_PX) the face within its oval, without eyes, brows and lips."""
        points = np.rint(self.landmarks_px / 2.0).astype(np.int32)
        out = np.zeros((GRID_PX, GRID_PX), np.uint8)
        cv2.fillConvexPoly(out, cv2.convexHull(points[list(FACE_OVAL)]), 1)
        reach = 2 * round(FACE_EDGE_M * GRID_PX / SIDE_M) + 1
        out = cv2.erode(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        for part in (*EYE_REGIONS, OUTER_UPPER_LIP + OUTER_LOWER_LIP):
            cv2.fillConvexPoly(out, cv2.convexHull(points[list(part)]), 0)
        return out > 0


_DOUBLED = np.diag([2.0, 2.0, 1.0])


def _centres(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """OpenCV counts from pixels' centres, we from their corners."""
    out = corners.copy()
    out[:, 2] += 0.5 * corners[:, :2].sum(axis=1) - 0.5
    return out


class WindowFinder:
    """Places the window on faces, with one template's mean head."""

    def __init__(self, template: HeadTemplate) -> None:
        table = load_landmark_table()
        corners = template.vertices_m[table.vertices[:MESH_LANDMARKS]]
        self._points = np.einsum("lc,lcx->lx", table.weights[:MESH_LANDMARKS], corners)
        self._vertices = template.vertices_m.astype(np.float64)
        skin = template.triangle_material == MATERIALS.index("skin")
        self._triangles = template.triangles[skin]
        self._parts = np.stack(
            [np.sum([template.region(r) for r in _REGIONS[part]], axis=0) for part in PARTS], axis=1
        )
        self._eyes_m = template.eye_centre_m.mean(axis=0)

    def find(self, landmarks_px: FloatArray, image: Pixels) -> HeadWindow:
        """For landmarks (478, 2) in a frame (H, W, 3), of which only the size counts."""
        height, width = image.shape[:2]
        focal = FOCAL_SIDES * max(width, height)
        matrix = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
        points = landmarks_px[:MESH_LANDMARKS].astype(np.float64)
        tiny = np.ptp(points, axis=0).max() < MIN_FACE_SHARE * max(width, height)
        _, turn, shift = cv2.solvePnP(
            self._points, points, matrix, np.zeros(5),
            flags=cv2.SOLVEPNP_EPNP if tiny else cv2.SOLVEPNP_SQPNP,
        )  # fmt: skip
        rotation = cv2.Rodrigues(turn)[0]
        in_camera = self._vertices @ rotation.T + shift[:, 0]
        px_per_m = focal / shift[2, 0]
        origin = focal * shift[:2, 0] / shift[2, 0] + matrix[:2, 2]
        # Upright: the head's own up, as far as the picture shows it.
        up = rotation[:2, 2] / np.linalg.norm(rotation[:2, 2])
        down, right = -up, np.array([-up[1], up[0]])
        scale = px_per_m * SIDE_M / PICTURE_PX
        corner = origin - px_per_m * (SIDE_M / 2 * right + ABOVE_M * down)
        frame_from_window = np.column_stack([scale * right, scale * down, corner])
        to_window = cv2.invertAffineTransform(frame_from_window)
        drawn = focal * in_camera[:, :2] / in_camera[:, 2:] + matrix[:2, 2]
        return HeadWindow(
            frame_from_window,
            _moved(to_window, landmarks_px).astype(np.float32),
            self._place(_moved(to_window, drawn) / 2.0, in_camera[:, 2], rotation, up),
        )

    def _place(
        self, drawn_px: FloatArray, depth_m: FloatArray, rotation: FloatArray, up: FloatArray
    ) -> NDArray[np.float32]:
        raster = rasterize(drawn_px, depth_m, self._triangles, (GRID_PX, GRID_PX))
        parts = interpolate_vertices(raster, self._triangles, self._parts)
        parts = np.where(raster.covered[..., None], parts, 0.0)
        covered = raster.covered.astype(np.uint8)
        per_unit = SIDE_M / GRID_PX / DISTANCE_M
        inside = cv2.distanceTransform(covered, cv2.DIST_L2, 5) * per_unit
        outside = cv2.distanceTransform(1 - covered, cv2.DIST_L2, 5) * per_unit
        row, column = np.mgrid[:GRID_PX, :GRID_PX] + 0.5
        metre = SIDE_M / GRID_PX
        height = ABOVE_M - row * metre - float((rotation @ self._eyes_m)[:2] @ up)
        sideways = column * metre - SIDE_M / 2
        turned = np.full_like(height, rotation[0, 1])  # to which side the back of the head lies
        scalars = [
            height / DISTANCE_M, np.abs(sideways) / DISTANCE_M, sideways * turned / DISTANCE_M,
            inside, outside, parts.sum(axis=2).clip(0, 1),
        ]  # fmt: skip
        return np.concatenate([np.stack(scalars, axis=2), parts], axis=2).astype(np.float32)


def _moved(affine: FloatArray, points: FloatArray) -> FloatArray:
    return points @ affine[:, :2].T + affine[:, 2]
