"""A frame and where its face is in, the mask of the person out: hair, ears and neck included.

The network says at 256 x 256 roughly where the person ends; the colours on both sides of that
edge, learned in its neighbourhood, say exactly where.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...detector.face_mesh import PersonSegmenter
from ...imaging.image_files import Image8
from ..footage.head_view import face_centre_px, face_width_px

HEAD_CROP = 3.2  # face widths; a wider crop loses edge, a narrower one the shoulders' context
CROP_RAISED = 0.1  # face widths by which it is moved up, as hair reaches higher than the neck
NETWORK_PX = 256  # what the network takes
# Radius, in face widths, of the neighbourhood whose colours are compared.
REACH = 0.08
MIN_REACH_PX = 4
CONFIDENT = 0.9  # probability from which a pixel is a sample of the inside (or outside)
MIN_VARIANCE = 4e-4  # variance of a colour channel in [0, 1]: noise and compression
# Neighbouring pixels are no independent witnesses: temper them, and let no colour overrule a
# network that is certain.
TEMPER, MAX_EVIDENCE = 0.5, 4.0
MAX_HOLE = 0.02  # of the square of the face's width


def person_mask(
    image_srgb: Image8, landmarks_px: FloatArray, segmenter: PersonSegmenter
) -> NDArray[np.float32]:
    """(H, W, 3) uint8 and the face's landmarks (478, 2) to the person (H, W) in [0, 1]."""
    size = image_srgb.shape[1::-1]
    width = float(face_width_px(landmarks_px))
    centre = face_centre_px(landmarks_px)
    side = int(HEAD_CROP * width)
    left, top = np.round(centre - side / 2 - (0.0, CROP_RAISED * width)).astype(int)

    whole = _segment(image_srgb, segmenter)
    mask = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_LINEAR), np.float32)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + side, size[0]), min(top + side, size[1])
    crop = image_srgb[y0:y1, x0:x1]
    padded = cv2.copyMakeBorder(
        crop, y0 - top, top + side - y1, x0 - left, left + side - x1, cv2.BORDER_REPLICATE
    )
    inside = _segment(np.asarray(padded, np.uint8), segmenter)
    enlarged = np.asarray(cv2.resize(inside, (side, side), interpolation=cv2.INTER_CUBIC), "f4")
    rough = enlarged.clip(0.0, 1.0)[y0 - top : y1 - top, x0 - left : x1 - left]
    reach = max(MIN_REACH_PX, round(REACH * width))
    mask[y0:y1, x0:x1] = refine_mask_by_colour(crop, rough, reach)
    return _keep_body(mask, centre, MAX_HOLE * width**2)


def _segment(image_srgb: Image8, segmenter: PersonSegmenter) -> NDArray[np.float32]:
    """(256, 256); the mean of the picture's and its mirror's answer, steadier than one."""
    resized = cv2.resize(image_srgb, (NETWORK_PX, NETWORK_PX), interpolation=cv2.INTER_AREA)
    small = np.asarray(resized, np.uint8)
    mirrored = segmenter.segment(np.ascontiguousarray(small[:, ::-1]))[:, ::-1]
    return (segmenter.segment(small) + mirrored) / 2.0


def refine_mask_by_colour(
    image_srgb: Image8, rough: NDArray[np.float32], reach_px: int
) -> NDArray[np.float32]:
    """Sharpen a rough mask (H, W) in [0, 1] of an image (H, W, 3) uint8 where it is uncertain.

    There each pixel is compared with the mean and variance of the certain inside and the certain
    outside colours within `reach_px`; the likelihood ratio is added to the network's log odds.
    """
    colours = cv2.GaussianBlur(image_srgb, (0, 0), 0.8).astype(np.float32) / 255.0
    inside, has_inside = _colour_misfit(colours, rough > CONFIDENT, reach_px)
    outside, has_outside = _colour_misfit(colours, rough < 1.0 - CONFIDENT, reach_px)
    evidence = np.clip(TEMPER * (outside - inside) / 2.0, -MAX_EVIDENCE, MAX_EVIDENCE)
    evidence[~(has_inside & has_outside)] = 0.0
    odds = np.clip(rough, 0.02, 0.98)
    decided = 1.0 / (1.0 + np.exp(-np.log(odds / (1.0 - odds)) - evidence))
    uncertain = (rough > 0.02) & (rough < 0.98)
    return np.where(uncertain, decided, np.round(rough)).astype(np.float32)


def _colour_misfit(
    colours: NDArray[np.float32], sample: NDArray[np.bool_], reach_px: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Minus twice the log likelihood (H, W) of each colour under the samples around it, and where
    there are any."""
    box = (2 * reach_px + 1, 2 * reach_px + 1)
    weight = sample.astype(np.float32)
    share = cv2.blur(weight, box)
    safe = (share + 1e-6)[..., None]
    mean = cv2.blur(colours * weight[..., None], box) / safe
    square = cv2.blur(np.square(colours) * weight[..., None], box) / safe
    spread = np.maximum(square - mean**2, 0.0).mean(axis=2) + MIN_VARIANCE
    distance = np.square(colours - mean).sum(axis=2)
    return distance / spread + 3.0 * np.log(spread), share > 0.01


def _keep_body(
    mask: NDArray[np.float32], face_centre: FloatArray, max_hole_px: float
) -> NDArray[np.float32]:
    """Only what hangs together with the face, small holes closed."""
    _, labels = cv2.connectedComponents((mask > 0.5).astype(np.uint8))
    height, width = mask.shape
    x, y = np.clip(face_centre, 0, (width - 1, height - 1)).astype(int)
    body = (labels == labels[y, x]) if labels[y, x] else mask > 0.5
    near = cv2.dilate(body.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    _, holes, stats, _ = cv2.connectedComponentsWithStats((~body).astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < max_hole_px
    small[0] = False
    return np.where(small[np.asarray(holes, int)], np.maximum(mask, 0.98), mask * near).astype(
        np.float32
    )
