"""Hands and faces of the chosen frames in; where a hand is before the face out."""

from __future__ import annotations

import cv2
import numpy as np

from studio_avatar_addon.avatar.types import BoolArray, FloatArray


def hands_before_face(hands_px: FloatArray, face_px: FloatArray) -> BoolArray:
    """(K,) True where a joint of the hands (K, 2, 21, 2) lies within the face (K, 478, 2)."""
    before = np.zeros(len(face_px), bool)
    for k, (hands, face) in enumerate(zip(hands_px, face_px, strict=True)):
        outline = cv2.convexHull(np.asarray(face, np.float32))
        joints = hands[np.isfinite(hands).all(axis=2)]
        before[k] = any(
            cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=False) > 0
            for x, y in joints
        )
    return before
