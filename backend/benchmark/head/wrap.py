"""The head template and a reference head in, the template laid on the reference's skin out.

Non-rigid iterative closest points: landmarks first, or nose and lips slide; then smooth modes,
coarse to fine; then every vertex by itself, held together by the Laplacian of its movement. Upper
and lower lip lie on each other, and so do lids when they close: each is laid on its own only.

The reference's identities and expressions share its topology, so one wrap serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ...geometry.closest import Surface
from ...geometry.similarity import IDENTITY, Similarity, align_to_surface
from ...registration.correspondence import landmark_similarity, material_vertices
from ...registration.nonrigid import NonRigidRegistration, fit_modes, fit_vertices
from ...registration.reference_head import ReferenceHead

# In the checkout, as the reference is known to developers only.
CACHE = Path(__file__).parents[3] / ".cache" / "benchmark"
CACHE_FORMAT = 1  # one more whenever the way of wrapping changes
MAX_WRAP_DISTANCE_M = 0.0015  # a wrapped vertex further off than this has no counterpart


@dataclass(frozen=True)
class Wrap:
    """For each of the template's V vertices a place on the reference's skin."""

    triangle_vertices: NDArray[np.int32]  # (V, 3) reference vertices
    weights: NDArray[np.float64]  # (V, 3) barycentric
    distance_m: NDArray[np.float64]  # (V,) left between the wrapped template and its place
    trusted: BoolArray  # (V,) outer skin that has a counterpart
    head_from_reference: Similarity

    def transfer(self, values: FloatArray) -> FloatArray:
        """Values (N, C) of the reference's vertices at the template's (V, C), zero if untrusted.

        Positions and deltas keep the reference's size and frame; `head_from_reference` leads on.
        """
        picked = np.einsum("vk,vkc->vc", self.weights, values[self.triangle_vertices])
        return np.where(self.trusted[:, None], picked, 0.0)


def cached_wrap(template: HeadTemplate, reference: ReferenceHead, folder: Path = CACHE) -> Wrap:
    """`wrap_template`, from `folder` where the same was made before; else made and stored there."""
    path = folder / f"wrap_{CACHE_FORMAT}_{template.sha256[:16]}_{reference.sha256[:16]}.npz"
    try:
        return _from_arrays(read_arrays(path), len(template.vertices_m), len(reference.vertices_m))
    except (OSError, ValueError, KeyError, IndexError):
        made = wrap_template(template, reference)
        to_head = made.head_from_reference
        write_arrays(
            path,
            triangle_vertices=made.triangle_vertices,
            weights=made.weights,
            distance_m=made.distance_m,
            trusted=made.trusted,
            scale=np.array(to_head.scale),
            rotation=to_head.rotation,
            shift_m=to_head.shift_m,
        )
        return made


def _from_arrays(stored: dict[str, NDArray], count: int, reference_count: int) -> Wrap:
    """Raises KeyError or ValueError unless they are a wrap of `count` vertices."""
    place = stored["triangle_vertices"]
    if place.shape != (count, 3) or place.min() < 0 or place.max() >= reference_count:
        raise ValueError("the wrap is of another template")
    return Wrap(
        place,
        stored["weights"].reshape(count, 3),
        stored["distance_m"].reshape(count),
        stored["trusted"].reshape(count),
        Similarity(float(stored["scale"]), stored["rotation"], stored["shift_m"]),
    )


def wrap_template(template: HeadTemplate, reference: ReferenceHead) -> Wrap:
    """Lay the template on the reference's neutral skin. Some 10 s.

    Raises TemplateError as `landmark_similarity` does.
    """
    to_head = landmark_similarity(template, reference)
    surface = Surface(to_head(reference.vertices_m), reference.skin_triangles)
    skin = material_vertices(template, "skin")
    from_template = align_to_surface(
        template.vertices_m[skin].astype(np.float64), np.ones(skin.sum()), surface, IDENTITY
    )
    # Move the reference instead: the template stays at life size, in its own frame.
    to_head = to_head.then(from_template.inverse)
    registration = NonRigidRegistration.between(template, reference, to_head)
    vertices = fit_vertices(registration, fit_modes(registration))
    pairs = registration.find_pairs(vertices, MAX_WRAP_DISTANCE_M)
    return Wrap(
        reference.skin_triangles[pairs.places.triangle],
        pairs.places.weights,
        pairs.places.distance_m,
        pairs.valid,
        to_head,
    )
