"""What corresponds on the head template and on the reference head: landmarks, lips and lids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import TemplateError
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ..detector.landmark_indices import IBUG_51
from ..geometry.similarity import Similarity, fit_similarity
from .reference_head import BROWS, ReferenceHead

BROW_SHARE = 0.05  # weight of a brow's landmark against another's
# In the median; a table that belongs to the template is not off by this.
MAX_LANDMARK_ERROR_M = 0.012

# What a place near the mouth or an eye belongs to; a place is never paired with its opposite.
FREE, UPPER_LIP, LOWER_LIP, UPPER_LID, LOWER_LID = range(5)
OPPOSITE = {UPPER_LIP: LOWER_LIP, LOWER_LIP: UPPER_LIP, UPPER_LID: LOWER_LID, LOWER_LID: UPPER_LID}
# Round the landmarks on lips and lids: as wide as those are, no wider, or chin and cheek are cut
# off.
LIP_RADIUS_M, LID_RADIUS_M = 0.012, 0.006
# Shares of the jaw's drop: the lower lip goes with it, the upper stays, the corners do neither.
LOWER_LIP_JAW_SHARE, UPPER_LIP_JAW_SHARE = 0.6, 0.4
# Into the 51 landmarks
UPPER_LID_LANDMARKS, LOWER_LID_LANDMARKS = [20, 21, 26, 27], [23, 24, 29, 30]
EYE_CORNERS = [19, 22, 25, 28]
FIRST_LIP = 31


def landmark_similarity(template: HeadTemplate, reference: ReferenceHead) -> Similarity:
    """The reference's frame to the template's, by landmarks alone.

    Raises TemplateError where the template's landmarks are not where a face's are.
    """
    own, weights = template_landmarks_m(template), landmark_weights()
    found = fit_similarity(reference.landmarks_m, own, weights)
    off = np.linalg.norm(found(reference.landmarks_m) - own, axis=1)[BROWS:]
    if np.median(off) > MAX_LANDMARK_ERROR_M:
        raise TemplateError(
            f"The landmarks of the head template {template.name} are not on its face.",
            "Learn them again: `python -m backend landmarks`, then `python -m backend template`.",
        )
    return found


def template_landmarks_m(template: HeadTemplate) -> FloatArray:
    """(51, 3) m, the template's points at the reference's landmarks."""
    return template.landmarks_m(template.vertices_m.astype(np.float64))[list(IBUG_51)]


def landmark_weights() -> FloatArray:
    """(51,) one each, brows less."""
    weights = np.ones(len(IBUG_51))
    weights[:BROWS] = BROW_SHARE
    return weights


def material_vertices(template: HeadTemplate, *materials: str) -> BoolArray:
    """(V,) vertices of faces of these materials."""
    codes = [MATERIALS.index(name) for name in materials]
    found = np.zeros(len(template.vertices_m), bool)
    found[template.quads[np.isin(template.quad_material, codes)]] = True
    return found


def template_lips_and_lids(template: HeadTemplate) -> NDArray[np.int8]:
    """(V,) FREE or the lip or lid that a vertex belongs to."""
    opened = template.shape_deltas_m[SHAPE_INDEX["jawOpen"]]
    return _lips_and_lids(
        template.vertices_m.astype(np.float64), template_landmarks_m(template), opened
    )


def reference_lips_and_lids(reference: ReferenceHead) -> NDArray[np.int8]:
    """(N,) FREE or the lip or lid that a vertex of the reference belongs to."""
    return _lips_and_lids(
        reference.vertices_m, reference.landmarks_m, reference.expression("jawOpen")
    )


def _lips_and_lids(
    vertices_m: FloatArray, landmarks_m: FloatArray, opened_m: FloatArray
) -> NDArray[np.int8]:
    sides = np.full(len(vertices_m), FREE, np.int8)
    away = np.linalg.norm(vertices_m[:, None] - landmarks_m[None], axis=2)
    mouth = away[:, FIRST_LIP:].min(axis=1) < LIP_RADIUS_M
    jaw_share = -opened_m[:, 2] / (-opened_m[mouth, 2]).max()
    sides[mouth & (jaw_share > LOWER_LIP_JAW_SHARE)] = LOWER_LIP
    sides[mouth & (jaw_share < UPPER_LIP_JAW_SHARE)] = UPPER_LIP
    upper, lower, corner = (
        away[:, names].min(axis=1)
        for names in (UPPER_LID_LANDMARKS, LOWER_LID_LANDMARKS, EYE_CORNERS)
    )
    lid = (np.minimum(upper, lower) < LID_RADIUS_M) & (corner > np.minimum(upper, lower))
    sides[lid] = np.where(upper < lower, UPPER_LID, LOWER_LID)[lid]
    return sides
