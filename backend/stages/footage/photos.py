"""A folder of photos in, upright pictures in sRGB out, all of one size (Pillow)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from studio_avatar_addon.avatar.errors import FootageUnreadable
from studio_avatar_addon.avatar.files import open_regular

from ...imaging.colour_profile import convert_to_srgb
from .source import SourceFacts, focal_from_equivalent, photo_files

# The texture stages hold several frames at once; 4K video is the largest they are meant for.
MAX_SIDE_PX = 3840
# What is decoded at once. Phones take 200 megapixels, but those are jpg, which can be decoded at an
# eighth to a half of its size. Others have to be held whole, with up to two copies of 4 bytes.
MAX_DECODED_PX = 70_000_000
Image.MAX_IMAGE_PIXELS = None  # Pillow's own bound looks at the size before that, not after it
EXIF_FOLDER, EXIF_FOCAL_35MM, EXIF_ORIENTATION = 0x8769, 0xA405, 0x0112
QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


class PhotoFolder:
    """Photos of the most frequent size once they are shrunk, by name; a photo a second.

    Raises FootageUnreadable where the folder holds no photo that can be read.
    """

    def __init__(self, folder: Path) -> None:
        files = photo_files(folder)
        if not files:
            raise FootageUnreadable(
                f"The folder {folder.name} holds no photos.",
                "Choose a folder with jpg or png photos, or a video.",
            )
        sizes: dict[Path, tuple[int, int]] = {}
        too_large = 0
        for file in files:
            try:
                sizes[file] = _size_used(file)
            except _TooLarge:
                too_large += 1
            except (OSError, SyntaxError, ValueError):
                continue
        if not sizes:
            raise _none_usable(folder, len(files), too_large)
        self._size, _ = Counter(sizes.values()).most_common(1)[0]
        self._files = [file for file in files if sizes.get(file) == self._size]
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
            with _decodable(self._file) as (stored, _):
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


class _TooLarge(ValueError):
    """More pixels than can be decoded at once."""


@contextmanager
def _decodable(file: Path) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """A photo that is not decoded yet, to be decoded hardly larger than it is needed, and that
    width and height: MAX_SIDE_PX at most.

    Raises _TooLarge; OSError, SyntaxError or ValueError where it cannot be read.
    """
    with open_regular(file) as stream, Image.open(stream) as photo:
        whole = photo.size
        shrink = min(1.0, MAX_SIDE_PX / max(whole))
        size = (max(1, round(whole[0] * shrink)), max(1, round(whole[1] * shrink)))
        photo.draft(None, size)
        # A progressive jpg is held whole, whatever comes out.
        width, height = whole if photo.info.get("progressive") else photo.size
        if width * height > MAX_DECODED_PX:
            raise _TooLarge
        yield photo, size


def _size_used(file: Path) -> tuple[int, int]:
    """Width and height of an upright photo as it is worked with. Raises as `_decodable`."""
    with _decodable(file) as (photo, size):
        turned = photo.getexif().get(EXIF_ORIENTATION, 1) in QUARTER_TURNS
        photo.load()  # a photo that breaks off still has its size at the start
    return (size[1], size[0]) if turned else size


def _none_usable(folder: Path, count: int, too_large: int) -> FootageUnreadable:
    if too_large == count:
        return FootageUnreadable(
            f"The photos in {folder.name} have more than {MAX_DECODED_PX // 1_000_000} megapixels, "
            "which is read from plain jpg only.",
            "Export them as plain jpg or smaller.",
        )
    return FootageUnreadable(
        f"None of the {count} photos in {folder.name} can be read.",
        "Export them as jpg; heic is not supported by every installation.",
    )


def _focal_px(file: Path, size_px: tuple[int, int]) -> float | None:
    """None also where what is stored is no number."""
    with _decodable(file) as (photo, _):
        stored = photo.getexif().get_ifd(EXIF_FOLDER).get(EXIF_FOCAL_35MM)
    try:
        focal_35mm = float(stored or 0)
    except (TypeError, ValueError):
        return None
    return focal_from_equivalent(focal_35mm, size_px) if 0 < focal_35mm < np.inf else None
