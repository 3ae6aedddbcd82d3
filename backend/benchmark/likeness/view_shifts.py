"""A fitted head and its frames in; how far the views' skin must slide to lie on the others', out.

What the phone texture's first pass finds and takes back: where the fit were right in every view,
nothing would slide.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import TexelMap, region, texel_map
from ...imaging.log_light import LUMINANCE
from ...stages.frame_sampling.frame_sampler import WARP_STEP, Frames
from ...stages.phone_texture.common_light import CommonLight
from ...stages.phone_texture.unwrap import ALIGN_SIZE
from ...stages.phone_texture.view_alignment import Mosaic, local_pattern
from .subjects import Subject

SHIFTS = {"face": ("face",), "ears": ("ears",), "neck": ("neck",)}
INSIDE = 0.5  # of a region's weight
SEEN = 0.1  # of a view's weight, from which it shows a texel
FEWEST_VIEWS = 3  # of a texel: a view alone agrees with itself


def view_shifts_mm(subject: Subject) -> Mapping[str, float]:
    """By region: the median slide of a view against the mean of all, in mm at the head; NaN where
    too little is seen."""
    texels = texel_map(subject.template, ALIGN_SIZE)
    frames = Frames.of(subject.capture, subject.track, subject.fit, subject.template)
    warps, weights = _slides(frames, CommonLight.of(subject.light, subject.template), texels)
    small = texel_map(subject.template, ALIGN_SIZE // WARP_STEP)
    warp = np.stack([small.gather(one) for one in warps])
    weight = np.stack([small.gather(one) for one in weights])
    seen = weight > SEEN
    mean = (weight[..., None] * warp).sum(0) / np.maximum(weight.sum(0), 1e-9)[:, None]
    slide_mm = np.linalg.norm(warp - mean, axis=2) * _mm_per_texel(texels.size, small, subject)
    often = seen.sum(axis=0) >= FEWEST_VIEWS
    skin = small.is_material("skin")
    found = {}
    for name, regions in SHIFTS.items():
        inside = (small.interpolate(region(subject.template, *regions)) > INSIDE) & often & skin
        values = slide_mm[seen & inside]
        found[name] = float(np.median(values)) if len(values) else np.nan
    return found


def _slides(
    frames: Frames, light: CommonLight, texels: TexelMap
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Of each used frame, from the most frontal one outward: its slide (m, m, 2) in texels of the
    alignment atlas, and its weight (m, m)."""
    mosaic, size = Mosaic(texels.size), texels.size // WARP_STEP
    sight = frames.fit.camera_from_head[:, 2, :3]  # the camera's forward axis; frontal: +Y
    used = np.flatnonzero(frames.fit.frame_used)
    first = used[np.argmax(sight[used, 1])]
    warps, weights = [], []
    for k in used[np.argsort(-(sight[used] @ sight[first]), kind="stable")]:
        frame = frames.open(int(k))
        warp = None
        if warps:
            warp = mosaic.warp(*_pattern(frame, light, texels, None))
        pattern, weight = _pattern(frame, light, texels, warp)
        mosaic.add(pattern, weight)
        warps.append(np.zeros((size, size, 2), np.float32) if warp is None else warp)
        weights.append(cv2.resize(weight, (size, size), interpolation=cv2.INTER_AREA))
    return warps, weights


def _pattern(frame, light, texels, warp) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the mosaic compares (M, M), and its trust (M, M)."""
    view, log_rgb = light.sample(frame, texels, warp)
    weight = texels.scatter(view.weight, gutters=False)
    return local_pattern(texels.scatter(log_rgb @ LUMINANCE, gutters=False), weight), weight


def _mm_per_texel(size: int, texels: TexelMap, subject: Subject) -> FloatArray:
    """(n,) at each of `texels`, of an atlas of `size` texels a side: by the triangles' areas."""
    template = subject.template
    corners = subject.fit.neutral_m[template.triangles]
    on_head = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    uv = template.triangle_uv * size
    along, across = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    in_atlas = np.abs(along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0])
    return 1e3 * np.sqrt(on_head / np.maximum(in_atlas, 1e-9))[texels.triangle]
