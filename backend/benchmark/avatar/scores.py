"""A method's texture and the truth in; its scores, in views and in the atlas, out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...atlas.texel_map import texel_map
from ...imaging.image_files import linear_from_srgb, read_image_8bit, unit_from_pixels
from ...synthetic.corpus.biophysics import ita_deg
from ...synthetic.corpus.skin_marks import Moles
from ...training.identity.embedding import SCORE, load
from ..capture.capture_cases import ATLAS_COLOR_FILE, MOLES_FILE
from ..capture.capture_truth import CaptureTruth
from ..texture.true_visibility import visible_texels
from .measures import Alignment, gradient_correlation, log_luminance, psnr_db, shading_leak, ssim
from .scored_views import TrueViews

# Sizes of the atlas: visibility is smooth; a mole of 1 mm in radius wants texels of .5 mm;
# persons are told apart by what shows at a quarter of the base colour's size.
VISIBILITY_TEXELS, MOLE_TEXELS, IDENTITY_TEXELS = 512, 1024, 256
# A mole is its disc against the ring round it, in radii; it is kept with half of its contrast, a
# little aside at most: how exactly things lie is for the gradients to tell.
DISC_RADII, RING_RADII, MIN_KEPT_CONTRAST, MAX_SHIFT_M = 0.7, (1.6, 2.6), 0.5, 0.001
MIN_MOLE_RADIUS_M, MIN_MOLE_CONTRAST = 0.0010, 0.15


@dataclass(frozen=True)
class Scores:
    """NaN: there was nothing to measure. Definitions in `measures`."""

    compared: float = math.nan  # share of the true skin that the own views' scores are over
    raw_db: float = math.nan  # own views
    aligned_db: float = math.nan
    ssim: float = math.nan  # aligned
    gradients: float = math.nan
    leak: float = math.nan
    ita_error_deg: float = math.nan  # signed: positive is too light
    seen_db: float = math.nan  # in the atlas, aligned as in the views
    unseen_db: float = math.nan
    moles_kept: float = math.nan  # share of those that the views show
    moles_seen: float = math.nan  # how many those are
    identity_distance: float = math.nan  # 1 - cosine; 0 is the same person
    relit_db: float = math.nan
    relit_ssim: float = math.nan


def score_views(shown: FloatArray, views: TrueViews) -> tuple[dict[str, float], Alignment]:
    """The scores of a texture as `shown` in the capture's own views, sRGB (T, H, W, 3), by the
    names of `Scores`, and the alignment that its tone lacks there."""
    truth, inside = views.unlit_srgb, views.inside
    alignment = Alignment.between(shown, truth, inside)
    aligned = alignment(shown)
    tones = [np.median(linear_from_srgb(i[views.plain]), axis=0) for i in (shown, truth)]
    return {
        "compared": views.compared,
        "raw_db": psnr_db(shown, truth, inside),
        "aligned_db": psnr_db(aligned, truth, inside),
        "ssim": ssim(aligned, truth, inside),
        "gradients": gradient_correlation(shown, truth, inside),
        "leak": shading_leak(shown, truth, views.filmed_srgb, inside),
        "ita_error_deg": float(ita_deg(tones[0]) - ita_deg(tones[1])),
    }, alignment


@dataclass(frozen=True)
class Mole:
    """Texels of MOLE_TEXELS: its inside (n,) wherever it may lie, and the skin round it (m,)."""

    discs: tuple[IntArray, ...]
    ring: IntArray

    def contrast(self, log: FloatArray) -> float:
        """How much darker it is in log luminance, of all texels' (N,), where it is darkest."""
        return float(np.median(log[self.ring]) - min(log[disc].mean() for disc in self.discs))


