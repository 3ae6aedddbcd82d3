"""A folder of photos in, upright pictures in sRGB out, all of one size (Pillow)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from studio_avatar_addon.avatar.errors import FootageUnreadable

from ...imaging.colour_profile import convert_to_srgb
from .source import SourceFacts, focal_from_equivalent, photo_files

# The texture stages hold several frames at once; 4K video is the largest they are meant for.
MAX_SIDE_PX = 3840
EXIF_FOLDER, EXIF_FOCAL_35MM, EXIF_ORIENTATION = 0x8769, 0xA405, 0x0112
QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


class PhotoFolder:
    """Photos of the most frequent size, by name; a photo a second.

    Raises FootageUnreadable where the folder holds no photo that can be read.
    """

    def __init__(self, folder: Path) -> None:
        files = photo_files(folder)
        if not files:
            raise FootageUnreadable(
                f"The folder {folder.name} holds no photos.",
                "Choose a folder with jpg or png photos, or a video.",
            )
        sizes = {file: size for file in files if (size := _upright_size(file))}
        if not sizes:
            raise FootageUnreadable(
                f"None of the {len(files)} photos in {folder.name} can be read.",
                "Export them as jpg; heic is not supported by every installation.",
            )
        size, _ = Counter(sizes.values()).most_common(1)[0]
        self._files = [file for file in files if sizes.get(file) == size]
        shrink = min(1.0, MAX_SIDE_PX / max(size))
        self._size = (round(size[0] * shrink), round(size[1] * shrink))
        self.facts = SourceFacts(
            size_px=self._size,
            fps=1.0,
            rotation_deg=0,
            transfer="srgb",
            focal_px=_focal_px(self._files[0], self._size),
            expected_frames=len(self._files),
            consecutive=False,
            skipped=tuple(file.name for file in files if file not in set(self._files)),
        )

    def pictures(self) -> Iterator[Photo]:
        for index, file in enumerate(self._files):
            yield Photo(file, float(index), self._size)


class Photo:
    """A `Picture` of a file, decoded when it is asked for."""

    def __init__(self, file: Path, time_s: float, size_px: tuple[int, int]) -> None:
        self.time_s = time_s
        self._file = file
        self._size = size_px

    def preview(self) -> NDArray[np.uint8]:
        """(H, W, 3) as `srgb`."""
        return self.srgb()

    def srgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) upright sRGB. Raises FootageUnreadable where the photo is damaged."""
        try:
            with Image.open(self._file) as stored:
                pixels = np.asarray(_rgb(ImageOps.exif_transpose(stored)), np.uint8)
        except (OSError, SyntaxError, ValueError) as error:
            raise FootageUnreadable(
                f"The photo {self._file.name} is damaged.", "Copy it again or remove it."
            ) from error
        if pixels.shape[1::-1] != self._size:
            resized = cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA)
            pixels = np.asarray(resized, np.uint8)
        return pixels


def _rgb(photo: Image.Image) -> Image.Image:
    if photo.mode == "RGB":
        return convert_to_srgb(photo)
    if photo.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(photo) >> 8).astype(np.uint8)).convert("RGB")
    return photo.convert("RGB")


def _upright_size(file: Path) -> tuple[int, int] | None:
    """Width and height as shown; None where the photo cannot be read."""
    try:
        with Image.open(file) as photo:
            width, height = photo.size
            turned = photo.getexif().get(EXIF_ORIENTATION, 1) in QUARTER_TURNS
            photo.load()  # a photo that breaks off still has its size at the start
            return (height, width) if turned else (width, height)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError):
        return None


def _focal_px(file: Path, size_px: tuple[int, int]) -> float | None:
    with Image.open(file) as photo:
        focal_35mm = photo.getexif().get_ifd(EXIF_FOLDER).get(EXIF_FOCAL_35MM)
    return focal_from_equivalent(float(focal_35mm), size_px) if focal_35mm else None
