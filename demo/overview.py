"""The report's pictures and the relit stills in, one overview picture (JPEG) out: the README's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from backend.imaging.image_files import read_image, write_jpeg
from backend.store.report import PICTURE_HEIGHT, VERSION_FRAMES

FILMED, PHONE, DETAIL = 0, 1, 3  # columns of the report's versions sheet


def write_overview(path: Path, versions: Path, stills: Sequence[Path]) -> None:
    """Top row: filmed, texture as filmed, finished texture; bottom row: up to three stills."""
    sheet, tile = np.asarray(read_image(versions), np.uint8), PICTURE_HEIGHT
    top = (sheet.shape[0] // tile // 2) * tile  # the middle one of at most VERSION_FRAMES rows
    assert sheet.shape[0] <= VERSION_FRAMES * tile
    upper = [sheet[top : top + tile, c * tile : (c + 1) * tile] for c in (FILMED, PHONE, DETAIL)]
    lower = [
        cv2.resize(
            np.asarray(read_image(still)[..., :3], np.uint8),
            (tile, tile),
            interpolation=cv2.INTER_AREA,
        )
        for still in stills[: len(upper)]
    ]
    write_jpeg(path, np.vstack([np.hstack(upper), np.hstack(lower)]))
