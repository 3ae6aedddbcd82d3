"""Little clips for the tests: a drawn face that the detector takes for one, encoded with PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

SKIN, HAIR, CLOTH, LIPS = (205, 160, 135), (50, 35, 25), (60, 60, 90), (180, 90, 90)
SHADE, WALL = (160, 115, 95), (120, 140, 160)
OVERSAMPLED = 2
SAMPLE = Path(__file__).parents[1] / "studio_avatar_addon" / "assets" / "sample" / "sample.mp4"


def sample_frames() -> list[np.ndarray]:
    """The shipped sample's 42 frames, (768, 432, 3) uint8: a head that turns to 46° both sides."""
    with av.open(str(SAMPLE)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def zoomed(picture: np.ndarray, factor: float) -> np.ndarray:
    """(H, W, 3) enlarged about its middle."""
    middle = np.array(picture.shape[1::-1]) / 2
    to_zoomed = np.column_stack([np.eye(2) * factor, middle * (1 - factor)])
    return cv2.warpAffine(picture, to_zoomed, picture.shape[1::-1])


def smeared(picture: np.ndarray, length_px: int) -> np.ndarray:
    """(H, W, 3) blurred as by a movement across the picture."""
    return cv2.blur(picture, (length_px, 1))


def gone_aside(picture: np.ndarray, shift_px: int) -> np.ndarray:
    """(H, W, 3) with everything moved to the right, and its stretched rims left behind."""
    width = picture.shape[1]
    rims = np.hstack([picture[:, :40], picture[:, -40:]])
    left_behind = cv2.resize(rims, (width, len(picture)))
    left_behind[:, shift_px:] = picture[:, : max(0, width - shift_px)]
    return left_behind


def with_spectacles(picture: np.ndarray, eyes_px: np.ndarray) -> np.ndarray:
    """(H, W, 3) with a dark frame drawn around the pupils (2, 2) and across the nose."""
    picture = picture.copy()
    right, left = np.round(eyes_px).astype(int)
    radius = round(0.36 * float(np.linalg.norm(left - right)))
    inward = np.array([radius, 0])
    for eye in (right, left):
        cv2.circle(picture, eye.tolist(), radius, (25, 20, 20), 5, cv2.LINE_AA)
    ends = (right + inward).tolist(), (left - inward).tolist()
    cv2.line(picture, *ends, (25, 20, 20), 5, cv2.LINE_AA)
    return picture


class NoProgress:
    def __call__(self, done: float, total: float, message: str = "") -> None:
        pass

    def warn(self, finding: object) -> None:
        pass


def drawn_face(
    size: tuple[int, int] = (480, 360),
    centre: tuple[float, float] = (240, 160),
    half_width: float = 60.0,
    yaw_deg: float = 0.0,
    picture: np.ndarray | None = None,
) -> np.ndarray:
    """(H, W, 3) uint8 with a face on a plain wall, or on top of `picture`."""
    width, height = size
    if picture is None:
        picture = np.full((height, width, 3), WALL, np.uint8)
    canvas = cv2.resize(picture, None, fx=OVERSAMPLED, fy=OVERSAMPLED)
    unit = half_width * OVERSAMPLED
    turn, shrink = np.sin(np.radians(yaw_deg)), np.cos(np.radians(yaw_deg))

    def at(x: float, y: float, depth: float = 1.0) -> tuple[int, int]:
        return (
            round(centre[0] * OVERSAMPLED + unit * (x * shrink + 0.7 * depth * turn)),
            round(centre[1] * OVERSAMPLED + unit * y),
        )

    def oval(place, axes, colour, start=0, end=360, thickness=-1.0) -> None:
        line = -1 if thickness < 0 else max(1, round(unit * thickness))
        size = (round(unit * axes[0]), round(unit * axes[1]))
        cv2.ellipse(canvas, place, size, 0, start, end, colour, line)

    cv2.rectangle(canvas, at(-0.45, 0.8, 0), at(0.45, 2.4, 0), (190, 145, 120), -1)
    oval(at(0, 2.9, 0), (2.0, 1.2), CLOTH, 180, 360)
    oval(at(0, -0.15, 0), (1.12, 1.5), HAIR)
    oval(at(0, 0.1, 0.15), (1.0, 1.32), SKIN)
    oval(at(0, -0.95, 0.4), (0.95, 0.38), HAIR, 180, 360)
    for side in (-1, 1):
        oval(at(0.42 * side, -0.12, 0.75), (0.19, 0.09), (245, 245, 245))
        oval(at(0.42 * side, -0.12, 0.8), (0.085, 0.085), (60, 40, 30))
        oval(at(0.42 * side, -0.15, 0.75), (0.2, 0.09), HAIR, 190, 350, 0.03)
        oval(at(0.42 * side, -0.3, 0.75), (0.27, 0.1), HAIR, 200, 340, 0.07)
        oval(at(0.1 * side, 0.32, 0.95), (0.06, 0.035), (120, 80, 70))
    oval(at(0, 0.33, 0.95), (0.18, 0.09), SHADE, 20, 160, 0.04)
    oval(at(0, 0.62, 0.8), (0.32, 0.1), LIPS)
    oval(at(0, 0.62, 0.8), (0.3, 0.012), (110, 50, 50))
    soft = cv2.GaussianBlur(canvas, (0, 0), 1.2 * OVERSAMPLED)
    return cv2.resize(soft, size, interpolation=cv2.INTER_AREA)


def turning_face(count: int = 24, widest_deg: float = 30.0, **drawn) -> list[np.ndarray]:
    """Frames of a face that turns from side to side."""
    return [drawn_face(yaw_deg=yaw, **drawn) for yaw in np.linspace(-widest_deg, widest_deg, count)]


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    layout: str = "yuv420p",
    stamps: Sequence[int] | None = None,
    colours: dict[str, int] | None = None,
    **options: str,
) -> Path:
    """Encode (H, W, 3) uint8 frames at 25 frames a second; `stamps` in milliseconds."""
    frames = list(frames)
    height, width = frames[0].shape[:2]
    container_options = {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, layout
        stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in (colours or {}).items():
            setattr(stream.codec_context, name, value)
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format=layout, dst_colorspace="itu709"
            )
            frame.pts = stamps[index] if stamps else index * 40
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def tag_rotation(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Overwrite a, b, c, d of the display matrix in the mp4's track header."""
    data = bytearray(path.read_bytes())
    # Version 0 of `tkhd`: 40 bytes after its name begin nine 16.16 numbers a b u c d v x y w.
    start = data.index(b"tkhd") + 4 + 40
    for place, value in zip((0, 1, 3, 4), matrix, strict=True):
        data[start + 4 * place : start + 4 * place + 4] = (value * 65536).to_bytes(
            4, "big", signed=True
        )
    path.write_bytes(data)
