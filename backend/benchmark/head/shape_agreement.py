"""How far the template's shapes agree with the reference's, over what the reference's move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...registration.reference_head import ReferenceHead
from ..figures import Figure, Target
from .wrap import Wrap

# The project's targets; below .6 a shape is another movement than ARKit's of that name.
MEAN_COSINE_TARGET, MIN_COSINE_TARGET = Target(0.85, at_least=True), Target(0.6, at_least=True)
AMPLITUDE_TOLERANCE = 0.25  # how far from 1
MIN_SUPPORT = 0.05  # of a shape's largest movement: what moves less does not count


@dataclass(frozen=True)
class Agreement:
    """`cosine` between both deltas over their support; `amplitude`: ours by the reference's."""

    shape: str
    cosine: float
    amplitude: float


def agreements(template: HeadTemplate, reference: ReferenceHead, wrap: Wrap) -> list[Agreement]:
    """Of every shape that the reference has."""
    found = []
    for name in SHAPE_NAMES:
        theirs = _reference_delta(name, reference, wrap)
        if theirs is None:
            continue
        reach = np.linalg.norm(theirs, axis=1)
        support = wrap.trusted & (reach > MIN_SUPPORT * reach.max())
        ours = template.shape_deltas_m[SHAPE_INDEX[name]][support].astype(np.float64)
        there = theirs[support]
        lengths = np.linalg.norm(ours), np.linalg.norm(there)
        cosine = float((ours * there).sum() / (lengths[0] * lengths[1]))
        found.append(Agreement(name, cosine, float(lengths[0] / lengths[1])))
    return found


def _reference_delta(name: str, reference: ReferenceHead, wrap: Wrap) -> FloatArray | None:
    """(V, 3) metres in the template's size and frame; None where the reference has no such shape.

    What is one shape in ARKit may be a left and a right one there.
    """
    names = (name, f"{name}_L", f"{name}_R")
    if name.endswith(("Left", "Right")) and name not in reference.expression_names:
        stem = name.removesuffix("Left").removesuffix("Right")
        names = (f"{stem}_{'L' if name.endswith('Left') else 'R'}",)
    present = [n for n in names if n in reference.expression_names]
    if not present:
        return None
    delta = np.sum([reference.expression(n) for n in present], axis=0).astype(np.float64)
    to_head = wrap.head_from_reference
    return to_head.scale * wrap.transfer(delta) @ to_head.rotation.T


def agreement_figures(found: list[Agreement]) -> list[Figure]:
    """The mean, the extremes, then each shape."""
    cosine = np.array([agreement.cosine for agreement in found])
    amplitude = np.array([agreement.amplitude for agreement in found])
    outside = int((np.abs(amplitude - 1.0) > AMPLITUDE_TOLERANCE).sum())
    figures = [
        Figure("mean cosine", float(cosine.mean()), "", MEAN_COSINE_TARGET),
        Figure("least cosine", float(cosine.min()), "", MIN_COSINE_TARGET),
        Figure(f"shapes beyond {AMPLITUDE_TOLERANCE:.0%} of amplitude", outside, "", Target(0)),
    ]
    for agreement in found:
        figures.append(
            Figure(f"  {agreement.shape} cosine", agreement.cosine, "", MIN_COSINE_TARGET)
        )
        figures.append(Figure(f"  {agreement.shape} amplitude", agreement.amplitude, "x"))
    return figures
