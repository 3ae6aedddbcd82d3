"""Texels that some view saw in; every texel with a colour out.

What was not seen is taken from the other side of the face, shifted to join its surroundings, and
where that was not seen either from a smooth membrane over the head's surface. The membrane lives
on the vertices, where the atlas has no seams.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ..imaging.log_light import TYPICAL_SKIN
from .texel_map import TexelMap, region, sample_at

# Pull of the neighbours against a vertex' own texels, of which some twenty count as certain.
SMOOTHNESS = 0.3
# Faint pull to the typical colour: it wins some three quads away from what was seen.
ANCHOR = 0.03
NOT_BARE = ("scalp", "brows", "lips", "eyelids", "nostrils", "neck", "ears")
MIN_SCALP_VERTICES = 20  # with fewer, their median would be a stray colour's
# The inside of a nostril against plain skin: dark, and red.
NOSTRIL_LOG = np.array([-1.7, -2.4, -2.5], np.float32)
# Texels from unseen ones within which a lip may be the dark between the lips, a neck the collar.
RIM_2048, RIM_PARTS = 6, ("lips", "nostrils", "neck")
# The membrane misses what varies within a quad; that remainder fades out over this many texels
# of the coarse grid.
FADE_SIZE = 512
FADE_SIGMAS = (1.5, 4.0, 10.0)


@dataclass(frozen=True)
class Inpainted:
    """`log_rgb` (n, 3) everywhere; `invented` (n,) in [0, 1]: share that no view or twin gave."""

    log_rgb: NDArray[np.float32]
    invented: NDArray[np.float32]


def erode_doubtful_edges(texels: TexelMap, coverage: FloatArray) -> NDArray[np.float32]:
    """`seen` (n,) less its rim on lips, nostrils and neck: a fit error shows there what lies
    behind, and a collar casts its shadow."""
    reach = max(round(RIM_2048 * texels.size / 2048), 2)
    image = texels.scatter(coverage.astype(np.float32))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inner = texels.gather(cv2.GaussianBlur(cv2.erode(image, disc), (0, 0), reach / 2))
    doubtful = texels.interpolate(region(texels.template, *RIM_PARTS))
    return coverage + doubtful * (np.minimum(coverage, inner) - coverage)


def inpaint(
    texels: TexelMap, log_rgb: FloatArray, coverage: FloatArray, twin: FloatArray
) -> Inpainted:
    """Fill unseen skin: `log_rgb` (n, 3), `seen` (n,) in [0, 1], `twin` (n, 2) coordinates."""
    weight = np.where(texels.is_material("skin"), coverage, 0.0).astype(np.float32)
    typical = _typical_colours(texels, log_rgb, weight)
    smooth = extrapolate(texels, log_rgb, weight, typical)
    mirrored, mirror_coverage = _mirror(texels, log_rgb, weight, twin)
    # A nostril is seen in specks, from one side: its twin is no evidence.
    mirror_coverage *= 1.0 - texels.interpolate(region(texels.template, "nostrils"))
    both = weight * mirror_coverage
    offset = extrapolate(texels, log_rgb - mirrored, both, np.zeros_like(typical))
    other = smooth + mirror_coverage[:, None] * (mirrored + offset - smooth)
    filled = other + weight[:, None] * (log_rgb - other)
    return Inpainted(filled, (1.0 - weight) * (1.0 - mirror_coverage))


def extrapolate(
    texels: TexelMap, values: FloatArray, weight: FloatArray, typical: FloatArray
) -> NDArray[np.float32]:
    """Values (n, C) known where `weight` (n,) says so, continued over all skin.

    `typical` (V, C): what the vertices tend to, far from anything known.
    """
    at_vertices, total = texels.to_vertices(values, weight)
    membrane = texels.interpolate(surface_membrane(texels.template, at_vertices, total, typical))
    residual = _fade_out(texels, values - membrane, weight)
    return membrane + residual


def _typical_colours(
    texels: TexelMap, log_rgb: FloatArray, weight: FloatArray
) -> NDArray[np.float32]:
    """(V, 3) median colour of the seen skin; of scalp and lips their own."""
    at_vertices, total = texels.to_vertices(log_rgb, weight)
    observed = total > 0.5
    scalp = region(texels.template, "scalp")
    covered = region(texels.template, *NOT_BARE)
    skin = at_vertices[observed & (covered < 0.2)]
    bald = at_vertices[observed & (scalp > 0.8)]
    skin_colour = np.median(skin, 0) if len(skin) else np.log(TYPICAL_SKIN)
    scalp_colour = np.median(bald, 0) if len(bald) >= MIN_SCALP_VERTICES else skin_colour
    lips = region(texels.template, "lips")
    lip = at_vertices[observed & (lips > 0.8)]
    lip_colour = np.median(lip, 0) if len(lip) else skin_colour
    typical = skin_colour + scalp[:, None] * (scalp_colour - skin_colour)
    typical += lips[:, None] * (lip_colour - skin_colour)
    typical += region(texels.template, "nostrils")[:, None] * NOSTRIL_LOG
    return typical.astype(np.float32)


def surface_membrane(
    template: HeadTemplate, values: FloatArray, weight: FloatArray, typical: FloatArray
) -> NDArray[np.float32]:
    """The smoothest vertex values (V, C): (W + s L + e) x = W v + e u."""
    skin = np.flatnonzero(template.quad_material == MATERIALS.index("skin"))
    quads = template.quads[skin]
    edge = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    count = len(values)
    adjacency = scipy.sparse.coo_matrix(
        (np.ones(len(edge)), (edge[:, 0], edge[:, 1])), shape=(count, count)
    ).tocsr()
    adjacency = ((adjacency + adjacency.T) > 0).astype(float)
    laplacian = scipy.sparse.csgraph.laplacian(adjacency)
    observed = np.minimum(weight / 20.0, 1.0).astype(float)
    system = scipy.sparse.diags(observed + ANCHOR) + SMOOTHNESS * laplacian
    right = observed[:, None] * values + ANCHOR * typical
    return scipy.sparse.linalg.splu(system.tocsc()).solve(right).astype(np.float32)


def _mirror(
    texels: TexelMap, log_rgb: FloatArray, weight: FloatArray, twin: FloatArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours of the other side (n, 3) and how well it was seen (n,)."""
    has_twin = np.isfinite(twin[:, 0]).astype(np.float32)
    image = texels.scatter(np.concatenate([log_rgb, weight[:, None]], 1).astype(np.float32))
    sampled: NDArray[np.float32] = sample_at(image, twin)
    return sampled[:, :3], sampled[:, 3] * has_twin


def _fade_out(texels: TexelMap, residual: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
    """The observed residual (n, C), continued and fading to 0 away from where it was observed."""
    size = (FADE_SIZE, FADE_SIZE)
    total = texels.scatter(residual * weight[:, None], gutters=False)
    total = cv2.resize(total, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(texels.scatter(weight, gutters=False), size, interpolation=cv2.INTER_AREA)
    if total.ndim == 2:
        total = total[..., None]
    faded = np.zeros_like(total)
    left = np.ones_like(share)
    for sigma in FADE_SIGMAS:
        near = cv2.GaussianBlur(share, (0, 0), sigma)
        mean = cv2.GaussianBlur(total, (0, 0), sigma).reshape(total.shape)
        trust = left * np.minimum(near * 4.0, 1.0)
        faded += (trust / np.maximum(near, 1e-6))[..., None] * mean
        left = left - trust
    return texels.sample(faded).reshape(len(texels), -1)
