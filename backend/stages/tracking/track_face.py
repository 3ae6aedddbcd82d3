"""A `Capture` in, one person's face and silhouette out: landmarks of all frames, masks and labels
of the chosen ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import Capture, FaceTrack, Finding, FloatArray, Progress

from ...detector.face_mesh import FaceMesh, HandDetector, PersonSegmenter
from ...imaging.image_files import pixels_8bit, read_image_8bit, write_png
from ..footage.head_view import head_view
from .hand_mask import hand_mask
from .hand_occlusion import hands_before_face
from .labels.label_frames import FrameLabeller
from .labels.label_network import load_label_network
from .person_mask import person_mask
from .static_landmarks import MISLED_CONFIDENCE, detection_confidence, static_landmarks

# By the frame's number in the clip.
MASK_NAME = "mask_{:06d}.png"
LABELS_NAME, HAIR_NAME = "frame_{:06d}_labels.png", "frame_{:06d}_hair.png"
PASSES = 2.0  # over the chosen frames: faces and persons, then labels
# Shares of the chosen frames from which on the artist is told.
MISLED_THRESHOLD = 0.3  # fewer are outvoted in the fit
# Dim faces are now and then taken for a fist, in one frame of 16 or two of 28.
HAND_THRESHOLD = 0.1
HAT_SHARE, HAT_THRESHOLD = 0.4, 0.5  # of the scalp, and of the frames in which it is covered so far


@dataclass(frozen=True)
class _Labels:
    """Of the chosen frames."""

    label_paths: tuple[Path, ...]
    hair_paths: tuple[Path, ...]
    hat_shares: list[float]  # of the scalp


def track_face(capture: Capture, images: Path, progress: Progress) -> FaceTrack:
    """Landmarks, their confidence, person masks and labels; pictures go to the folder `images`.

    `frame_landmarks_px` never holds NaN: where the static detection fails or lies elsewhere than
    the tracked one, the tracked one stands in and `confidence` of that frame is at most 0.2.
    Frames with confidence 0 are NaN in `landmarks_px`.
    """
    view = head_view(capture.detections_px, capture.camera_guess)
    confidence = detection_confidence(capture.detections_px, view)
    tracked = capture.detections_px[capture.frame_index]
    chosen = tracked.copy()
    mask_paths = []
    hands_px = []
    misled = 0
    with FaceMesh(tracking=False) as mesh, PersonSegmenter() as segmenter, HandDetector() as hands:
        for k, frame in enumerate(capture.frame_index):
            progress(k, PASSES * len(chosen), f"frame {frame}")
            image = read_image_8bit(capture.frame_paths[k])
            found = static_landmarks(image, tracked[k], mesh)
            if found is None:
                misled += 1
                confidence[frame] = min(confidence[frame], MISLED_CONFIDENCE)
            else:
                chosen[k] = found
            hands_px.append(hands.detect(image))
            mask_paths.append(images / MASK_NAME.format(frame))
            write_png(mask_paths[-1], pixels_8bit(person_mask(image, chosen[k], segmenter)))
    labels = _label(capture, chosen, hands_px, images, progress)
    return FaceTrack(
        landmarks_px=np.where(confidence[:, None, None] > 0, capture.detections_px, np.nan),
        confidence=confidence,
        frame_landmarks_px=chosen,
        mask_paths=tuple(mask_paths),
        label_paths=labels.label_paths,
        hair_paths=labels.hair_paths,
        findings=(
            *_about_landmarks(misled, len(chosen)),
            *_about_hands(np.stack(hands_px), chosen),
            *_about_hats(labels.hat_shares),
        ),
    )


def _label(
    capture: Capture,
    landmarks_px: FloatArray,
    hands_px: list[NDArray[np.float32]],
    images: Path,
    progress: Progress,
) -> _Labels:
    """Write the chosen frames' labels and hair."""
    labeller = FrameLabeller(load_template(), load_label_network())
    count = len(landmarks_px)
    labels, hair, hats = [], [], []
    found = labeller.label(
        lambda k: read_image_8bit(capture.frame_paths[k]),
        landmarks_px,
        (hand_mask(hands, capture.size_px) for hands in hands_px),
        lambda k: progress(count + k, PASSES * count, "telling hair and clothes from skin"),
    )
    for frame, one in zip(capture.frame_index, found, strict=True):
        labels.append(images / LABELS_NAME.format(frame))
        hair.append(images / HAIR_NAME.format(frame))
        write_png(labels[-1], one.labels)
        write_png(hair[-1], one.hair)
        hats.append(one.hat_share)
    return _Labels(tuple(labels), tuple(hair), hats)


def _about_landmarks(misled: int, count: int) -> tuple[Finding, ...]:
    if misled <= MISLED_THRESHOLD * count:
        return ()
    return (
        Finding(
            "face_unclear",
            f"The face could not be read surely in {misled} of {count} chosen frames. Film it with "
            "hair, hands and glasses away from the face, in even light.",
        ),
    )


def _about_hands(hands_px: FloatArray, face_px: FloatArray) -> tuple[Finding, ...]:
    before = int(hands_before_face(hands_px, face_px).sum())
    if before <= HAND_THRESHOLD * len(face_px):
        return ()
    return (
        Finding(
            "hand_before_face",
            f"A hand is before the face in {before} of {len(face_px)} chosen frames: it is kept "
            "out of the texture, but the fit may follow it. Film again with the hands down.",
        ),
    )


def _about_hats(shares: list[float]) -> tuple[Finding, ...]:
    worn = int((np.array(shares) > HAT_SHARE).sum())
    if worn <= HAT_THRESHOLD * len(shares):
        return ()
    return (
        Finding(
            "hat",
            f"A hat or a scarf covers the head in {worn} of {len(shares)} chosen frames: what is "
            "below it is made up. Film again without it.",
        ),
    )
