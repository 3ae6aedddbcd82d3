"""Is a PNG whole? Blender shows one with a wrong bit as an empty picture and calls that success."""

from __future__ import annotations

import struct
import zlib
from io import BufferedReader
from pathlib import Path

from .files import open_regular

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEAD_BYTES = 24  # up to the size, the first chunk's first content
LARGEST_SIDE_PX = 16384  # four times our largest map; more would not fit into graphics memory
_PIECE_BYTES = 1 << 20  # read at once


def check_png(path: Path) -> None:
    """Compare every chunk with its checksum, as far as the last one.

    Raises OSError where it cannot be read, ValueError where it is no whole PNG or too large.
    """
    with open_regular(path) as stream:
        if stream.read(len(SIGNATURE)) != SIGNATURE:
            raise ValueError("it is no PNG")
        kind, header = _checked_chunk(stream)
        if kind != b"IHDR" or len(header) < 8:
            raise ValueError("it does not begin as a PNG")
        _check_size(*struct.unpack_from(">2I", header))
        has_pixels = False
        while kind != b"IEND":
            kind, _ = _checked_chunk(stream)
            has_pixels |= kind == b"IDAT"
    if not has_pixels:
        raise ValueError("it holds no pixels")


def check_png_size(head: bytes) -> None:
    """Raises ValueError where a picture's first PNG_HEAD_BYTES are those of a PNG that is too large
    to be decoded; what is no PNG passes."""
    if head.startswith(SIGNATURE) and len(head) >= PNG_HEAD_BYTES:
        _check_size(*struct.unpack_from(">2I", head, PNG_HEAD_BYTES - 8))


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= LARGEST_SIDE_PX and 0 < height <= LARGEST_SIDE_PX):
        raise ValueError(f"a picture of {width} x {height} pixels is impossible")


def _checked_chunk(stream: BufferedReader) -> tuple[bytes, bytes]:
    """The next chunk's kind and the first piece of its content.

    Raises ValueError where its checksum is wrong or the file ends.
    """
    start = stream.read(8)
    if len(start) < 8:
        raise ValueError("it was cut off")
    left, kind = struct.unpack(">I4s", start)
    checksum, first = zlib.crc32(kind), b""
    while left:
        piece = stream.read(min(left, _PIECE_BYTES))
        if not piece:
            raise ValueError("it was cut off")
        first = first or piece
        checksum, left = zlib.crc32(piece, checksum), left - len(piece)
    if stream.read(4) != struct.pack(">I", checksum):
        raise ValueError("a checksum in it is wrong")
    return kind, first