@dataclass(frozen=True)
class AtlasTruth:
    """What is known about a capture's skin in our own atlas."""

    template: HeadTemplate
    color_srgb: NDArray[np.float32]  # (N, N, 3)
    seen: BoolArray | None  # (n,) texels of VISIBILITY_TEXELS; None for a head that is not ours
    moles: tuple[Mole, ...]

    @classmethod
    def of(
        cls, folder: Path, template: HeadTemplate, truth: CaptureTruth, views: IntArray
    ) -> AtlasTruth:
        """`folder`: the case's; `views` (k,): those of the capture that the fit uses."""
        color = unit_from_pixels(read_image_8bit(folder / ATLAS_COLOR_FILE))
        if len(truth.vertices_m) != len(template.vertices_m):
            return cls(template, color, None, ())
        table = texel_map(template, VISIBILITY_TEXELS)
        seen = visible_texels(table, truth, views)
        moles = Moles(**read_arrays(folder / MOLES_FILE))
        return cls(template, color, seen, visible_moles(template, truth.vertices_m, moles, seen))

    def score(self, texture: FloatArray, alignment: Alignment) -> dict[str, float]:
        """The atlas' scores of an sRGB texture (N, N, 3), by the names of `Scores`."""
        scores = {"identity_distance": identity_distance(texture, self.color_srgb)}
        if self.seen is None:
            return scores
        table = texel_map(self.template, VISIBILITY_TEXELS)
        ours, theirs = (table.sample(i, cv2.INTER_AREA) for i in (texture, self.color_srgb))
        ours, skin = alignment(ours), table.is_material("skin")
        for name, inside in (("seen_db", skin & self.seen), ("unseen_db", skin & ~self.seen)):
            scores[name] = psnr_db(ours, theirs, inside) if inside.any() else math.nan
        scores["moles_kept"], scores["moles_seen"] = self._moles_kept(texture)
        return scores

    def _moles_kept(self, texture: FloatArray) -> tuple[float, int]:
        table = texel_map(self.template, MOLE_TEXELS)
        ours, theirs = (
            log_luminance(table.sample(i, cv2.INTER_AREA)) for i in (texture, self.color_srgb)
        )
        kept = [
            mole.contrast(ours) >= MIN_KEPT_CONTRAST * mole.contrast(theirs)
            for mole in self.moles
            if mole.contrast(theirs) >= MIN_MOLE_CONTRAST
        ]
        return (float(np.mean(kept)) if kept else math.nan), len(kept)


def visible_moles(
    template: HeadTemplate, vertices_m: FloatArray, moles: Moles, seen: BoolArray
) -> tuple[Mole, ...]:
    """Those of MIN_MOLE_RADIUS_M or more on a head (V, 3) that lie on `seen` (n,) texels of
    VISIBILITY_TEXELS."""
    coarse, fine = (
        texel_map(template, size).interpolate(vertices_m.astype(np.float32))
        for size in (VISIBILITY_TEXELS, MOLE_TEXELS)
    )
    shown, tree = seen[cKDTree(coarse).query(moles.position_m)[1]], cKDTree(fine)
    found = []
    for k in np.flatnonzero(shown & (moles.radius_m >= MIN_MOLE_RADIUS_M)):
        place, radius = moles.position_m[k], moles.radius_m[k]
        near = np.array(tree.query_ball_point(place, MAX_SHIFT_M + RING_RADII[1] * radius), int)
        away = np.linalg.norm(fine[near] - place, axis=1)
        within = fine[near[away < MAX_SHIFT_M]]
        discs = [np.array(d, int) for d in tree.query_ball_point(within, DISC_RADII * radius)]
        ring = near[away > MAX_SHIFT_M + RING_RADII[0] * radius]
        if discs and len(ring):
            found.append(Mole(tuple(discs), ring))
    return tuple(found)


def identity_distance(texture_srgb: FloatArray, truth_srgb: FloatArray) -> float:
    """1 - cosine, in [0, 2], of the scoring network's vectors of two textures (N, N, 3); it is
    in no training's loss."""
    images = [
        cv2.resize(image, (IDENTITY_TEXELS, IDENTITY_TEXELS), interpolation=cv2.INTER_AREA)
        for image in (texture_srgb, truth_srgb)
    ]
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    with torch.no_grad():
        ours, theirs = load(SCORE)(batch)
    return float(1.0 - ours @ theirs)
