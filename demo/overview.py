"""The report's pictures and the relit stills in, one overview picture (JPEG) out: the README's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from backend.images import read_image
from backend.report import PICTURE_HEIGHT, VERSION_FRAMES

FILMED, PHONE, DETAIL = 0, 1, 3  # columns of the report's versions sheet


def write_overview(path: Path, versions: Path, stills: Sequence[Path]) -> None:
    """Top row: filmed, texture as filmed, finished texture; bottom row: up to three stills."""
    sheet, tile = read_image(versions), PICTURE_HEIGHT
    top = (sheet.shape[0] // tile // 2) * tile  # the middle one of at most VERSION_FRAMES rows
    assert sheet.shape[0] <= VERSION_FRAMES * tile
    upper = [sheet[top : top + tile, c * tile : (c + 1) * tile] for c in (FILMED, PHONE, DETAIL)]
    lower = [
        cv2.resize(read_image(still)[..., :3], (tile, tile), interpolation=cv2.INTER_AREA)
        for still in stills[: len(upper)]
    ]
    picture = np.vstack([np.hstack(upper), np.hstack(lower)])
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    path.write_bytes(encoded.tobytes())
