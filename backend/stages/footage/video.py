"""A video file in, upright pictures in display-referred sRGB out (PyAV).

Deals with rotation tags, variable frame rate, wide pixels, 10-bit and HDR signals, interlacing
and files that end too early.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import FootageUnreadable
from studio_avatar_addon.avatar.files import open_regular

from .source import SourceFacts, focal_from_equivalent
from .transfer import srgb_from_signal

# Others are shown as BT.709, as players do.
TRANSFERS = {
    int(ColorTrc.ARIB_STD_B67): "hlg",
    int(ColorTrc.SMPTE2084): "pq",
    int(ColorTrc.IEC61966_2_1): "srgb",
}
# More broken packets in a row than this mean that nothing more is to be had.
MAX_BROKEN_PACKETS = 300
# How mp4 and mov, mkv and webm, and avi files begin.
VIDEO_SIGNATURES = (b"ftyp", b"moov", b"\x1a\x45\xdf\xa3", b"AVI ")
SIGNATURE_BYTES = 16
COPY_AGAIN = "Copy it from the phone again."


class VideoFile:
    """Raises FootageUnreadable on opening where no picture can be decoded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with av.open(str(path)) as container:
                first = next(_decode_frames(container), None) if container.streams.video else None
                if first is None:
                    raise FootageUnreadable(
                        f"{path.name} holds no pictures that can be read: it is cut off, or has "
                        "only sound.",
                        "Copy it from the phone again, or choose another video.",
                    )
                self._orientation = _orientation(first)
                self.facts = _facts(container, first, self._orientation)
        except FFmpegError as error:
            raise _not_a_video(path, error) from error

    def pictures(self) -> Iterator[VideoPicture]:
        """Every frame in order of presentation, times in seconds from the first one on."""
        with av.open(str(self._path)) as container:
            base = container.streams.video[0].time_base
            start, last = None, -1.0
            for index, frame in enumerate(_decode_frames(container)):
                if frame.pts is None or base is None:
                    stamp = index / self.facts.fps
                else:
                    stamp = float(frame.pts * base)
                start = stamp if start is None else start
                # A repeated or backward stamp would make two frames one.
                last = max(stamp - start, last + 1e-3)
                yield VideoPicture(frame, last, self.facts, self._orientation)


class VideoPicture:
    """A `Picture` of a decoded frame, converted when it is asked for."""

    def __init__(
        self,
        frame: av.VideoFrame,
        time_s: float,
        facts: SourceFacts,
        orientation: NDArray[np.int64],
    ) -> None:
        self.time_s = time_s
        self._frame = frame
        self._facts = facts
        self._orientation = orientation

    def preview(self) -> NDArray[np.uint8]:
        """(H, W, 3) sRGB at full size; HDR by a table for greys, primaries as they are."""
        pixels = self._pixels("rgb24")
        if self._facts.transfer in ("hlg", "pq"):
            pixels = np.asarray(cv2.LUT(pixels, _preview_table(self._facts.transfer)), np.uint8)
        return pixels

    def srgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) sRGB at full size."""
        wide = self._frame.color_primaries == ColorPrimaries.BT2020
        if self._facts.transfer in ("hlg", "pq") or wide:
            return srgb_from_signal(self._pixels("rgb48le"), self._facts.transfer, wide)
        return self._pixels("rgb24")

    def _pixels(self, layout: str) -> NDArray:
        transposed = self._orientation[0, 0] == 0
        width, height = self._facts.size_px[::-1] if transposed else self._facts.size_px
        stored = self._frame.reformat(
            width=width,
            height=height,
            format=layout,
            src_colorspace=_colour_matrix(self._frame),
            dst_color_range=ColorRange.JPEG,
        ).to_ndarray()
        if self._frame.interlaced_frame:
            # One field, stretched: half the lines, but none from another moment.
            stored = cv2.resize(stored[::2], (width, height), interpolation=cv2.INTER_CUBIC)
        return _rotate_upright(stored, self._orientation)


def _decode_frames(container: InputContainer) -> Iterator[av.VideoFrame]:
    """Every frame that can be decoded; broken packets are stepped over."""
    stream = container.streams.video[0]
    if stream.codec_context is None:  # nothing here decodes it, or its header was cut off
        return
    stream.thread_type = "AUTO"
    broken = 0
    for packet in _readable_packets(container.demux(stream)):
        try:
            frames = packet.decode()
            broken = 0
        except MemoryError:  # one of FFmpeg's, too; the packet is not to blame
            raise
        except FFmpegError:
            broken += 1
            if broken > MAX_BROKEN_PACKETS:
                return
            continue
        yield from frames
    with _damage_tolerated():
        yield from stream.codec_context.decode(None)  # what the decoder still holds


def _readable_packets(packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """Packets up to the end of the file, or to where a truncated one cannot be read on; the
    empty one that asks for the decoder's last frames is left out, as not every file gives it."""
    with _damage_tolerated():
        yield from (packet for packet in packets if packet.size)


