"""Rendered frames in, a phone's video file out: its noise, its tone, its compression."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.files import whole_file
from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.image_files import pixels_8bit, read_image, unit_from_pixels

CRF = "17"
_NOISE_SD = 0.006  # of mid-grey, in sRGB; shadows have more
_CONTRAST = 0.12  # share of a smooth S-curve in the tone


def encode_clip(frames: Sequence[Path], fps: float, path: Path, seed: int) -> Path:
    """Finish PNG frames as a phone would and write them as H.264; returns `path`."""
    random = np.random.default_rng(seed)
    with whole_file(path) as partial, av.open(str(partial), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        height, width = read_image(frames[0]).shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": CRF, "preset": "slow"}
        context = stream.codec_context
        context.colorspace, context.color_range = 1, 1  # BT.709, limited
        context.color_primaries, context.color_trc = 1, 1
        for frame in frames:
            picture = _finish(unit_from_pixels(read_image(frame)[..., :3]), random)
            image = av.VideoFrame.from_ndarray(picture, format="rgb24")
            signal = image.reformat(format="yuv420p", dst_colorspace="ITU709")
            container.mux(stream.encode(signal))
        container.mux(stream.encode())
    return path


def _finish(srgb: FloatArray, random: np.random.Generator) -> NDArray[np.uint8]:
    """Tone curve and sensor noise on (H, W, 3) in [0, 1]."""
    toned = srgb + _CONTRAST * (srgb * srgb * (3.0 - 2.0 * srgb) - srgb)
    luminance = random.normal(0.0, _NOISE_SD, (*srgb.shape[:2], 1))
    chroma = random.normal(0.0, 0.5 * _NOISE_SD, srgb.shape)
    return pixels_8bit(toned + (luminance + chroma) * (1.3 - toned))
