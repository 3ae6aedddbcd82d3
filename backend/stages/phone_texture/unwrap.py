"""Capture, track, fit and light in; the `TextureSet` "phone" out: two passes over the frames.

The first pass, at a coarse size, finds each view's slide and low band; the second gathers the
high band at full size with those slides applied to where the frames are sampled, so that every
pixel is interpolated once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    Capture,
    FaceTrack,
    Finding,
    FloatArray,
    HeadFit,
    Progress,
    Quality,
    RoomLight,
    TextureSet,
)

from ...atlas.texel_map import TexelMap, texel_map
from ...imaging.image_files import srgb_from_linear
from ...imaging.log_light import LUMINANCE, light_from_log
from ..frame_sampling.eye_colors import SCLERA_ALBEDO
from ..frame_sampling.frame_sampler import WARP_STEP, Frames
from .alignment_picture import AlignmentPicture
from .bands import add_weighted, common_low_band, low_band
from .bare_skin import BareSkin, bare_skin
from .common_light import CommonLight
from .filmed_hair import HairVote
from .painted_parts import IN_MOUTH, MOUTH_LIGHT, lash_albedo, painted_parts
from .view_alignment import Mosaic, local_pattern

ALIGN_SIZE = 1024  # texels a side: fine enough for subpixel warps, a quarter of the work of 2048
# How steeply the best view outweighs the others in the high band.
RANK_POWER = 20
SHINE_TOLERANCE = 0.08
CERTAIN_WEIGHT = 0.25
MIN_COVERAGE = 0.35


@dataclass(frozen=True)
class ViewAlignment:
    """What the first pass learned about chosen frame `k`."""

    k: int
    warp: NDArray[np.float32]  # (M/4, M/4, 2) texels of the coarse atlas
    low: NDArray[np.float32]  # (L, L, 3) log light
    low_weight: NDArray[np.float32]  # (L, L)


@dataclass(frozen=True)
class BlendedViews:
    """The blended high band over n texels."""

    high: NDArray[np.float32]  # (n, 3) log light less the low band
    best: NDArray[np.float32]  # (n,) weight of the best view
    views: NDArray[np.uint8]  # (n,)


def unwrap(
    capture: Capture,
    track: FaceTrack,
    fit: HeadFit,
    light: RoomLight,
    template: HeadTemplate,
    quality: Quality,
    progress: Progress,
) -> TextureSet:
    """The head's texture in one light, with coverage, confidence and view count."""
    frames = Frames.of(capture, track, fit, template)
    order = _outward_order(capture, fit)
    steps = 2.0 * len(order) + 4.0
    common_light = CommonLight.of(light, template)
    texels = texel_map(template, quality.texture_size)
    vote = HairVote(texels, common_light)
    alignments, alignment = _align_views(
        frames, common_light, vote, order, quality, progress, steps
    )
    lows = np.stack([alignment.low for alignment in alignments])
    common = common_low_band(lows, np.stack([alignment.low_weight for alignment in alignments]))
    blended = _blend_views(frames, common_light, texels, alignments, common, progress, steps)
    progress(steps - 3.0, steps, "filling what was not seen")
    log_rgb = blended.high + texels.sample(common, cv2.INTER_CUBIC)
    skin = bare_skin(
        texels,
        fit.neutral_m,
        log_rgb,
        common_light.shading(texels),
        np.clip(blended.best / CERTAIN_WEIGHT, 0.0, 1.0),
        vote.result(texels),
        glasses=capture.glasses,
    )
    progress(steps - 1.0, steps, "eyes and mouth")
    hair = _hair_linear(skin)
    linear = _add_painted_parts(texels, fit, light_from_log(skin.log_rgb), light, hair)
    result = _texture_set(texels, linear, skin, blended, light)
    progress(steps, steps, "")
    return replace(result, alignment_srgb=alignment)


def _outward_order(capture: Capture, fit: HeadFit) -> list[int]:
    """The frames the solver used, from the most frontal and sharp one outwards."""
    rotation = fit.camera_from_head[:, :3, :3]
    sight = rotation[:, 2]  # the camera's forward axis in the head frame; frontal: +Y
    sharp = capture.sharpness[capture.frame_index]
    used = np.flatnonzero(fit.frame_used)
    first = used[np.argmax(sight[used, 1] + 0.2 * sharp[used])]
    return [int(k) for k in used[np.argsort(-(sight[used] @ sight[first]), kind="stable")]]


