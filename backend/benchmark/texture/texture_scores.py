"""A phone texture, its capture and what is known about that in; its scores out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import (
    FloatArray,
    HeadFit,
    IntArray,
    TextureSet,
)

from ...atlas.texel_map import region, texel_map
from ...imaging.log_light import LUMINANCE
from ...imaging.track_features import track_features
from ...stages.fitting.flow import normalise_contrast
from ...stages.frame_sampling.frame_sampler import Frames
from ...stages.frame_sampling.subsample import subsample
from ...stages.phone_texture.common_light import CommonLight
from ...stages.phone_texture.fidelity import (
    COVERED,
    Rerendering,
    choose_views,
    compare,
    relight,
    rerender,
)
from ..capture.capture_truth import CaptureTruth
from .ghosting import ghosting
from .true_visibility import visible_texels

# Enough for a median, few enough that the blend hardly lacks them.
HELD_BACK_VIEWS = 4
HELD_BACK_REASON = "held back"
# From side to side; a median of more only costs time.
VIEWS = 6
# Coverage is smooth; rendered truth has no more pixels of the face than this.
COVERAGE_TEXELS = 512
# Of the tracker: corners, their least contrast in the normalised image, its window (px) and levels:
# larger windows blur over marks, more levels reach so far that other marks would match.
MAX_MARKS, MIN_MARK_CONTRAST, WINDOW, PYRAMID = 600, 0.02, 15, 3
# Standard deviation (px): what is coarser is shade and shine, in which lights of views differ.
DETAIL_SIGMA_PX = 8.0
MIN_BLEED_WEIGHT = 0.1  # a sample that counts this much may be seen in the blend


@dataclass(frozen=True)
class ViewScores:
    """The texture shown again in views: medians over them; NaN: not measured."""

    sharpness: float = math.nan
    psnr_db: float = math.nan
    relit_db: float = math.nan  # the same with each view's own light given back, where they differ
    detail_db: float = math.nan  # PSNR of what is finer than DETAIL_PX: no shade, little shine
    ghosting: float = math.nan  # over the frame's own: 1 is none
    misplaced_px: float = math.nan  # p90 of the distance of marks from where frames have them


@dataclass(frozen=True)
class CoverageScores:
    """What the coverage map says against what was really to be seen, over the skin's texels."""

    precision: float = math.nan
    recall: float = math.nan
    face_recall: float = math.nan  # scalp and neck are hidden by hair and clothes
    bleed_px: float = math.nan  # how far beyond the head's true outline samples lie: p99.9


def hold_back(fit: HeadFit) -> tuple[HeadFit, HeadFit]:
    """The fit to blend with, and one that uses only the frames held back from it."""
    used = np.flatnonzero(fit.frame_used)
    held = subsample(used, HELD_BACK_VIEWS + 2)[1:-1]
    return _without(fit, held), _without(fit, np.setdiff1d(np.arange(len(fit.left_out)), held))


def _without(fit: HeadFit, frames: IntArray) -> HeadFit:
    left_out = list(fit.left_out)
    for k in frames:
        left_out[int(k)] = HELD_BACK_REASON
    return replace(fit, left_out=tuple(left_out))


def score_views(
    texture: TextureSet, frames: Frames, common_light: CommonLight | None = None
) -> ViewScores:
    """In up to VIEWS of the frames that the fit uses."""
    scores = []
    for k in choose_views(frames, VIEWS):
        rerendered = rerender(texture, frames, k)
        relit_db = math.nan
        if common_light and common_light.differs:
            relit_db, _ = compare(relight(rerendered, common_light, frames, k))
        scores.append(
            (
                *compare(rerendered),
                relit_db,
                _detail_db(rerendered),
                _ghosting(rerendered),
                _misplaced_px(rerendered),
            )
        )
    psnr_db, sharpness, *others = map(_finite_median, np.array(scores).T)
    return ViewScores(sharpness, psnr_db, *others)


def _finite_median(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan


def _detail_db(rerendered: Rerendering) -> float:
    valid = rerendered.compared.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(valid, (0, 0), DETAIL_SIGMA_PX), 1e-3)
    error = (rerendered.shown - rerendered.frame) * valid[..., None]
    error -= cv2.GaussianBlur(error, (0, 0), DETAIL_SIGMA_PX) / share[..., None]
    return float(-10.0 * np.log10(np.mean(error[rerendered.compared] ** 2)))


def _ghosting(rerendered: Rerendering) -> float:
    ours, theirs = (
        ghosting(image @ LUMINANCE, rerendered.compared)
        for image in (rerendered.shown, rerendered.frame)
    )
    return ours / max(theirs, 1e-6)


def _misplaced_px(rerendered: Rerendering) -> float:
    inside = rerendered.compared
    rows, columns = np.nonzero(inside)
    part = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    ours, theirs = (
        normalise_contrast(255.0 * (image @ LUMINANCE)[part], inside[part])
        for image in (rerendered.shown, rerendered.frame)
    )
    marks = track_features(
        theirs, ours, inside[part], MAX_MARKS, MIN_MARK_CONTRAST, WINDOW, PYRAMID
    )
    distance = np.linalg.norm(marks.offsets, axis=1)
    return float(np.percentile(distance, 90)) if len(distance) else math.nan


def score_coverage(texture: TextureSet, frames: Frames, truth: CaptureTruth) -> CoverageScores:
    """Precision and recall only for heads of our template, whose atlas the truth shares."""
    template = frames.template
    bleed = _bleed_px(frames, truth)
    if len(truth.vertices_m) != len(template.vertices_m):
        return CoverageScores(bleed_px=bleed)
    texels = texel_map(template, COVERAGE_TEXELS)
    seen_by = frames.capture.frame_index[frames.fit.frame_used]
    visible = visible_texels(texels, truth, seen_by)
    skin = texels.is_material("skin")
    covered = texels.sample(texture.coverage) > COVERED
    true_positives = float((covered & visible & skin).sum())
    face = skin & visible & (texels.interpolate(region(template, "face")) > COVERED)
    return CoverageScores(
        true_positives / max(float((covered & skin).sum()), 1.0),
        true_positives / max(float((visible & skin).sum()), 1.0),
        float(covered[face].mean()) if face.any() else math.nan,
        bleed,
    )


def _bleed_px(frames: Frames, truth: CaptureTruth) -> float:
    texels = texel_map(frames.template, COVERAGE_TEXELS)
    outside: list[FloatArray] = []
    for k in np.flatnonzero(frames.fit.frame_used):
        filmed = frames.capture.frame_index[k]
        part = read_arrays(truth.folder / "truth" / f"frame_{filmed:06d}.npz")
        head = (part["part"] > 0) & (part["part"] <= len(MATERIALS))
        away = cv2.distanceTransform((~head).astype(np.uint8), cv2.DIST_L2, 5)
        view, _ = frames.open(int(k)).sample(texels, None)
        column, row = view.points_px[view.weight > MIN_BLEED_WEIGHT].astype(int).T
        outside.append(away[row, column])
    return float(np.percentile(np.concatenate(outside), 99.9))
