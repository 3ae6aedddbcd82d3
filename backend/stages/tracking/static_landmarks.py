"""Chosen frames and the tracked face in, drift-free landmarks and their trustworthiness out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...detector.face_mesh import FaceMesh
from ...detector.landmark_table import MAX_YAW_STEP_DEG
from ...imaging.image_files import Image8
from ..footage.head_view import HeadView, face_centre_px, face_width_px

# In face widths. A judgement: tighter, a face that the tracker misplaced is cut off; wider, it has
# fewer pixels.
CROP_FACES = 2.2
CROP_PX = 512  # more than the landmark network takes, so that it chooses its own sampling
# A static detection depends a little on how the face lies in the picture: several crops, slightly
# shifted (share of the crop), scaled and turned (degrees), average that out.
CROPS = (
    (0.0, 0.0, 1.0, 0.0),
    (0.03, 0.02, 1.08, 4.0),
    (-0.03, 0.02, 1.08, -4.0),
    (0.02, -0.03, 0.93, -2.0),
    (-0.02, -0.03, 0.93, 2.0),
)  # fmt: skip
MAX_DISAGREEMENT = 0.06  # of the face's width, between static and tracked landmarks
MAX_ERROR_RATIO = 3.0  # times the median reprojection error: no confidence is left
# The confidence falls from 1 to 0.1 between these, as landmarks of the far side are guessed.
CONFIDENT_YAW_DEG, LOST_YAW_DEG, LOST_CONFIDENCE = 35.0, 75.0, 0.1
MISLED_CONFIDENCE = 0.2  # confidence of a frame whose two detections disagree


def static_landmarks(
    image_srgb: Image8, tracked_px: FloatArray, mesh: FaceMesh
) -> NDArray[np.float32] | None:
    """Landmarks (478, 2) of the tracked face, found anew in this frame alone.

    None where no crop shows a face, or where it is elsewhere than the tracked one.
    """
    width = float(face_width_px(tracked_px))
    centre = face_centre_px(tracked_px)
    found = []
    for right, down, scale, turn_deg in CROPS:
        side = CROP_FACES * width * scale
        middle = centre + np.array([right, down]) * side
        to_crop = cv2.getRotationMatrix2D(middle.tolist(), turn_deg, CROP_PX / side)
        to_crop[:, 2] += CROP_PX / 2 - to_crop @ (*middle, 1.0)
        crop = cv2.warpAffine(image_srgb, to_crop, (CROP_PX, CROP_PX), flags=_sampling(side))
        back = cv2.invertAffineTransform(to_crop)
        for face in mesh.detect(np.asarray(crop, np.uint8))[:1]:
            found.append(face @ back[:, :2].T + back[:, 2])
    if not found:
        return None
    landmarks = np.median(found, axis=0).astype(np.float32)
    miss = np.median(np.linalg.norm(landmarks - tracked_px, axis=1))
    return landmarks if miss < MAX_DISAGREEMENT * width else None


def _sampling(side_px: float) -> int:
    # INTER_AREA means bilinear in a warp; a crop shrunk by more than two would alias, but the
    # landmark network sees 192 pixels of it, well below what aliases here.
    return cv2.INTER_CUBIC if side_px < CROP_PX else cv2.INTER_LINEAR


def detection_confidence(detections_px: FloatArray, view: HeadView) -> NDArray[np.float32]:
    """(T,) in [0, 1] from how well the landmarks form a head, how far it is turned and whether it
    jumps; 0 where no face was found."""
    found = np.isfinite(detections_px).all(axis=(1, 2)) & np.isfinite(view.yaw_deg)
    confidence = np.zeros(len(detections_px), np.float32)
    if not found.any():
        return confidence
    excess = view.error / np.nanmedian(view.error)
    shape = np.clip((MAX_ERROR_RATIO - excess) / (MAX_ERROR_RATIO - 1.0), 0.0, 1.0)
    turned = np.clip(
        (LOST_YAW_DEG - np.abs(view.yaw_deg)) / (LOST_YAW_DEG - CONFIDENT_YAW_DEG),
        LOST_CONFIDENCE,
        1.0,
    )
    step = np.abs(np.diff(view.yaw_deg, prepend=np.nan, append=np.nan))
    jumps = (step[:-1] > MAX_YAW_STEP_DEG) & (step[1:] > MAX_YAW_STEP_DEG)  # out and back again
    confidence[found] = (shape * turned * ~jumps)[found]
    return confidence