def _align_views(
    frames: Frames,
    common_light: CommonLight,
    vote: HairVote,
    order: list[int],
    quality: Quality,
    progress: Progress,
    steps: float,
) -> tuple[list[ViewAlignment], NDArray[np.float32]]:
    """First pass: align every view to the mosaic of those before it; take its low band, and count
    its hair.

    Also what that did to the blend, as `AlignmentPicture` draws it.
    """
    size = min(ALIGN_SIZE, quality.texture_size // 2)
    texels = texel_map(frames.template, size)
    mosaic, picture = Mosaic(size), AlignmentPicture(texels)
    alignments: list[ViewAlignment] = []
    for done, k in enumerate(order):
        progress(done, steps, f"aligning view {done + 1} of {len(order)}")
        frame = frames.open(k)
        vote.add(frame)
        view, log_rgb = common_light.sample(frame, texels, None)
        picture.add(False, view, log_rgb)
        weight = texels.scatter(view.weight, gutters=False)
        pattern = local_pattern(texels.scatter(log_rgb @ LUMINANCE, gutters=False), weight)
        warp = np.zeros((size // WARP_STEP, size // WARP_STEP, 2), np.float32)
        if alignments:
            warp = mosaic.warp(pattern, weight)
            view, log_rgb = common_light.sample(frame, texels, warp)
            weight = texels.scatter(view.weight, gutters=False)
            pattern = local_pattern(texels.scatter(log_rgb @ LUMINANCE, gutters=False), weight)
        mosaic.add(pattern, weight)
        picture.add(True, view, log_rgb)
        filmed = texels.scatter(log_rgb, gutters=False)
        alignments.append(ViewAlignment(k, warp, *low_band(filmed, weight)))
    return _remove_mean_warp(alignments), picture.draw()


def _remove_mean_warp(alignments: list[ViewAlignment]) -> list[ViewAlignment]:
    """The same slides, but for what all have in common: that is the first view's own error.

    The fit places the views' mean better than any of them.
    """
    size = alignments[0].warp.shape[1::-1]
    total = np.zeros_like(alignments[0].warp)
    share = np.full(size[::-1], np.finfo(np.float32).tiny, np.float32)
    for alignment in alignments:
        weight = cv2.resize(alignment.low_weight, size, interpolation=cv2.INTER_LINEAR)
        total += weight[..., None] * alignment.warp
        share += weight
    common = total / share[..., None]
    return [replace(alignment, warp=alignment.warp - common) for alignment in alignments]


def _blend_views(
    frames: Frames,
    common_light: CommonLight,
    texels: TexelMap,
    alignments: list[ViewAlignment],
    common: FloatArray,
    progress: Progress,
    steps: float,
) -> BlendedViews:
    """Second pass: the high band at full size, mostly from the views that see a texel best."""
    total = np.zeros((len(texels), 3), np.float32)
    weight_sum = np.full(len(texels), np.finfo(np.float32).tiny, np.float32)
    best = np.zeros(len(texels), np.float32)
    views = np.zeros(len(texels), np.uint8)
    sharpness = frames.capture.sharpness[frames.capture.frame_index]
    for done, alignment in enumerate(alignments):
        progress(len(alignments) + done, steps, f"blending view {done + 1} of {len(alignments)}")
        view, log_rgb = common_light.sample(frames.open(alignment.k), texels, alignment.warp)
        high = log_rgb - texels.sample(alignment.low, cv2.INTER_CUBIC)
        shine = np.maximum((alignment.low - common) @ LUMINANCE - SHINE_TOLERANCE, 0.0)
        matte = texels.sample(np.exp(-6.0 * shine))
        rank = (view.weight * np.maximum(view.cosine, 0.0) * sharpness[alignment.k]) ** RANK_POWER
        add_weighted(total, weight_sum, best, views, high, view.weight, rank * matte)
    return BlendedViews(total / weight_sum[:, None], best, views)


def _hair_linear(bare: BareSkin) -> NDArray[np.float32] | None:
    """(3,) as filmed; None: no hair."""
    log = bare.hair.colour_log
    return None if log is None else light_from_log(log)


def _add_painted_parts(
    texels: TexelMap,
    fit: HeadFit,
    linear: FloatArray,
    light: RoomLight,
    hair_linear: FloatArray | None,
) -> NDArray[np.float32]:
    """Everything but skin is drawn, as bright as the light on the clip's sclera makes it."""
    lashes = lash_albedo(hair_linear, light)
    painted, drawn = painted_parts(texels, fit, light.iris_linear, lashes)
    filmed = painted * (light.sclera_filmed / SCLERA_ALBEDO)
    filmed[texels.is_material(*IN_MOUTH)] *= MOUTH_LIGHT
    return np.where(drawn[:, None], filmed, linear)


def _texture_set(
    texels: TexelMap,
    linear: FloatArray,
    bare: BareSkin,
    blended: BlendedViews,
    light: RoomLight,
) -> TextureSet:
    skin = texels.is_material("skin")
    coverage = np.where(skin, bare.coverage, 0.0).astype(np.float32)
    views = np.where(coverage > 0.0, blended.views, 0).astype(np.uint8)
    agreement = 1.0 - 0.5 ** views.astype(np.float32)
    # Turning further does not help where hair hides the skin.
    expected = skin & (bare.hair.hidden < 0.5)
    findings = bare.findings
    share = float(coverage[expected].mean()) if expected.any() else 1.0
    if share < MIN_COVERAGE:
        percent = round(100 * share)
        findings += (
            Finding(
                "low_coverage",
                f"Only {percent} % of the head was seen; the rest is made up. "
                "Film again and turn the head further to both sides.",
            ),
        )
    return TextureSet(
        origin="phone",
        base_color_srgb=np.clip(srgb_from_linear(texels.scatter(linear)), 0.0, 1.0),
        coverage=texels.scatter(coverage),
        confidence=texels.scatter(
            (coverage * np.sqrt(blended.best) * agreement).astype(np.float32)
        ),
        view_count=texels.scatter(views),
        iris_linear=light.iris_linear,
        hair_linear=_hair_linear(bare),
        findings=findings,
    )
