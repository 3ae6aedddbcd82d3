"""Images in and out: PNG files of 8 or 16 bits, sRGB against linear light, stored frames and masks.

Arrays have the top row first and their channels in the order red, green, blue (alpha).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import read_bytes, write_bytes
from studio_avatar_addon.avatar.png_files import PNG_HEAD_BYTES, check_png_size
from studio_avatar_addon.avatar.types import Capture, FaceTrack, FloatArray

Image8 = NDArray[np.uint8]
Pixels = NDArray[np.uint8 | np.uint16]


def read_image(path: Path) -> Pixels:
    """Pixels (H, W), (H, W, 3) or (H, W, 4) as stored, uint8 or uint16.

    Raises AvatarFolderError where the file is missing or damaged.
    """
    try:
        stored = np.frombuffer(read_bytes(path), np.uint8)
    except OSError as error:
        raise AvatarFolderError(
            f"The picture {path} cannot be read ({error.strerror or error}).",
            "Create the avatar again.",
        ) from error
    try:
        check_png_size(stored[:PNG_HEAD_BYTES].tobytes())
        found = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED)  # raises where it is empty or too large
        if found is None or found.dtype not in (np.uint8, np.uint16):
            raise ValueError("no picture of 8 or 16 bits")
    except (cv2.error, ValueError) as error:
        raise AvatarFolderError(
            f"The picture {path} is damaged.", "Delete it and create the avatar again."
        ) from error
    depth = np.uint8 if found.dtype == np.uint8 else np.uint16
    return _swap_red_and_blue(np.asarray(found, depth))


def write_png(path: Path, pixels: Pixels, compression: int = 3) -> None:
    """Write (H, W), (H, W, 3) or (H, W, 4) uint8 or uint16; the file appears whole or not at all.

    Going through bytes keeps names with non-ASCII letters working on Windows, where OpenCV's own
    file access fails. Raises AvatarFolderError where the folder is full or cannot be written.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"PNG holds 8 or 16 bits, not {pixels.dtype}")
    _, encoded = cv2.imencode(
        ".png", _swap_red_and_blue(pixels), [cv2.IMWRITE_PNG_COMPRESSION, compression]
    )
    write_bytes(path, encoded.data)


def write_jpeg(path: Path, pixels: Image8, quality: int = 90) -> None:
    """Write (H, W, 3) uint8, for people to look at. Raises AvatarFolderError as `write_png`."""
    _, encoded = cv2.imencode(
        ".jpg", _swap_red_and_blue(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    write_bytes(path, encoded.data)


def _swap_red_and_blue(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        return pixels
    code = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    return np.asarray(cv2.cvtColor(pixels, code), pixels.dtype)


def read_image_8bit(path: Path) -> Image8:
    """Pixels (H, W, 3) of a stored frame; raises as `read_image`."""
    return read_image(path).astype(np.uint8, copy=False)


def unit_from_pixels(pixels: Pixels) -> NDArray[np.float32]:
    """Stored integers (...) to float32 (...) in [0, 1]."""
    return pixels.astype(np.float32) / np.iinfo(pixels.dtype).max


def pixels_8bit(values: FloatArray) -> NDArray[np.uint8]:
    """Values (...) in [0, 1] to 8 bits (...), rounded; what lies beyond is clipped."""
    return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)


def pixels_16bit(values: FloatArray) -> NDArray[np.uint16]:
    """Values (...) in [0, 1] to 16 bits (...), rounded; what lies beyond is clipped."""
    return np.rint(np.clip(values, 0.0, 1.0) * 65535.0).astype(np.uint16)


def linear_from_srgb(srgb: FloatArray) -> FloatArray:
    """IEC 61966-2-1 decoding of values (...), [0, 1] to [0, 1]; keeps shape and dtype."""
    low = srgb / 12.92
    high = ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= 0.04045, low, high).astype(srgb.dtype)


def srgb_from_linear(linear: FloatArray) -> FloatArray:
    """IEC 61966-2-1 encoding of values (...); above 1 stays above 1; keeps shape and dtype."""
    positive = np.maximum(linear, 0.0)
    high = 1.055 * positive ** (1.0 / 2.4) - 0.055
    return np.where(positive <= 0.0031308, positive * 12.92, high).astype(linear.dtype)


def load_frame_srgb(capture: Capture, k: int) -> NDArray[np.float32]:
    """Chosen frame k (H, W, 3) in [0, 1], sRGB, as stored: without its gain. Raises as
    `read_image`."""
    return unit_from_pixels(read_image(capture.frame_paths[k]))


def load_frame_linear(capture: Capture, k: int) -> NDArray[np.float32]:
    """Chosen frame k (H, W, 3) in linear light times its gain, so that all frames have one
    exposure; may exceed 1. Raises as `read_image`."""
    decoded = linear_from_srgb(np.arange(256, dtype=np.float32) / 255.0)
    return decoded[read_image_8bit(capture.frame_paths[k])] * capture.frame_gain[k]


def load_labels(track: FaceTrack, k: int) -> NDArray[np.uint8]:
    """What each pixel (H, W) of chosen frame k shows, as `avatar.labels`. Raises as
    `read_image`."""
    return read_image(track.label_paths[k]).astype(np.uint8, copy=False)


def load_hair(track: FaceTrack, k: int) -> NDArray[np.float32]:
    """How much of each pixel (H, W) of chosen frame k is hair, in [0, 1]. Raises as
    `read_image`."""
    return unit_from_pixels(read_image(track.hair_paths[k]))


def load_mask(track: FaceTrack, k: int) -> NDArray[np.float32]:
    """The person's matte (H, W) in [0, 1] of chosen frame k. Raises as `read_image`."""
    return unit_from_pixels(read_image(track.mask_paths[k]))
