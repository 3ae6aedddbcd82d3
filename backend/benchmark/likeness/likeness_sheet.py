"""An avatar and its pictures in light in; one row of labelled pictures for people to judge, out.

Filmed from the right, from the front and from the left; without light, in light, split light from
both sides; profile; clay; eyes as filmed and as rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from studio_avatar_addon.avatar.frames import head_turn_rad
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.types import FloatArray

from ...detector.landmark_indices import EYE_REGIONS
from ...imaging.image_files import Image8, read_image_8bit, write_png
from ...stages.frame_sampling.posed_head import pose_head
from ...store.report import draw_label
from .portraits import (
    CLAY,
    CLAY_PROFILE,
    FRONT,
    PROFILE,
    SIZE_PX,
    SPLIT_LEFT,
    SPLIT_RIGHT,
    draw_unlit,
    portrait_camera,
    posed_portrait,
)
from .subjects import Subject

COLUMNS = 6  # below 2,700 px: the whole row is seen at once
SIDE_DEG = 35.0  # of the frames from the sides, or the nearest that there is
EYES_MARGIN = 0.25  # of the eyes' width, to every side
BEYOND = (40, 40, 40)
ACTING = [SHAPE_INDEX[name] for name in ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen")]
ACTING_DEG = 20.0  # of turn that shut eyes or an open mouth are as bad as


def avatar_rows(subject: Subject, lit: Mapping[str, Image8], name: str) -> Image8:
    """(H, W, 3): rows of COLUMNS pictures; `name`: of the avatar's folder, written into them."""
    template, fit = subject.template, subject.fit
    posed = posed_portrait(fit, template)
    landmarks = portrait_camera().project(template.landmarks_m(posed.vertices_camera))
    shots = _frames(subject)
    front = shots["filmed, front"]
    tiles = {title: _like_portrait(subject, k) for title, k in shots.items()}
    tiles["without light"] = draw_unlit(posed, template, subject.detail.base_color_srgb)
    titles = {
        FRONT: "soft box", SPLIT_LEFT: "split, from its left", SPLIT_RIGHT: "split, from its right",
        PROFILE: "soft box, profile", CLAY: "clay, split", CLAY_PROFILE: "clay, profile",
    }  # fmt: skip
    tiles |= {title: lit[picture] for picture, title in titles.items()}
    frame = read_image_8bit(subject.capture.frame_paths[front])
    both = _eyes(frame, subject.track.frame_landmarks_px[front]), _eyes(lit[FRONT], landmarks)
    tiles["eyes: filmed, soft box"] = np.vstack(both)
    labelled = [draw_label(tile, f"{name}: {title}") for title, tile in tiles.items()]
    missing = -len(labelled) % COLUMNS
    labelled += [np.full_like(labelled[0], BEYOND[0])] * missing
    rows = [np.hstack(labelled[i : i + COLUMNS]) for i in range(0, len(labelled), COLUMNS)]
    return np.vstack(rows)


def write_sheet(path: Path, rows: list[Image8]) -> None:
    """The rows of every folder's avatar, one below the other."""
    write_png(path, np.vstack(rows), compression=6)


def _frames(subject: Subject) -> dict[str, int]:
    """Chosen frames by title: from the right, the most frontal one, from the left."""
    used = np.flatnonzero(subject.fit.frame_used)
    turn_deg = np.degrees(head_turn_rad(subject.fit.camera_from_head[used]))
    # Eyes half shut and an open mouth tell little about a face at rest.
    acting = subject.fit.expression[used][:, ACTING].mean(axis=1)
    front = used[np.argmin(np.hypot(*turn_deg.T) + ACTING_DEG * acting)]
    right, left = (
        used[np.argmin(np.abs(turn_deg[:, 0] - deg) + 0.5 * np.abs(turn_deg[:, 1]))]
        for deg in (-SIDE_DEG, SIDE_DEG)
    )
    shots = {"filmed, right": right, "filmed, front": front, "filmed, left": left}
    return {title: int(k) for title, k in shots.items()}


def _like_portrait(subject: Subject, k: int) -> Image8:
    """A frame, cropped so that the head is about as large as in the portraits."""
    frame = read_image_8bit(subject.capture.frame_paths[k])
    posed = pose_head(subject.fit, k, subject.template)
    at_rest = posed_portrait(subject.fit, subject.template)
    from_px, to_px = (_head_box(one.points_px) for one in (posed, at_rest))
    scale = np.ptp(to_px[:, 1]) / np.ptp(from_px[:, 1])
    shift = to_px.mean(axis=0) - scale * from_px.mean(axis=0)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    flags = cv2.INTER_CUBIC
    if scale < 1.0:
        frame, flags = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale), cv2.INTER_LINEAR
    return cv2.warpAffine(frame, matrix, SIZE_PX, flags=flags, borderValue=BEYOND).astype(np.uint8)


def _head_box(points_px: FloatArray) -> FloatArray:
    """(2, 2) corners round most of the head's vertices."""
    return np.percentile(points_px, [2.0, 98.0], axis=0)


def _eyes(picture: Image8, landmarks_px: FloatArray) -> Image8:
    """The strip with both eyes and brows, half as high as a portrait."""
    points = landmarks_px[list(EYE_REGIONS[0] + EYE_REGIONS[1])]
    width, height = SIZE_PX[0], SIZE_PX[1] // 2
    scale = width / (np.ptp(points[:, 0]) * (1.0 + 2.0 * EYES_MARGIN))
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    shift = np.array([width, height]) / 2 - scale * middle
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    strip = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC,
                           borderValue=BEYOND)  # fmt: skip
    return strip.astype(np.uint8)
