"""Rendered frames in, what a phone in a poor light would have stored of them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ...imaging.image_files import (
    Image8,
    linear_from_srgb,
    pixels_8bit,
    read_image_8bit,
    srgb_from_linear,
    unit_from_pixels,
    write_jpeg,
)
from ...store.stage_cache import fingerprint

BLUR_PX = 0.8  # standard deviation
SHOT_NOISE, READ_NOISE = 0.02, 0.004  # of linear full scale; the former at full exposure
GAIN_WOBBLE, WHITE_WOBBLE = 0.08, 0.04  # standard deviations of logarithms, frame by frame
# Visible blocks, as in a clip that a messenger has compressed once more.
JPEG_QUALITY = 55


def write_degraded_photos(frames: Sequence[Path], folder: Path, seed: int) -> Path:
    """Write each frame, degraded, as JPEG to a folder in `folder`, unless all are there; returns
    that folder, whose name tells the degradation."""
    folder /= fingerprint(BLUR_PX, SHOT_NOISE, READ_NOISE, GAIN_WOBBLE, WHITE_WOBBLE, JPEG_QUALITY)
    photos = [folder / f"{frame.stem}.jpg" for frame in frames]
    if all(photo.is_file() for photo in photos):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for frame, photo in zip(frames, photos, strict=True):
        write_jpeg(photo, degrade(read_image_8bit(frame), random), JPEG_QUALITY)
    return folder


def degrade(image_srgb: Image8, random: np.random.Generator) -> Image8:
    """(H, W, 3) uint8: another exposure and white balance, blur, shot and read noise."""
    linear = linear_from_srgb(unit_from_pixels(image_srgb))
    gain = np.exp(GAIN_WOBBLE * random.standard_normal() + WHITE_WOBBLE * random.standard_normal(3))
    linear = cv2.GaussianBlur(linear * gain.astype(np.float32), (0, 0), BLUR_PX)
    noise = np.sqrt(SHOT_NOISE**2 * linear.clip(0.0) + READ_NOISE**2)
    noisy = linear + noise * random.standard_normal(linear.shape, np.float32)
    return pixels_8bit(srgb_from_linear(noisy.clip(0.0, 1.0)))
