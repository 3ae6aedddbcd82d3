"""The chosen frames in; the colour of the coarse skin points in each of them out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import sample_at
from ...imaging.log_light import LUMINANCE, TYPICAL_SKIN, chroma, log_light
from ..frame_sampling.frame_sampler import Frames
from .skin_points import SkinPoints

# Log chroma at which a view shows something else of a point than the others do.
CHROMA_TOLERANCE = 0.25


@dataclass(frozen=True)
class FilmedPoints:
    """n skin points in K views."""

    radiance: NDArray[np.float32]  # (K, n, 3) linear
    weight: NDArray[np.float32]  # (K, n)
    camera_from_head: NDArray[np.float32]  # (K, 3, 3) rotations


def filmed_points(frames: Frames, points: SkinPoints) -> FilmedPoints:
    """Of all chosen frames; those that the fit left out have no weight."""
    used = frames.fit.frame_used
    radiance = np.zeros((len(used), int(points.skin.sum()), 3), np.float32)
    weight = np.zeros(radiance.shape[:2], np.float32)
    for k in np.flatnonzero(used):
        frame = frames.open(int(k))
        view = frame.view_texels(points.texels, None)
        # A coarse texel covers several pixels: average them.
        half = cv2.resize(frame.linear, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        radiance[k] = np.maximum(sample_at(half, view.points_px[points.skin] * 0.5), 0.0)
        weight[k] = view.weight[points.skin]
    rotation = frames.fit.camera_from_head[:, :3, :3].astype(np.float32)
    return FilmedPoints(radiance, weight * _colour_agreement(radiance, weight), rotation)


def _colour_agreement(radiance: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
    """(K, n) in [0, 1]: whether a view shows a point in the colour that the others show."""
    colour = chroma(log_light(radiance))
    total = np.maximum(weight.sum(0), 1e-9)
    mean = np.einsum("kn,knc->nc", weight, colour) / total[:, None]
    deviation = np.linalg.norm(colour - mean, axis=2)
    return np.exp(-((deviation / CHROMA_TOLERANCE) ** 2)).astype(np.float32)


def typical_colour(filmed: FilmedPoints, plain: FloatArray) -> NDArray[np.float32]:
    """Median colour (3,) of plain skin in the brighter half: what the light falls on."""
    total = np.maximum(filmed.weight.sum(0), 1e-9)
    mean = np.einsum("kn,knc->nc", filmed.weight, filmed.radiance) / total[:, None]
    observed = mean[(plain > 0.5) & (total > 0.5)]
    return bright_half_median(observed) if len(observed) else TYPICAL_SKIN


def bright_half_median(linear: FloatArray) -> NDArray[np.float32]:
    """(3,) of the colours (n, 3) in the brighter half, without the brightest: those that shine."""
    bright = linear @ LUMINANCE
    low, high = np.quantile(bright, (0.5, 0.9))
    return np.median(linear[(bright >= low) & (bright <= high)], 0).astype(np.float32)
