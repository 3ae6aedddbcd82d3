"""Label maps drawn by hand in, with frames of their clips out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from ...detector.face_mesh import FaceMesh
from ...imaging.image_files import Image8, read_image

OTHER_FRAMES = 9  # of the clip, evenly spread: the clip's own network learns from several


@dataclass(frozen=True)
class LabelledClip:
    """One frame with the truth about it, among K of its clip."""

    name: str
    truth: NDArray[np.uint8]  # (h, w) as `avatar.labels`, of the frame's shape but smaller
    frames: list[Image8]  # K of (H, W, 3)
    landmarks_px: NDArray[np.float32]  # (K, 478, 2)
    at: int  # the labelled one among them


def labelled_clips(labels: Path, clips: Path) -> Iterator[LabelledClip]:
    """Of the maps `CLIP_frame_INDEX.png` in `labels`; the clips lie in `clips` as `CLIP.mp4`."""
    for path in sorted(labels.glob("*.png")):
        told = re.fullmatch(r"(.+)_frame_(\d+)", path.stem)
        if told is None:
            continue
        clip, index = clips / f"{told[1]}.mp4", int(told[2])
        if clip.is_file():
            frames = _read(clip, index)
            landmarks = _detect(frames)
            if index not in landmarks:
                continue
            kept = [number for number in frames if number in landmarks]
            yield LabelledClip(
                told[1],
                read_image(path).astype(np.uint8),
                [frames[number] for number in kept],
                np.stack([landmarks[number] for number in kept]),
                kept.index(index),
            )


def _read(clip: Path, index: int) -> dict[int, Image8]:
    """The labelled frame and others, by their number."""
    with av.open(str(clip)) as container:
        count = container.streams.video[0].frames
        wanted = {index, *np.linspace(0, count - 1, OTHER_FRAMES).round().astype(int).tolist()}
        return {
            number: np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for number, frame in enumerate(container.decode(video=0))
            if number in wanted
        }


def _detect(frames: dict[int, Image8]) -> dict[int, NDArray[np.float32]]:
    with FaceMesh(tracking=False) as mesh:
        found = {number: mesh.detect(frame) for number, frame in frames.items()}
    return {number: faces[0] for number, faces in found.items() if len(faces)}


def at_size_of(truth: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels of the frame (H, W) at the truth's size."""
    size = truth.shape[1::-1]
    return np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