@contextmanager
def _damage_tolerated() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except FFmpegError:
        pass


def _facts(
    container: InputContainer, first: av.VideoFrame, orientation: NDArray[np.int64]
) -> SourceFacts:
    stream = container.streams.video[0]
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = round(first.width * aspect), first.height
    size = (height, width) if orientation[0, 0] == 0 else (width, height)
    fps = float(stream.average_rate or stream.guessed_rate or 30)
    expected = stream.frames
    if not expected and container.duration:
        expected = round(container.duration / av.time_base * fps)
    return SourceFacts(
        size_px=size,
        fps=fps,
        rotation_deg=round(np.degrees(np.arctan2(orientation[0, 1], orientation[0, 0]))) % 360,
        transfer=TRANSFERS.get(int(first.color_trc), "bt709"),
        focal_px=_focal_px({**container.metadata, **stream.metadata}, size),
        expected_frames=expected or None,
        consecutive=True,
    )


def _focal_px(metadata: dict[str, str], size_px: tuple[int, int]) -> float | None:
    for key, value in metadata.items():
        if "focal_length" in key and "35mm" in key:
            try:
                return focal_from_equivalent(float(value), size_px)
            except ValueError:
                return None
    return None


def _orientation(frame: av.VideoFrame) -> NDArray[np.int64]:
    """(2, 2) of -1, 0, 1: where the stored x and y axes (rows) point when shown upright."""
    stored = frame.side_data.get(SideDataType.DISPLAYMATRIX.name)
    if stored is None:
        return np.eye(2, dtype=np.int64)
    a, b, _, c, d = np.frombuffer(bytes(stored), np.int32)[:5].astype(float)
    if abs(a) >= abs(b):
        return np.diag(np.sign([a, d])).astype(np.int64)
    return np.array([[0, np.sign(b)], [np.sign(c), 0]], np.int64)


def _rotate_upright(pixels: NDArray, orientation: NDArray[np.int64]) -> NDArray:
    if orientation[0, 0] == 0:
        pixels = pixels.swapaxes(0, 1)
    to_right, to_bottom = orientation.sum(axis=0)
    if to_right < 0:
        pixels = pixels[:, ::-1]
    if to_bottom < 0:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _colour_matrix(frame: av.VideoFrame) -> int:
    """Which Y'CbCr matrix; untagged video follows the custom of its size."""
    tagged = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601}
    tagged |= {9: Colorspace.BT2020, 10: Colorspace.BT2020}
    untagged = Colorspace.ITU709 if min(frame.width, frame.height) >= 720 else Colorspace.ITU601
    return tagged.get(frame.colorspace, untagged)


@lru_cache(maxsize=2)
def _preview_table(transfer: str) -> NDArray[np.uint8]:
    """(256,) the exact conversion of greys, good enough for every colour in a preview."""
    greys = np.repeat((np.arange(256) * 257).astype(np.uint16)[:, None, None], 3, axis=2)
    return srgb_from_signal(greys, transfer, wide_primaries=False)[:, 0, 0]


def _not_a_video(path: Path, error: FFmpegError) -> FootageUnreadable:
    with open_regular(path) as stream:
        head = stream.read(SIGNATURE_BYTES)
    if not head:
        return FootageUnreadable(f"{path.name} is an empty file.", COPY_AGAIN)
    if any(signature in head for signature in VIDEO_SIGNATURES):
        return FootageUnreadable(
            f"{path.name} is incomplete or damaged: it was cut off before its end.", COPY_AGAIN
        )
    return FootageUnreadable(
        f"{path.name} is not a video that can be read ({error.strerror}).",
        "Choose an mp4, mov, m4v, webm, avi or mkv file, or a folder of photos.",
    )
