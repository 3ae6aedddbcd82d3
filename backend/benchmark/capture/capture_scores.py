"""A solved capture and what is known about it in, its errors out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.frames import inverse_rigid
from studio_avatar_addon.avatar.labels import BACKGROUND, SKIN
from studio_avatar_addon.avatar.types import Capture, FloatArray, HeadFit, IntArray

from ...geometry.closest import Surface
from ...stages.fitting.outline_fit import FilmedOutline, outline_gaps_px
from ...stages.fitting.silhouette import person_outline
from ...stages.fitting.solution import Solution
from ..figures import MM_PER_M
from ..head.surface_figures import REGIONS, Ruler
from .capture_truth import CaptureTruth


@dataclass(frozen=True)
class CaptureScores:
    """NaN: nothing to measure it by. A pair is the median and the largest (rotation) or what nine
    tenths stay below."""

    rotation_deg: tuple[float, float] = (math.nan, math.nan)
    position_mm: float = math.nan  # of the camera, on the head laid on the true one; median
    focal_percent: float = math.nan
    surface_mm: tuple[tuple[float, float], ...] = ((math.nan, math.nan),) * len(REGIONS)
    outline_px: tuple[float, float] = (math.nan, math.nan)
    track_px: tuple[float, float] = (math.nan, math.nan)


MASKED = 127  # of 255: half a pixel is the head's
UNMEASURED = CaptureScores()


def score_clip(solution: Solution) -> CaptureScores:
    """What can be said without truth: outlines against the masks, where bare, and tracks."""
    problem, estimate = solution.problem, solution.estimate
    gaps = outline_gaps_px(problem, estimate, solution.filmed)
    return CaptureScores(
        outline_px=_median_and_p90([gaps[k] for k in solution.frames if k in gaps]),
        track_px=_median_and_p90(_track_errors(solution)),
    )


def score_capture(
    solution: Solution, fit: HeadFit, capture: Capture, truth: CaptureTruth, ruler: Ruler
) -> CaptureScores:
    """Errors over the frames that the solution rests on."""
    frames = solution.frames
    views = capture.frame_index[frames]
    found, true = fit.camera_from_head[frames], truth.camera_from_head[views]
    surface = Surface(truth.vertices_m, truth.skin_triangles)
    distances = ruler.measure(fit.neutral_m.astype(np.float64), surface)
    apart = distances.alignment(inverse_rigid(found)[:, :3, 3]) - inverse_rigid(true)[:, :3, 3]
    angle = rotation_errors_deg(found[:, :3, :3], true[:, :3, :3])
    clip = score_clip(solution)
    return CaptureScores(
        rotation_deg=(float(np.median(angle)), float(angle.max())),
        position_mm=MM_PER_M * float(np.median(np.linalg.norm(apart, axis=1))),
        focal_percent=100.0 * (fit.camera.focal_px[0] / truth.camera.focal_px[0] - 1.0),
        surface_mm=tuple(zip(distances.median, distances.p90, strict=True)),
        outline_px=_true_outlines(solution, frames, views, truth) or clip.outline_px,
        track_px=clip.track_px,
    )


def rotation_errors_deg(found: FloatArray, true: FloatArray) -> FloatArray:
    """(K,) between rotations (K, 3, 3), after the one turn of the head's frame that suits all.

    Where a head faces is a convention of its frame, which a fitted shape only knows roughly.
    """
    u, _, vt = np.linalg.svd(np.einsum("kji,kjl->il", found, true))
    turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    left = np.einsum("kij,jl,kml->kim", found, turn, true)
    cosine = (np.trace(left, axis1=1, axis2=2) - 1.0) / 2.0
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _true_outlines(
    solution: Solution, frames: IntArray, views: IntArray, truth: CaptureTruth
) -> tuple[float, float] | None:
    """Of the whole head against rendered masks, hair or not; None where there are none."""
    problem, filmed = solution.problem, {}
    for k, view in zip(frames.tolist(), views, strict=True):
        mask = truth.mask(int(view))
        if mask is None:
            continue
        head = np.where(mask > MASKED, SKIN, BACKGROUND).astype(np.uint8)
        px_per_m = solution.estimate.px_per_m(k)
        outline = person_outline(mask, head, problem.landmarks.pixels[k], px_per_m)
        if outline is not None:
            filmed[k] = FilmedOutline(outline)
    if not filmed:
        return None
    return _median_and_p90(list(outline_gaps_px(problem, solution.estimate, filmed).values()))


def _track_errors(solution: Solution) -> list[FloatArray]:
    errors = []
    for group in solution.points:
        error = group.error_px(solution.estimate, solution.problem.center_px)
        errors.append(np.linalg.norm(error[:, 1:], axis=2)[group.tracks.visible[:, 1:]])
    return errors


def _median_and_p90(parts: list[FloatArray]) -> tuple[float, float]:
    values = np.concatenate(parts) if parts else np.zeros(0)
    if not len(values):
        return math.nan, math.nan
    return float(np.median(values)), float(np.percentile(values, 90))
